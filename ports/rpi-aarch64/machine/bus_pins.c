// SPDX-License-Identifier: MIT
// The numbers and pins of buses; see bus_pins.h.

#include "py/mperrno.h"
#include "py/runtime.h"

#include "drivers/i2c_lines.h"
#include "hooks.h"
#include "bus_pins.h"

#define ANY (-1)

#define LONGEST_HALF_US (1000)
#define STRETCH_US      (10000)

// Raises ValueError with a composed text.
static void __attribute__((noreturn)) raise_text(vstr_t *text) {
    bind_raise_value(MP_ERROR_TEXT("%s"), vstr_null_terminated_str(text));
}

// Raises ValueError, which lists the buses that exist.
static void __attribute__((noreturn)) refuse_id(const bus_kind_t *kind, mp_int_t id, const uint64_t bases[SOC_BUSES]) {
    vstr_t text;
    vstr_init(&text, 64);
    vstr_printf(&text, "there is no %s(%ld) here", kind->name, (long)id);
    const char *before = ", but ";
    for (unsigned n = 0; n < SOC_BUSES; ++n) {
        if (bases[n] != 0) {
            vstr_printf(&text, "%s%s(%u)", before, kind->name, n);
            before = ", ";
        }
    }
    raise_text(&text);
}

void bus_refuse_silent(const char *name, unsigned id) {
    bind_raise_os(-MP_ENODEV,
        MP_ERROR_TEXT("%s(%u) does not answer: memory.report()['missing'] names what boot did not find"), name, id);
}

unsigned bus_get_id(const bus_kind_t *kind, mp_obj_t number, const uint64_t bases[SOC_BUSES]) {
    mp_int_t id = mp_obj_get_int(number);
    if (id < 0 || id >= SOC_BUSES || bases[id] == 0) {
        refuse_id(kind, id, bases);
    }
    if (bases[id] == SOC_SILENT) {
        bus_refuse_silent(kind->name, (unsigned)id);
    }
    return (unsigned)id;
}

static void add_pins(vstr_t *text, const bus_kind_t *kind, const char *before, const uint8_t gpio[]) {
    for (unsigned i = 0; i < kind->count; ++i) {
        vstr_printf(text, "%s%s=%u", i == 0 ? before : ", ", kind->roles[i], gpio[i]);
    }
}

static void __attribute__((noreturn)) refuse_pins(const bus_kind_t *kind, unsigned id, const int wanted[]) {
    vstr_t text;
    vstr_init(&text, 64);
    const char *before = "not on ";
    vstr_printf(&text, "%s(%u) is ", kind->name, id);
    for (unsigned i = 0; i < kind->count; ++i) {
        if (wanted[i] != ANY) {
            vstr_printf(&text, "%s%s=%d", before, kind->roles[i], wanted[i]);
            before = ", ";
        }
    }
    before = ", but on ";
    for (size_t i = 0; i < kind->pins_count; ++i) {
        if (kind->pins[i].id == id) {
            add_pins(&text, kind, before, kind->pins[i].gpio);
            before = " or ";
        }
    }
    raise_text(&text);
}

static bool fit(const bus_kind_t *kind, const bus_pins_t *pins, const int wanted[]) {
    for (unsigned i = 0; i < kind->count; ++i) {
        if (wanted[i] != ANY && wanted[i] != pins->gpio[i]) {
            return false;
        }
    }
    return true;
}

const bus_pins_t *bus_pins_find(const bus_kind_t *kind, unsigned id, const mp_obj_t wanted[], const bus_pins_t *now) {
    int numbers[BUS_MAX_PINS];
    for (unsigned i = 0; i < kind->count; ++i) {
        numbers[i] = wanted[i] == mp_const_none ? ANY : (int)machine_pin_get_id(wanted[i]);
    }
    if (now != NULL && fit(kind, now, numbers)) {
        return now;
    }
    for (size_t i = 0; i < kind->pins_count; ++i) {
        if (kind->pins[i].id == id && fit(kind, &kind->pins[i], numbers)) {
            return &kind->pins[i];
        }
    }
    refuse_pins(kind, id, numbers);
}

void bus_pins_claim(const bus_kind_t *kind, const bus_pins_t *pins) {
    uint64_t mask = 0;
    for (unsigned i = 0; i < kind->count; ++i) {
        mask |= 1ull << pins->gpio[i];
    }
    claims_take(CLAIMS_OWNER(kind->claims, pins->id), mask);
}

void bus_pins_connect(const bus_kind_t *kind, const bus_pins_t *pins) {
    for (unsigned i = 0; i < kind->count; ++i) {
        machine_pin_set_open_drain(pins->gpio[i], false);
        gpio_set_function(&board_gpio, pins->gpio[i], (gpio_function_t)pins->function);
    }
}

void bus_pins_send_stop(uint32_t sda, uint32_t scl, uint32_t half_us) {
    const i2c_lines_t lines = { &board_gpio, sda, scl, MIN(half_us, LONGEST_HALF_US), STRETCH_US };
    (void)i2c_lines_stop(&lines); // the next transfer finds a bus that is not free
}
