// SPDX-License-Identifier: MIT
// Objects of one size, kept in slabs of one frame each. A slab without objects goes back to the source at once,
// so that a closed space leaves nothing behind.

#ifndef MODULES_MEMORY_CORE_HEAP_POOL_H
#define MODULES_MEMORY_CORE_HEAP_POOL_H

#include "core/mem_source.h"

typedef struct _pool_slab_t pool_slab_t;

typedef struct _pool_t {
    const mem_source_t *source;
    pool_slab_t *partial;      // slabs with a free object; full ones are in no list
    size_t slabs;              // frames taken
    size_t objects;            // in use
    uint32_t object_size;      // rounded up to 16 bytes
    uint32_t per_slab;
} pool_t;

// object_size is 1 to 2000 bytes. Takes no memory yet.
void pool_init(pool_t *pool, const mem_source_t *source, size_t object_size);

// An object filled with zeros, aligned to 16 bytes, or NULL when the source has no frame.
void *pool_alloc(pool_t *pool);

// Gives an object of this pool back. MEM_OK; MEM_EFAULT when the address is not one of an object;
// MEM_EALREADY when that object is free already while its slab is in use. NULL is allowed.
int pool_free(pool_t *pool, void *object);

// The number of broken invariants in the slabs that have free objects.
unsigned pool_check(const pool_t *pool);

#endif // MODULES_MEMORY_CORE_HEAP_POOL_H
