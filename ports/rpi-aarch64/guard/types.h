// SPDX-License-Identifier: MIT
// What other guards ask that of types.

#ifndef PORTS_RPI_AARCH64_GUARD_TYPES_H
#define PORTS_RPI_AARCH64_GUARD_TYPES_H

#include "py/obj.h"
#include "py/objtype.h"

// What stands where the native base of an instance is to be as long as its __init__() has not been called.
extern const void *const guard_uninitialised;

static inline bool guard_is_uninitialised(mp_const_obj_t o) {
    return o == MP_OBJ_FROM_PTR(guard_uninitialised);
}

// Whether converting this to a number may run Python code.
static inline bool guard_is_instance(mp_obj_t o) {
    return !mp_obj_is_small_int(o) && mp_obj_is_obj(o) && o != MP_OBJ_NULL
           && mp_obj_is_instance_type(((mp_obj_base_t *)MP_OBJ_TO_PTR(o))->type);
}

// Whether this is the cell of a variable that a closure shares.
bool guard_is_cell(mp_obj_t o);

#endif // PORTS_RPI_AARCH64_GUARD_TYPES_H
