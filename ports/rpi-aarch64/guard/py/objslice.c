// SPDX-License-Identifier: MIT
// Bounds of slices; see index.h.

#include "guard/index.h"

static mp_int_t guard_bound(mp_obj_t bound) {
    mp_obj_t value = guard_index_value(bound);
    if (value == MP_OBJ_NULL) {
        mp_raise_TypeError(MP_ERROR_TEXT("slice indices must be integers or None"));
    }
    return mp_obj_get_int(value);
}

#define mp_obj_get_int guard_bound

#include "py/objslice.c"
