// SPDX-License-Identifier: MIT
// Who owns the frames in use, and whether all the books agree.

#ifndef MODULES_MEMORY_BINDINGS_OWNERS_H
#define MODULES_MEMORY_BINDINGS_OWNERS_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_0(memory_owners_obj);          // owners() -> {name: frames}, those that have any
MP_DECLARE_CONST_FUN_OBJ_0(memory_check_obj);    // check() -> [problem], empty when all is well
MP_DECLARE_CONST_FUN_OBJ_0(memory_take_all_obj); // take_all() -> (runs, frames, largest)

#endif // MODULES_MEMORY_BINDINGS_OWNERS_H
