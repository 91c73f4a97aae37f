// SPDX-License-Identifier: MIT
// Sets: a table that Python code makes them leave is not freed while C code reads it. The hash of nested ones calls
// itself.

#include "guard/keep.h"
#include "py/cstack.h"
#include "py/runtime.h"

#define mp_unary_op(op, o) (mp_obj_is_small_int(o) ? (o) : (mp_cstack_check(), (mp_unary_op)((op), (o))))

#include "py/objset.c"
