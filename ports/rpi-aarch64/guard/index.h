// SPDX-License-Identifier: MIT
// Indices are integers. Those of another class would be converted by its __int__(), in Python, after the length to
// which they are compared was read. (CPython does not convert them either.)

#ifndef PORTS_RPI_AARCH64_GUARD_INDEX_H
#define PORTS_RPI_AARCH64_GUARD_INDEX_H

#include "py/objtype.h"
#include "py/runtime.h"

// The integer itself, MP_OBJ_NULL if this is none.
static inline mp_obj_t guard_index_value(mp_obj_t index) {
    if (mp_obj_is_small_int(index) || !mp_obj_is_obj(index) || !mp_obj_is_instance_type(mp_obj_get_type(index))) {
        return index;
    }
    return mp_obj_cast_to_native_base(index, MP_OBJ_FROM_PTR(&mp_type_int));
}

#endif // PORTS_RPI_AARCH64_GUARD_INDEX_H
