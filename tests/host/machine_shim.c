// SPDX-License-Identifier: MIT
// The parts of `machine` that need little of MicroPython: who has which pin, the pins of a bus, the UARTs' lines, why
// the machine started. What they raise ends the call, and is kept.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arch.h"
#include "boot/soc.h"
#include "drivers/board.h"
#include "drivers/psci.h"
#include "machine/arguments.h"
#include "machine/bus_pins.h"
#include "machine/claims.h"
#include "machine/uart.h"
#include "machine/uart_line.h"
#include "hooks.h"

#define VALUE_ERROR (-1)
#define TYPE_ERROR  (-2)
#define NO_INTEGER  ((mp_obj_t)8) // small integers are odd

static jmp_buf raised;
static char said[512];
static uint64_t open_drain;

uint64_t machine_shim_midr;
unsigned machine_shim_console_interrupts;

#define TRY(call) \
    int error = setjmp(raised); \
    if (error == 0) { \
        call; \
    } \
    return error

// --- what is raised ---

const char *machine_shim_said(void) {
    return said;
}

void bind_raise_os(int result, mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    vsnprintf(said, sizeof(said), text, args);
    va_end(args);
    longjmp(raised, -result);
}

void bind_raise_value(mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    vsnprintf(said, sizeof(said), text, args);
    va_end(args);
    longjmp(raised, VALUE_ERROR);
}

void bind_raise_type(mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    vsnprintf(said, sizeof(said), text, args);
    va_end(args);
    longjmp(raised, TYPE_ERROR);
}

// --- MicroPython ---

bool mp_obj_get_int_maybe(mp_const_obj_t number, mp_int_t *value) {
    *value = (mp_int_t)number >> 1;
    return number != NO_INTEGER;
}

const char *mp_obj_get_type_str(mp_const_obj_t object) {
    (void)object;
    return "str";
}

// A tuple of the shim: its size, then its items.
void mp_obj_get_array(mp_obj_t tuple, size_t *count, mp_obj_t **items) {
    *count = *(size_t *)tuple;
    *items = (mp_obj_t *)tuple + 1;
}

mp_int_t mp_obj_get_int(mp_obj_t number) {
    return (mp_int_t)number >> 1;
}

// A static place: what raises does not come back to free it.
void vstr_init(vstr_t *vstr, size_t alloc) {
    static char place[512];
    (void)alloc;
    *vstr = (vstr_t) { place, 0 };
    place[0] = '\0';
}

void vstr_printf(vstr_t *vstr, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vstr->len += (size_t)vsnprintf(vstr->buf + vstr->len, 512 - vstr->len, format, args);
    va_end(args);
}

char *vstr_null_terminated_str(vstr_t *vstr) {
    return vstr->buf;
}

// --- the rest of the port ---

const board_name_t board_names[] = { { "BCM2837", BOARD_MODEL_ANY, "RPI3" } };
const size_t board_name_count = 1;

uint64_t arch_at_s1e1r(mem_va_t va) {
    (void)va;
    return 1; // not mapped: there is no mailbox
}

void callback_check_allowed(void) {
}

void psci_reset(void) {
    abort();
}

void psci_off(void) {
    abort();
}

uint64_t cpu_midr(void) {
    return machine_shim_midr;
}

uint32_t machine_pin_get_id(mp_obj_t pin) {
    return (uint32_t)mp_obj_get_int(pin);
}

bool machine_pin_is_open_drain(uint32_t id) {
    return open_drain >> id & 1;
}

void machine_pin_set_open_drain(uint32_t id, bool on) {
    open_drain = (open_drain & ~(1ull << id)) | (uint64_t)on << id;
}

void uart_interrupt(void) {
    ++machine_shim_console_interrupts;
}

uint32_t uart_clock(void) {
    return 48000000;
}

// --- what the tests call ---

int machine_shim_take(claims_owner_t owner, uint64_t pins) {
    TRY(claims_take(owner, pins));
}

int machine_shim_take_block(claims_owner_t owner, claims_block_t block) {
    TRY(claims_take_block(owner, block));
}

int machine_shim_check_pin(uint32_t pin) {
    TRY(claims_check_pin(pin));
}

int machine_shim_get_id(const bus_kind_t *kind, mp_int_t number, const uint64_t *bases, unsigned *id) {
    TRY(*id = bus_get_id(kind, (mp_obj_t)((mp_uint_t)number << 1 | 1), bases));
}

int machine_shim_get_int(mp_obj_t object, const char *what, mp_int_t least, mp_int_t greatest) {
    TRY((void)arguments_get_int(object, what, least, greatest));
}

int machine_shim_get_items(mp_obj_t tuple, const char *what, size_t count, const char *names) {
    TRY((void)arguments_get_items(tuple, what, count, names));
}

int machine_shim_find(const bus_kind_t *kind, unsigned id, mp_obj_t const *wanted, const bus_pins_t *now,
    const bus_pins_t **found) {
    TRY(*found = bus_pins_find(kind, id, wanted, now));
}

int machine_shim_claim(const bus_kind_t *kind, const bus_pins_t *pins) {
    TRY(bus_pins_claim(kind, pins));
}

int machine_shim_check_range(const char *what, mp_int_t value, mp_int_t least, mp_int_t greatest) {
    TRY(arguments_check_range(what, value, least, greatest));
}

void machine_shim_set_soc(const soc_t *chosen) {
    soc = chosen;
}

const soc_t *machine_shim_soc(void) {
    return soc;
}
