// SPDX-License-Identifier: MIT
// machine.mem8 to mem64, in place of MicroPython's own, which have no 64-bit form and cut addresses
// in error messages to 32 bits. Each subscript is one access of exactly that width, never merged or
// repeated, so device registers see what was written. A bus error that arrives as an SError is
// raised before the subscript is done, not in whatever runs next.

#include "py/runtime.h"

#include "aarch64/cpu.h"

#include "machine_mem.h"

static NORETURN void raise_value_error(const char *what, mp_obj_t value, const char *why,
    unsigned number) {
    vstr_t vstr;
    mp_print_t print;
    vstr_init_print(&vstr, 64, &print);
    mp_printf(&print, "%s ", what);
    mp_obj_print_helper(&print, value, PRINT_REPR);
    mp_printf(&print, why, number);
    nlr_raise(mp_obj_new_exception_arg1(&mp_type_ValueError, mp_obj_new_str_from_vstr(&vstr)));
}

// Stores the integer as 64 unsigned bits. Returns false if it is negative or larger; raises TypeError for
// what is no integer.
static bool get_unsigned(mp_obj_t number, uint64_t *value) {
    if (!mp_obj_is_int(number)) {
        *value = (uint64_t)mp_obj_get_int(number); // bool, or raises
        return true;
    }
    *value = (uint64_t)mp_obj_int_get_truncated(number);
    return mp_obj_equal(mp_obj_new_int_from_uint(*value), number);
}

static uintptr_t get_address(mp_obj_t index, unsigned size) {
    uint64_t address;
    if (!get_unsigned(index, &address)) {
        raise_value_error("address", index, " is not an address of %u bits", 64);
    }
    if (address % size != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("address 0x%lx is not aligned to %u bytes"), (unsigned long)address, size);
    }
    return address;
}

static uint64_t get_value(mp_obj_t object, unsigned size) {
    uint64_t value;
    if (!get_unsigned(object, &value) || (size < 8 && value >> (8 * size) != 0)) {
        raise_value_error("value", object, " does not fit into %u bits", 8 * size);
    }
    return value;
}

static uint64_t load(uintptr_t address, unsigned size) {
    switch (size) {
        case 1:
            return *(volatile uint8_t *)address;
        case 2:
            return *(volatile uint16_t *)address;
        case 4:
            return *(volatile uint32_t *)address;
        default:
            return *(volatile uint64_t *)address;
    }
}

static void store(uintptr_t address, unsigned size, uint64_t value) {
    switch (size) {
        case 1:
            *(volatile uint8_t *)address = (uint8_t)value;
            break;
        case 2:
            *(volatile uint16_t *)address = (uint16_t)value;
            break;
        case 4:
            *(volatile uint32_t *)address = (uint32_t)value;
            break;
        default:
            *(volatile uint64_t *)address = value;
            break;
    }
}

static void machine_word_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_word_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)kind;
    mp_printf(print, "<%u-bit memory>", 8 * self->size);
}

static mp_obj_t machine_word_subscr(mp_obj_t self_in, mp_obj_t index, mp_obj_t value) {
    const machine_word_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (value == MP_OBJ_NULL) {
        return MP_OBJ_NULL; // memory cannot be deleted
    }
    uintptr_t address = get_address(index, self->size);
    if (value == MP_OBJ_SENTINEL) {
        uint64_t loaded = load(address, self->size);
        cpu_take_serror();
        return mp_obj_new_int_from_uint(loaded);
    }
    store(address, self->size, get_value(value, self->size));
    cpu_take_serror();
    return mp_const_none;
}

static MP_DEFINE_CONST_OBJ_TYPE(
    machine_word_type,
    MP_QSTR_mem,
    MP_TYPE_FLAG_NONE,
    print, machine_word_print,
    subscr, machine_word_subscr
    );

const machine_word_obj_t machine_word8_obj = { { &machine_word_type }, 1 };
const machine_word_obj_t machine_word16_obj = { { &machine_word_type }, 2 };
const machine_word_obj_t machine_word32_obj = { { &machine_word_type }, 4 };
const machine_word_obj_t machine_word64_obj = { { &machine_word_type }, 8 };
