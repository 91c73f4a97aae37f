// SPDX-License-Identifier: MIT
// Deques: one that is extended by itself gets the items that it has now.

#include "py/obj.h"
#include "py/objtype.h"
#include "py/runtime.h"

static mp_obj_t mp_obj_deque_extend(mp_obj_t self_in, mp_obj_t arg_in);

#define mp_obj_deque_extend(...) fetched_mp_obj_deque_extend(__VA_ARGS__)
#include "py/objdeque.c"
#undef mp_obj_deque_extend

static mp_obj_t mp_obj_deque_extend(mp_obj_t self_in, mp_obj_t arg_in) {
    if (mp_obj_cast_to_native_base(arg_in, MP_OBJ_FROM_PTR(&mp_type_deque)) == self_in) {
        arg_in = MP_OBJ_TYPE_GET_SLOT(&mp_type_list, make_new)(&mp_type_list, 1, 0, &arg_in);
    }
    return fetched_mp_obj_deque_extend(self_in, arg_in);
}
