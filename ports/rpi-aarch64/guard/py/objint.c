// SPDX-License-Identifier: MIT
// Integers as bytes: a byte order that is none.

#include "guard/guard.h"
#include "py/objint.h"
#include "py/runtime.h"

static mp_obj_t int_to_bytes(size_t n_args, const mp_obj_t *args);

#define int_to_bytes(...) fetched_int_to_bytes(__VA_ARGS__)
#include "py/objint.c"
#undef int_to_bytes

static mp_obj_t int_to_bytes(size_t n_args, const mp_obj_t *args) {
    if (n_args > 2) {
        mp_obj_str_get_str(args[2]); // TypeError if it is no string
    }
    return fetched_int_to_bytes(n_args, args);
}
