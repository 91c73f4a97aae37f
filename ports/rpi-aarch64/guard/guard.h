// SPDX-License-Identifier: MIT
// What all of MicroPython's files are compiled with (-include): allocations whose size is multiplied with care.
//
// The source of MicroPython is compiled as it was fetched. Where Python code alone could damage memory, a file here has
// the same path as the one that it mends, redefines what that one calls, and includes it. Two ways:
//  - a macro in place of a called function or macro;
//  - a function-like macro renames the definition and the calls of a function f, but not a bare f: so the tables of a
//    type get a function f of ours, which checks its arguments before it calls the fetched one, fetched_f.

#ifndef PORTS_RPI_AARCH64_GUARD_GUARD_H
#define PORTS_RPI_AARCH64_GUARD_GUARD_H

#include <stdarg.h> // before py/obj.h, which declares more then
#include <string.h>

#include "py/mpconfig.h"
#include "py/misc.h"
#include "py/obj.h"

// No block is that large, and no sum of a few such sizes wraps.
#define GUARD_TOO_LARGE (SIZE_MAX >> 2)

// The bytes of `base` and `count` items; GUARD_TOO_LARGE, for which there is never memory, if there cannot be so many.
static inline size_t guard_size(size_t base, size_t count, size_t item_size) {
    size_t size;
    if (__builtin_mul_overflow(count, item_size, &size) || __builtin_add_overflow(size, base, &size)) {
        return GUARD_TOO_LARGE;
    }
    return size < GUARD_TOO_LARGE ? size : GUARD_TOO_LARGE;
}

#define GUARD_VAR_SIZE(struct_type, var_field, var_type, var_num) \
    guard_size(offsetof(struct_type, var_field), (var_num), sizeof(var_type))

#undef m_new
#undef m_new_maybe
#undef m_new0
#undef m_new_obj_var
#undef m_new_obj_var0
#undef m_new_obj_var_maybe
#undef m_renew
#undef m_renew_maybe
#define m_new(type, num) ((type *)m_malloc(guard_size(0, (num), sizeof(type))))
#define m_new_maybe(type, num) ((type *)m_malloc_maybe(guard_size(0, (num), sizeof(type))))
#define m_new0(type, num) ((type *)m_malloc0(guard_size(0, (num), sizeof(type))))
#define m_new_obj_var(obj_type, var_field, var_type, var_num) \
    ((obj_type *)m_malloc(GUARD_VAR_SIZE(obj_type, var_field, var_type, var_num)))
#define m_new_obj_var0(obj_type, var_field, var_type, var_num) \
    ((obj_type *)m_malloc0(GUARD_VAR_SIZE(obj_type, var_field, var_type, var_num)))
#define m_new_obj_var_maybe(obj_type, var_field, var_type, var_num) \
    ((obj_type *)m_malloc_maybe(GUARD_VAR_SIZE(obj_type, var_field, var_type, var_num)))
#define m_renew(type, ptr, old_num, new_num) \
    ((type *)((void)(old_num), m_realloc((ptr), guard_size(0, (new_num), sizeof(type)))))
#define m_renew_maybe(type, ptr, old_num, new_num, allow_move) \
    ((type *)((void)(old_num), m_realloc_maybe((ptr), guard_size(0, (new_num), sizeof(type)), (allow_move))))

#undef mp_obj_malloc_var
#define mp_obj_malloc_var(struct_type, var_field, var_type, var_num, obj_type) \
    ((struct_type *)mp_obj_malloc_helper(GUARD_VAR_SIZE(struct_type, var_field, var_type, var_num), (obj_type)))

#endif // PORTS_RPI_AARCH64_GUARD_GUARD_H
