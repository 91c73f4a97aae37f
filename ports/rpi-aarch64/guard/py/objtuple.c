// SPDX-License-Identifier: MIT
// Tuples: repetition, and the hash of nested ones, which calls itself.

#include "guard/repeat.h"
#include "py/cstack.h"
#include "py/runtime.h"

#define mp_unary_op(op, o) (mp_obj_is_small_int(o) ? (o) : (mp_cstack_check(), (mp_unary_op)((op), (o))))

#include "py/objtuple.c"
