// SPDX-License-Identifier: MIT
// Exceptions whose class in Python has not called __init__() of its base yet: nothing is stored in what stands for it.

#include "guard/guard.h"
#include "guard/types.h"
#include "py/objexcept.h"
#include "py/objtype.h"
#include "py/runtime.h"

static inline void *guard_exception(mp_const_obj_t o) {
    return guard_is_uninitialised(o) ? MP_OBJ_TO_PTR(mp_obj_new_exception(&mp_type_Exception)) : (void *)o;
}

#undef MP_OBJ_TO_PTR
#define MP_OBJ_TO_PTR(o) guard_exception(o)

#include "py/objexcept.c"
