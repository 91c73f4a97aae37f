// SPDX-License-Identifier: MIT
// The numbers and pins of buses, by the SoCs' tables of alternate functions. A wrong number or pin raises ValueError,
// which names the value and the valid ones.

#ifndef PORTS_RPI_AARCH64_MACHINE_BUS_PINS_H
#define PORTS_RPI_AARCH64_MACHINE_BUS_PINS_H

#include "boot/soc.h"
#include "claims.h"

#define BUS_MAX_PINS (3)

// One set of pins of a bus.
typedef struct _bus_pins_t {
    uint8_t id;                 // number of the bus
    uint8_t function;           // gpio_function_t of each pin
    uint8_t gpio[BUS_MAX_PINS];
} bus_pins_t;

typedef struct _bus_kind_t {
    const char *name;
    claims_kind_t claims;
    const char *roles[BUS_MAX_PINS]; // names of the arguments
    unsigned count;                  // number of pins of one bus
    const bus_pins_t *pins;          // the first set of a bus is its default
    size_t pins_count;
} bus_kind_t;

// Raises OSError(ENODEV) for a block that the SoC has, but that does not answer.
void bus_refuse_silent(const char *name, unsigned id) __attribute__((noreturn));

// Returns the number of a bus that this machine has: bases[] are the addresses of the blocks, 0 for none, SOC_SILENT
// for one that does not answer.
unsigned bus_get_id(const bus_kind_t *kind, mp_obj_t number, const uint64_t bases[SOC_BUSES]);

// Returns the pins of bus `id`. wanted[]: Pin objects, numbers or names in the order of roles[], or None for any.
// now: its present pins, which are preferred, or NULL.
const bus_pins_t *bus_pins_find(const bus_kind_t *kind, unsigned id, const mp_obj_t wanted[], const bus_pins_t *now);

// Claims the pins for their bus: see claims.h.
void bus_pins_claim(const bus_kind_t *kind, const bus_pins_t *pins);

// Selects the function of the bus on its pins.
void bus_pins_connect(const bus_kind_t *kind, const bus_pins_t *pins);

// Ends an I2C transfer with STOP by the pins, which then are inputs with low latches; see i2c_lines.h. half_us: of a
// clock's period; longer ones are cut, so that it takes a sixth of a second at most.
void bus_pins_send_stop(uint32_t sda, uint32_t scl, uint32_t half_us);

#endif // PORTS_RPI_AARCH64_MACHINE_BUS_PINS_H
