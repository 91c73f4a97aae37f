// SPDX-License-Identifier: MIT
// For containers that can be changed by Python code while C code works on their memory, or while a view of them exists:
// memory that they leave is not freed at once, but by the collector when nothing refers to it any more. That includes
// pointers into it on the C stack (gc_mark_stack()).

#ifndef PORTS_RPI_AARCH64_GUARD_KEEP_H
#define PORTS_RPI_AARCH64_GUARD_KEEP_H

#include "guard.h"

// Two functions that allocate: one may return NULL.
static inline void *guard_keep_renew(void *old, size_t old_size, size_t new_size, void *(*allocate_maybe)(size_t),
    void *(*allocate)(size_t)) {
    if (old == NULL) {
        return allocate(new_size);
    }
    void *now = new_size < old_size ? allocate_maybe(new_size) : m_realloc_maybe(old, new_size, false);
    if (now == old || (now == NULL && new_size < old_size)) {
        return old;
    }
    if (now == NULL) {
        now = allocate(new_size);
    }
    return memcpy(now, old, old_size < new_size ? old_size : new_size);
}

#undef m_renew
#define m_renew(type, ptr, old_num, new_num) \
    ((type *)guard_keep_renew((ptr), guard_size(0, (old_num), sizeof(type)), guard_size(0, (new_num), sizeof(type)), \
    m_malloc_maybe, m_malloc))
#undef m_del
#define m_del(type, ptr, num) ((void)(ptr), (void)(num))

#endif // PORTS_RPI_AARCH64_GUARD_KEEP_H
