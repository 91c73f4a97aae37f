// SPDX-License-Identifier: MIT
// Indices; see index.h.

#include "guard/index.h"

#define mp_get_index(...) fetched_mp_get_index(__VA_ARGS__)
size_t fetched_mp_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice);
#include "py/obj.c"
#undef mp_get_index

static MP_NOINLINE size_t guard_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice) {
    mp_obj_t value = guard_index_value(index);
    if (value == MP_OBJ_NULL) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%q indices must be integers, not %s"),
            (qstr)type->name, mp_obj_get_type_str(index));
    }
    return fetched_mp_get_index(type, len, value, is_slice);
}

size_t mp_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice) {
    bool is_small = mp_obj_is_small_int(index);
    return (is_small ? fetched_mp_get_index : guard_get_index)(type, len, index, is_slice);
}
