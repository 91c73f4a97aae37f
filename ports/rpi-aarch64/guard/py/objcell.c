// SPDX-License-Identifier: MIT
// Cells: others ask whether an object is one.

#include "guard/types.h"
#include "py/objcell.c"

bool guard_is_cell(mp_obj_t o) {
    return mp_obj_is_type(o, &mp_type_cell);
}
