// SPDX-License-Identifier: MIT
// machine.Pin: a pin of the SoC's GPIO block or of the firmware's GPIO expander.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_H

#include "py/obj.h"

#include "drivers/board.h"

// GPIOs of the largest SoC; board_gpio.count says how many this one has.
#define MACHINE_PIN_MAX (58)

typedef struct _machine_pin_obj_t {
    mp_obj_base_t base;
    uint8_t id;         // number in the GPIO block, or in the expander
    bool expander;
    bool active_low;    // value 1 is a low level: LEDs wired to the supply
} machine_pin_obj_t;

// A board name, and on which models it is the name of this pin.
typedef struct _machine_pin_name_t {
    char name[9];
    uint8_t pin;        // of the GPIO block, or MACHINE_PIN_MAX + n: machine_pin_others[n]
    uint32_t models;    // bit n: model number n; MACHINE_PIN_ALL_MODELS: everywhere
} machine_pin_name_t;

#define MACHINE_PIN_MODEL(n) (1u << (n))
#define MACHINE_PIN_ALL_MODELS (0xffffffff)

extern const mp_obj_type_t machine_pin_type;
extern const machine_pin_obj_t machine_pin_gpio[MACHINE_PIN_MAX];

// Generated from the boards' pins.csv by make_pins.py.
extern const machine_pin_obj_t machine_pin_others[];
extern const machine_pin_name_t machine_pin_names[];
extern const size_t machine_pin_name_count;

// The pin of a name of the board, as "J8_11", in the form of machine_pin_name_t, and that of "GPIO17"; -1: there is no
// such name here. The third makes a list of all names, which it interns, so that Tab offers them too.
int machine_pin_find_board_name(const char *name);
int machine_pin_find_cpu_name(const char *name);
mp_obj_t machine_pin_list_names(bool board);

// The GPIO number of a Pin, a number or a name. Raises if there is no such pin here or if it is not
// a pin of the GPIO block.
uint32_t machine_pin_get_id(mp_obj_t pin);

// Whether Python drives this GPIO as open drain. The SoC has no such mode: the direction is switched.
bool machine_pin_is_open_drain(uint32_t id);
void machine_pin_set_open_drain(uint32_t id, bool open_drain);

// Called at soft reset. Pins keep function and level, except that those of a block become inputs.
void machine_pin_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_H
