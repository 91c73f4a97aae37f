// SPDX-License-Identifier: MIT
// Memory that never holds pointers to Python's heap: characters, digits, items of arrays, bytecode. The collector does
// not scan it. This is a property of the memory, independent of references to it, and is kept when it grows.

#ifndef PORTS_RPI_AARCH64_GUARD_PLAIN_H
#define PORTS_RPI_AARCH64_GUARD_PLAIN_H

#include "guard.h"
#include "hooks.h"
#include "py/gc.h"

static inline void *guard_plain_malloc(size_t size) {
    void *memory = gc_alloc(size, GC_ALLOC_FLAG_PLAIN);
    if (memory == NULL && size != 0) {
        m_malloc_fail(size);
    }
    return memory;
}

static inline void *guard_plain_realloc(void *old, size_t size) {
    return old == NULL ? guard_plain_malloc(size) : m_realloc(old, size);
}

// Whether memory for items of a type is plain: bytes, characters and digits of long integers.
#define GUARD_IS_PLAIN(type) _Generic((type *)NULL, char *: true, byte * : true, uint32_t * : true, default: \
        false)

#define GUARD_NEW(type, num) \
    ((type *)(GUARD_IS_PLAIN(type) ? guard_plain_malloc : m_malloc)(guard_size(0, (num), sizeof(type))))

// All blocks are cleared.
#undef m_new
#undef m_new0
#define m_new(type, num) GUARD_NEW(type, num)
#define m_new0(type, num) GUARD_NEW(type, num)

#endif // PORTS_RPI_AARCH64_GUARD_PLAIN_H
