// SPDX-License-Identifier: MIT
// heapq: a comparison that changes the list on which it works ends it.

#include "py/objlist.h"
#include "py/runtime.h"

static mp_obj_t guard_less(mp_obj_list_t *heap, mp_binary_op_t op, mp_obj_t a, mp_obj_t b) {
    size_t len = heap->len;
    mp_obj_t less = mp_binary_op(op, a, b);
    if (heap->len != len) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("list changed size by a comparison"));
    }
    return less;
}

#define mp_binary_op(op, a, b) guard_less(heap, (op), (a), (b))

#include "extmod/modheapq.c"
