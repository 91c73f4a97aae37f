// SPDX-License-Identifier: MIT
// _memory.Registers: the complete register state of a program at EL0 as attributes: x0 to x30, sp, pc, flags, tpidr,
// q0 to q31 (128 bits) or d0 to d31 (their lower half as a float), fpcr, fpsr; and call, the latest system call.
// read() and write() copy the memory of the program that is running with them.

#include <string.h>

#include "py/runtime.h"

#include "common.h"
#include "pager.h"
#include "space.h"
#include "user.h"
#include "core/fault/fault.h"
#include "core/user_copy.h"
#include "mp_release.h"

#define QUAD_BYTES (16)
#define READ_MAX (1 << 20)     // bytes that a program may make a handler read at once

bind_registers_obj_t *bind_registers_get(mp_obj_t obj) {
    if (!mp_obj_is_type(obj, &memory_registers_type)) {
        bind_raise_type(MP_ERROR_TEXT("registers must be Registers, not %s"), mp_obj_get_type_str(obj));
    }
    return MP_OBJ_TO_PTR(obj);
}

static mp_obj_t memory_registers_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    bind_registers_obj_t *self = mp_obj_malloc(bind_registers_obj_t, type);
    self->space = MP_OBJ_NULL;
    self->called = false;
    memset(&self->state, 0, sizeof(self->state));
    return MP_OBJ_FROM_PTR(self);
}

static void memory_registers_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const trap_frame_t *trap = &((bind_registers_obj_t *)MP_OBJ_TO_PTR(self_in))->state.trap;
    mp_printf(print, "<Registers pc 0x%016lx sp 0x%016lx", trap->elr, trap->sp);
    for (unsigned i = 0; i < MP_ARRAY_SIZE(trap->x); ++i) {
        if (trap->x[i] != 0) {
            mp_printf(print, " x%u 0x%lx", i, trap->x[i]);
        }
    }
    mp_print_str(print, ">");
}

// --- which register ---

// The number after the letter in a name like "x12", below `count`; -1 for another name.
static int numbered(const char *name, char letter, unsigned count) {
    if (name[0] != letter || name[1] == 0 || (name[1] == '0' && name[2] != 0)) {
        return -1;
    }
    unsigned number = 0;
    for (const char *c = name + 1; *c != 0; ++c) {
        if (*c < '0' || *c > '9' || number >= count) {
            return -1;
        }
        number = number * 10 + (unsigned)(*c - '0');
    }
    return number < count ? (int)number : -1;
}

// A register that is a plain word; NULL for another name.
static uint64_t *find_word(user_state_t *state, qstr attr, const char *name) {
    int x = numbered(name, 'x', MP_ARRAY_SIZE(state->trap.x));
    switch (attr) {
        case MP_QSTR_pc:
            return &state->trap.elr;
        case MP_QSTR_sp:
            return &state->trap.sp;
        case MP_QSTR_fpcr:
            return &state->trap.fpcr;
        case MP_QSTR_fpsr:
            return &state->trap.fpsr;
        case MP_QSTR_tpidr:
            return &state->tpidr;
        default:
            return x >= 0 ? &state->trap.x[x] : NULL;
    }
}

// --- reading ---

static mp_obj_t load(bind_registers_obj_t *self, qstr attr) {
    trap_frame_t *trap = &self->state.trap;
    const char *name = qstr_str(attr);
    uint64_t *word = find_word(&self->state, attr, name);
    int q = numbered(name, 'q', MP_ARRAY_SIZE(trap->q));
    int d = numbered(name, 'd', MP_ARRAY_SIZE(trap->q));
    if (word != NULL) {
        return bind_new_u64(*word);
    } else if (q >= 0) {
        return mp_obj_int_from_bytes_impl(false, QUAD_BYTES, (const byte *)&trap->q[q]);
    } else if (d >= 0) {
        double value;
        memcpy(&value, &trap->q[d], sizeof(value));
        return mp_obj_new_float(value);
    } else if (attr == MP_QSTR_flags) {
        return bind_new_u64((trap->spsr & USER_FLAGS_MASK) >> USER_FLAGS_SHIFT);
    } else if (attr == MP_QSTR_call) {
        return self->called ? MP_OBJ_NEW_SMALL_INT(fault_immediate(trap->esr)) : mp_const_none;
    }
    return MP_OBJ_NULL;
}

// --- writing ---

static void store_quad(__uint128_t *quad, mp_obj_t value, const char *name) {
    uint8_t bytes[QUAD_BYTES];
    if (!mp_obj_is_int(value)) {
        bind_raise_type(MP_ERROR_TEXT("%s must be an int, not %s"), name, mp_obj_get_type_str(value));
    }
    mp_obj_t rest = mp_binary_op(MP_BINARY_OP_RSHIFT, value, MP_OBJ_NEW_SMALL_INT(8 * QUAD_BYTES));
    if (rest != MP_OBJ_NEW_SMALL_INT(0)) {
        bind_raise_value(MP_ERROR_TEXT("%s is negative or needs more than 128 bits"), name);
    }
    mp_release_int_to_bytes(value, QUAD_BYTES, bytes);
    memcpy(quad, bytes, QUAD_BYTES);
}

