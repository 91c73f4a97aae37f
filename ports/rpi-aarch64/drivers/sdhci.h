// SPDX-License-Identifier: MIT
// An SD host controller with the registers of the SD Host Controller Simplified Specification: the Arasan of BCM2837
// and EMMC2 of BCM2711. Commands, and data through the controller's FIFO; polled, no interrupt, no DMA. From the
// thread only. Every wait ends by the clock.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SDHCI_H
#define PORTS_RPI_AARCH64_DRIVERS_SDHCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum _sd_result_t {
    SD_OK,
    SD_NO_CARD,     // nothing answers
    SD_CHANGED,     // another card answers than the one that was there
    SD_TIMEOUT,     // card or controller did not answer in time
    SD_CRC,         // what arrived was damaged
    SD_REFUSED,     // the card answered that it failed
    SD_PROTECTED,   // the card does not take writes
    SD_RANGE,       // beyond the card's end
    SD_UNSUPPORTED, // a kind of card that the driver does not know
} sd_result_t;

typedef struct _sdhci_t {
    uintptr_t base;
    uint32_t base_clock;    // Hz that the SD clock is made of
    bool arasan;            // a register write that follows another too soon is lost; no high-speed timing
    uint64_t gap;           // ticks that have to pass between two register writes
    uint64_t last_write;    // ticks
    uint32_t response[4];   // of the last command, lowest bits first; of 136 bits the CRC byte is left out
} sdhci_t;

// Commands: the upper half of the register TRANSFER+COMMAND. The response of an R1B command is followed by the card's
// busy time, which is waited for.
#define SDHCI_R0            (0u)
#define SDHCI_R1            (0x1au << 16)
#define SDHCI_R1B           (0x1bu << 16)
#define SDHCI_R2            (0x09u << 16)
#define SDHCI_R3            (0x02u << 16)   // neither CRC nor index are in it
#define SDHCI_R6            SDHCI_R1
#define SDHCI_R7            SDHCI_R1
#define SDHCI_ABORT         (3u << 22)
#define SDHCI_COMMAND(index, response) ((uint32_t)(index) << 24 | (response))

// Resets the controller, powers the card and gives it the clock of identification. False: the controller does not do
// what it is told. base, base_clock and arasan are set.
bool sdhci_start(sdhci_t *host);

// Sets the clock to the highest rate up to `hz`. False if it does not become stable; it is off then.
bool sdhci_set_clock(sdhci_t *host, uint32_t hz);

// Data on four lines.
void sdhci_set_wide(sdhci_t *host);

// Data and commands change at the other edge, for clocks above 25 MHz, where the controller has it.
void sdhci_set_high_speed(sdhci_t *host);

// Sends a command without data.
sd_result_t sdhci_command(sdhci_t *host, uint32_t command, uint32_t argument);

// A data command of `count` blocks of `size` bytes each (a multiple of 4, 512 at most; count to 65535). With more than
// one block the controller sends CMD12 at the end. The response is an R1, and its errors end the command before data is
// waited for. After anything but SD_OK the lines are to be reset.
typedef struct _sdhci_transfer_t {
    unsigned index;
    uint32_t argument;
    uint32_t size;
    uint32_t count;
    void *read;             // where data goes to, else NULL
    const void *write;      // where it comes from
} sdhci_transfer_t;

sd_result_t sdhci_transfer(sdhci_t *host, const sdhci_transfer_t *transfer);

// Ends what is under way, and forgets it.
void sdhci_reset_lines(sdhci_t *host);

// What the error bits of an R1 say.
sd_result_t sdhci_r1_result(uint32_t r1);

#endif // PORTS_RPI_AARCH64_DRIVERS_SDHCI_H
