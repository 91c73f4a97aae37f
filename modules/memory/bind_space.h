// SPDX-License-Identifier: MIT
// Python's address spaces: _memory.AddressSpace, the handles of the kernel half and the identity space, and what boot
// needs to build them. Mechanism errors become OSError with a text that names the value (bind_space_errors.c).

#ifndef MODULES_MEMORY_BIND_SPACE_H
#define MODULES_MEMORY_BIND_SPACE_H

#include "py/obj.h"
#include "space.h"

// For the module's table of names.
extern const mp_obj_type_t bind_space_type;              // AddressSpace()
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_open_kernel_obj);   // open_kernel() -> handle; the one that exists, if any
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_open_identity_obj); // open_identity() -> handle
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_kernel_obj);        // kernel() -> handle or None
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_identity_obj);      // identity() -> handle or None
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_active_obj);        // active_space() -> AddressSpace in TTBR0 or None
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(bind_space_window_add_obj); // window_add(start, end, flags, name)
MP_DECLARE_CONST_FUN_OBJ_0(bind_space_switch_obj);        // switch()

// Returns when result is MEM_OK, else raises the OSError that `why` tells about.
void bind_space_check(int result, const space_error_t *why);

// Soft reset, first step: the identity space into TTBR0 (if there is one), so that finalisers can close the others.
void bind_space_leave(void);

// Soft reset, after the finalisers: closes the user's spaces, clears his mappings of the kernel half and all of the
// identity space (frozen Python maps it again). Returns how many spaces were still open.
size_t bind_space_reset(void);

#endif // MODULES_MEMORY_BIND_SPACE_H
