// SPDX-License-Identifier: MIT
// Buffers of C code that a method in Python is to fill or to read: it gets a copy, because it may keep it, or make it
// longer. (The fetched code gives it an object on the C stack.)

#ifndef PORTS_RPI_AARCH64_GUARD_LEND_H
#define PORTS_RPI_AARCH64_GUARD_LEND_H

#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/objarray.h"
#include "py/runtime.h"

// Where there is no memory for a copy (a finaliser, a locked heap) there is none for further views either: the method
// gets the buffer itself by this view, which is empty afterwards.
static mp_obj_array_t guard_loan;

static mp_obj_t guard_call_with_loan(size_t n_args, mp_obj_t *method, size_t at, void *buf, size_t size) {
    if (guard_loan.items != NULL) {
        mp_raise_OSError(MP_EBUSY);
    }
    mp_obj_memoryview_init(&guard_loan, 'B' | MP_OBJ_ARRAY_TYPECODE_FLAG_RW, 0, size, buf);
    method[at] = MP_OBJ_FROM_PTR(&guard_loan);
    nlr_buf_t nlr;
    mp_obj_t result = MP_OBJ_NULL;
    if (nlr_push(&nlr) == 0) {
        result = mp_call_method_n_kw(n_args, 0, method);
        nlr_pop();
    }
    guard_loan.len = 0;
    guard_loan.items = NULL;
    method[at] = mp_const_none;
    if (result == MP_OBJ_NULL) {
        nlr_jump(nlr.ret_val);
    }
    return result;
}

// Calls a method with the buffer as argument number `at` of the array; what it has changed is in the buffer afterwards.
static mp_obj_t guard_call_with_buffer(size_t n_args, mp_obj_t *method, size_t at, void *buf, size_t size) {
    if (gc_is_locked()) {
        return guard_call_with_loan(n_args, method, at, buf, size);
    }
    mp_obj_array_t *copy = MP_OBJ_TO_PTR(mp_obj_new_bytearray(size, buf));
    method[at] = MP_OBJ_FROM_PTR(copy);
    mp_obj_t result = mp_call_method_n_kw(n_args, 0, method);
    method[at] = mp_const_none;
    size_t len = copy->len < size ? copy->len : size;
    if (memcmp(buf, copy->items, len) != 0) { // what is only read may be read-only
        memcpy(buf, copy->items, len);
    }
    return result;
}

#endif // PORTS_RPI_AARCH64_GUARD_LEND_H
