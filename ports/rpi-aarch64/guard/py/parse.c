// SPDX-License-Identifier: MIT
// The parser: its tree is in pieces of bounded size. One piece that grew with each node would be measured each time.
// Constants that are large powers are computed when the program runs, where Ctrl-C interrupts them.

#include "py/mpconfig.h"
#include "py/misc.h"
#include "py/runtime.h"

enum { GUARD_LARGEST_PIECE = 4096, GUARD_LARGEST_EXPONENT = 1024 };

#undef m_renew_maybe
#define m_renew_maybe(type, ptr, old_num, new_num, allow_move) \
    ((new_num) > (old_num) && (new_num) > GUARD_LARGEST_PIECE ? NULL \
    : (type *)m_realloc_maybe((ptr), (new_num), (allow_move)))

// What raises an exception is no constant.
static mp_obj_t guard_fold(mp_binary_op_t op, mp_obj_t lhs, mp_obj_t rhs) {
    if ((op == MP_BINARY_OP_POWER || op == MP_BINARY_OP_LSHIFT)
        && !(mp_obj_is_small_int(rhs) && MP_OBJ_SMALL_INT_VALUE(rhs) <= GUARD_LARGEST_EXPONENT)) {
        mp_raise_ValueError(NULL);
    }
    return mp_binary_op(op, lhs, rhs);
}

#define mp_binary_op guard_fold
#include "py/parse.c"