static bool store(bind_registers_obj_t *self, qstr attr, mp_obj_t value) {
    trap_frame_t *trap = &self->state.trap;
    const char *name = qstr_str(attr);
    uint64_t *word = find_word(&self->state, attr, name);
    int q = numbered(name, 'q', MP_ARRAY_SIZE(trap->q));
    int d = numbered(name, 'd', MP_ARRAY_SIZE(trap->q));
    if (word != NULL) {
        *word = bind_get_u64(value, name);
    } else if (q >= 0) {
        store_quad(&trap->q[q], value, name);
    } else if (d >= 0) {
        double number = mp_obj_get_float(value);
        trap->q[d] = 0; // as a load of a d register does
        memcpy(&trap->q[d], &number, sizeof(number));
    } else if (attr == MP_QSTR_flags) {
        uint64_t flags = bind_get_u64(value, name);
        if (flags > USER_FLAGS_MASK >> USER_FLAGS_SHIFT) {
            bind_raise_value(MP_ERROR_TEXT("flags 0x%lx are not the four bits NZCV"), flags);
        }
        trap->spsr = flags << USER_FLAGS_SHIFT;
    } else {
        return false;
    }
    return true;
}

static void memory_registers_attr(mp_obj_t self_in, qstr name, mp_obj_t *dest) {
    bind_registers_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] == MP_OBJ_NULL) {
        dest[0] = load(self, name);
        dest[1] = dest[0] == MP_OBJ_NULL ? MP_OBJ_SENTINEL : MP_OBJ_NULL; // go on in the type's table
    } else if (dest[1] != MP_OBJ_NULL && store(self, name, dest[1])) {
        dest[0] = MP_OBJ_NULL; // stored
    }
}

// --- the program's memory ---

static space_t *get_space(const bind_registers_obj_t *self) {
    if (self->space == MP_OBJ_NULL) {
        bind_raise_value(MP_ERROR_TEXT("no program runs with these registers, pc 0x%016lx"), self->state.trap.elr);
    }
    return bind_space_get(self->space);
}

// Makes pagers provide what is missing of [va, va + size), as the program's own accesses would.
static void make_present(const space_t *space, mem_va_t va, uint64_t size, bool write) {
    mem_va_t end = va + size;
    while (space == memory_system_active() && va < end && desc_va_is_lower(va)) {
        if (bind_pager_has(va)) {
            bind_pager_pin_t pin;
            (void)bind_pager_pin(&pin, (void *)(uintptr_t)va, 1, write);
            bind_pager_unpin(&pin);
        }
        va = mem_align_down(va, MEM_PAGE_SIZE) + MEM_PAGE_SIZE;
    }
}

static void check_copy(int result, mem_va_t where, const char *access) {
    if (result != MEM_OK) {
        bind_raise_os(result, MP_ERROR_TEXT("0x%016lx is not %s at EL0"), where, access);
    }
}

static mp_obj_t memory_registers_read(mp_obj_t self_in, mp_obj_t address, mp_obj_t size_in) {
    space_t *space = get_space(MP_OBJ_TO_PTR(self_in));
    mem_va_t va = bind_get_u64(address, "address"), where = va;
    uint64_t size = bind_get_u64(size_in, "size");
    vstr_t vstr;
    if (size > READ_MAX) {
        bind_raise_value(MP_ERROR_TEXT("size %lu is more than %u"), size, READ_MAX);
    }
    vstr_init_len(&vstr, size);
    make_present(space, va, size, false);
    check_copy(user_copy_from(space, vstr.buf, va, size, &where), where, "readable");
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_3(memory_registers_read_obj, memory_registers_read);

static mp_obj_t memory_registers_write(mp_obj_t self_in, mp_obj_t address, mp_obj_t data) {
    space_t *space = get_space(MP_OBJ_TO_PTR(self_in));
    mem_va_t va = bind_get_u64(address, "address"), where = va;
    mp_buffer_info_t info;
    mp_get_buffer_raise(data, &info, MP_BUFFER_READ);
    make_present(space, va, info.len, true);
    check_copy(user_copy_to(space, va, info.buf, info.len, &where), where, "writable");
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(memory_registers_write_obj, memory_registers_write);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&memory_registers_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&memory_registers_write_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    memory_registers_type, MP_QSTR_Registers, MP_TYPE_FLAG_NONE,
    make_new, memory_registers_make_new,
    print, memory_registers_print,
    attr, memory_registers_attr,
    locals_dict, &locals
    );
