// SPDX-License-Identifier: MIT
// Dictionaries: a table that Python code makes them leave is not freed while C code reads it. The comparison of nested
// ones calls itself.

#include "guard/keep.h"
#include "py/cstack.h"

#define mp_obj_equal(a, b) (mp_cstack_check(), (mp_obj_equal)((a), (b)))

#include "py/objdict.c"
