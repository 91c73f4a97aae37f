// SPDX-License-Identifier: MIT
// The devices of the machine that have no state of their own and are shared: VideoCore's mailbox,
// GPIO, reset. Also which model of Raspberry Pi this is.

#ifndef PORTS_RPI_AARCH64_DRIVERS_BOARD_H
#define PORTS_RPI_AARCH64_DRIVERS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpio.h"
#include "mailbox.h"

// Model numbers as in bits 11 to 4 of the board revision code.
typedef enum _board_model_t {
    BOARD_MODEL_3B = 0x08,
    BOARD_MODEL_CM3 = 0x0a,
    BOARD_MODEL_3B_PLUS = 0x0d,
    BOARD_MODEL_3A_PLUS = 0x0e,
    BOARD_MODEL_CM3_PLUS = 0x10,
    BOARD_MODEL_4B = 0x11,
    BOARD_MODEL_ZERO_2_W = 0x12,
    BOARD_MODEL_400 = 0x13,
    BOARD_MODEL_CM4 = 0x14,
    BOARD_MODEL_CM4S = 0x15,
    BOARD_MODEL_UNKNOWN = 0x100,
    BOARD_MODEL_ANY = 0x101, // in a table: every model
} board_model_t;

// One of the boards that the image serves. In the table, rows of one model precede a row of any model.
typedef struct _board_name_t {
    const char *soc;        // as in soc_t
    board_model_t model;
    const char *name;       // of the board's folder
} board_name_t;

// Generated from boards/*/board.json.
extern const board_name_t board_names[];
extern const size_t board_name_count;

extern mailbox_t board_mailbox;
extern gpio_t board_gpio; // base 0: this machine has no such block

// Sets up both from `soc`. uart_init(), which needs them first, calls it; a second call does no harm.
void board_init(void);

// Sets the ARM's clock to its highest rate: the firmware starts a kernel at the lowest (600 MHz on most boards) and
// leaves the rest to it.
void board_raise_clock(void);

// The core clock of VideoCore in Hz, from which I2C and SPI derive theirs. Each call asks the firmware, which may
// change the rate unless config.txt has enable_uart=1 or core_freq.
uint32_t board_core_clock(void);

// The build time of the firmware, seconds since 1970; 0 when none answers.
uint32_t board_firmware(void);

// Returns the model. Only the first call asks the firmware.
board_model_t board_model(void);

// Returns the name of this machine's board, or of its SoC if the image serves no board with that SoC.
const char *board_name(void);

// Resets or switches off the machine. Neither returns: the core sleeps if the hardware does not react.
void board_reset(void) __attribute__((noreturn));
void board_off(void) __attribute__((noreturn));

typedef enum _board_reset_cause_t {
    BOARD_RESET_UNKNOWN,
    BOARD_RESET_POWER_ON,
    BOARD_RESET_SOFTWARE, // asked for by software, which on these SoCs goes through the watchdog
} board_reset_cause_t;

// Why the machine started. The firmware's own resets during a start can hide a power-on.
board_reset_cause_t board_reset_cause(void);

#endif // PORTS_RPI_AARCH64_DRIVERS_BOARD_H
