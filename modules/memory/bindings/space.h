// SPDX-License-Identifier: MIT
// Python's address spaces: _memory.AddressSpace, the handles of the kernel half and the identity space, and what boot
// needs to build them. space.c opens, closes and activates; space_map.c changes mappings; space_walk.c reads them.

#ifndef MODULES_MEMORY_BINDINGS_SPACE_H
#define MODULES_MEMORY_BINDINGS_SPACE_H

#include "py/obj.h"
#include "core/space/space.h"

// --- for the module's table of names ---

extern const mp_obj_type_t memory_space_type;               // AddressSpace()
MP_DECLARE_CONST_FUN_OBJ_0(memory_open_kernel_obj);   // open_kernel() -> handle; the one that exists, if any
MP_DECLARE_CONST_FUN_OBJ_0(memory_open_identity_obj); // open_identity() -> handle
MP_DECLARE_CONST_FUN_OBJ_0(memory_kernel_obj);        // kernel() -> handle or None
MP_DECLARE_CONST_FUN_OBJ_0(memory_identity_obj);      // identity() -> handle or None
MP_DECLARE_CONST_FUN_OBJ_0(memory_active_space_obj);        // active_space() -> AddressSpace in TTBR0 or None
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_window_add_obj); // window_add(start, end, flags, name)
MP_DECLARE_CONST_FUN_OBJ_0(memory_switch_obj);        // switch()

// --- for the other bindings ---

// Returns when result is MEM_OK, else raises the error in `why`: OSError with its errno and a text that names the
// value, ValueError for MEM_EINVAL.
void bind_space_check(int result, const space_error_t *why);

// The arguments of one call of the space mechanism and its error, for bind_retry().
typedef struct _bind_space_change_t {
    space_t *space;
    space_request_t request;
    space_error_t why;
} bind_space_change_t;

// Map and reserve what the request says; `change` is a bind_space_change_t.
int bind_space_try_map(void *change);
int bind_space_try_reserve(void *change);

// Tries the change, once more after a collection if memory is short, and raises what it reports.
void bind_space_change(int (*attempt)(void *change), bind_space_change_t *change);

// Prints which space it is, as part of a message: "the kernel space", "the space with ASID 2".
void bind_space_print(const mp_print_t *print, const space_t *space);

// A protection as text: "r", "rw" or "rx", with "u" appended when EL0 has access.
mp_obj_t bind_space_prot_text(mem_attrs_t attrs);

// What `with space:` does at its start and end, and activate() between the two.
mp_obj_t bind_space_enter(mp_obj_t space);
mp_obj_t bind_space_activate(mp_obj_t space);
mp_obj_t bind_space_exit(mp_obj_t space);

// Soft reset, first step: activates the identity space if there is one, so that finalisers can close the others and no
// pager is called any more.
void bind_space_leave(void);

// Soft reset, after the finalisers: closes the user's spaces, clears the user's mappings of the kernel half and all of
// the identity space (frozen Python maps it again). Returns how many spaces were still open.
size_t bind_space_reset(void);

// --- between space.c, space_map.c, space_walk.c and pager.c ---

// An AddressSpace. What the finaliser needs is here and in the mechanism, never in another object.
typedef struct _bind_space_obj_t {
    mp_obj_base_t base;
    space_t *space;            // NULL when closed
    uint16_t asid;             // outlives the space, to name it
    bool handle;               // of the kernel half or the identity space: owns nothing
    mp_obj_t with_stack;       // stack of the spaces that `with` blocks replaced: (space, rest) or None
    mp_obj_t pagers;           // a list, or None before the first reserve() with a pager
    mp_obj_t next_paged;       // the next space with a pager
} bind_space_obj_t;

// Forgets every pager of the space, which is being closed or has no range with a pager any more.
void bind_space_forget_pagers(bind_space_obj_t *self);

// The space of an AddressSpace; ValueError, naming it, when it is closed.
space_t *bind_space_get(mp_obj_t self);

// The attributes that a text such as "rw" stands for. TypeError for another type; ValueError, naming it, for another
// text.
mem_attrs_t bind_space_get_prot(mp_obj_t text);

// space_map.c
MP_DECLARE_CONST_FUN_OBJ_KW(memory_space_map_obj);
MP_DECLARE_CONST_FUN_OBJ_3(memory_space_unmap_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_protect_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(memory_space_compact_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_boot_map_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_reserve_guard_obj);

// space_walk.c
MP_DECLARE_CONST_FUN_OBJ_2(memory_space_translate_obj);
MP_DECLARE_CONST_FUN_OBJ_2(memory_space_walk_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_space_show_obj);
MP_DECLARE_CONST_FUN_OBJ_1(memory_space_mappings_obj);
MP_DECLARE_CONST_FUN_OBJ_1(memory_space_regions_obj);

#endif // MODULES_MEMORY_BINDINGS_SPACE_H
