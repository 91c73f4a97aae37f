// SPDX-License-Identifier: MIT
// Slabs of one frame: header, then objects. A free object's first word is the next free one. Objects that were never in
// use are in no list: to link all of them would take longer than most slabs live.

#include "pool.h"

#include <string.h>

#include "core/list.h"

#define OBJECT_ALIGN (16)
#define MAX_PER_SLAB (256) // of the smallest object, rounded up

struct _pool_slab_t {
    pool_slab_t *next, *prev;  // in pool->partial
    void *free;                // objects that were in use
    uint16_t used;
    uint16_t touched;          // objects below this index were in use once
    uint32_t linked;           // in pool->partial
    uint64_t in_use[MAX_PER_SLAB / 64]; // by index: notices a second free
};

#define HEADER_SIZE ((sizeof(pool_slab_t) + OBJECT_ALIGN - 1) & ~(size_t)(OBJECT_ALIGN - 1))

static uint8_t *object_at(const pool_t *pool, pool_slab_t *slab, size_t i) {
    return (uint8_t *)slab + HEADER_SIZE + i * pool->object_size;
}

static void link_slab(pool_t *pool, pool_slab_t *slab) {
    LIST_PUSH(pool->partial, slab, next, prev);
    slab->linked = true;
}

static void unlink_slab(pool_t *pool, pool_slab_t *slab) {
    LIST_REMOVE(pool->partial, slab, next, prev);
    slab->linked = false;
}

void pool_init(pool_t *pool, const mem_source_t *source, size_t object_size) {
    uint32_t size = (uint32_t)((object_size + OBJECT_ALIGN - 1) & ~(size_t)(OBJECT_ALIGN - 1));
    *pool = (pool_t) {
        .source = source, .object_size = size, .per_slab = (uint32_t)((MEM_PAGE_SIZE - HEADER_SIZE) / size),
    };
}

static pool_slab_t *new_slab(pool_t *pool) {
    mem_pa_t pa;
    if (pool->source->alloc(pool->source->ctx, &pa) != MEM_OK) {
        return NULL;
    }
    pool_slab_t *slab = mem_source_va(pool->source, pa);
    memset(slab, 0, sizeof(*slab));
    ++pool->slabs;
    link_slab(pool, slab);
    return slab;
}

// An object of a slab that has a free one.
static void *take_object(const pool_t *pool, pool_slab_t *slab) {
    void *object = slab->free;
    if (object == NULL) {
        return object_at(pool, slab, slab->touched++);
    }
    slab->free = *(void **)object;
    return object;
}

void *pool_alloc(pool_t *pool) {
    pool_slab_t *slab = pool->partial != NULL ? pool->partial : new_slab(pool);
    if (slab == NULL) {
        return NULL;
    }
    uint8_t *object = take_object(pool, slab);
    size_t i = (size_t)(object - object_at(pool, slab, 0)) / pool->object_size;
    slab->in_use[i / 64] |= (uint64_t)1 << (i % 64);
    if (++slab->used == pool->per_slab) {
        unlink_slab(pool, slab);
    }
    ++pool->objects;
    memset(object, 0, pool->object_size);
    return object;
}

int pool_free(pool_t *pool, void *object) {
    if (object == NULL) {
        return MEM_OK;
    }
    pool_slab_t *slab = (pool_slab_t *)((uintptr_t)object & ~(uintptr_t)MEM_PAGE_MASK);
    size_t offset = (size_t)((uintptr_t)object & MEM_PAGE_MASK) - HEADER_SIZE;
    size_t i = offset / pool->object_size;
    if (((uintptr_t)object & MEM_PAGE_MASK) < HEADER_SIZE || offset % pool->object_size != 0 || i >= pool->per_slab) {
        return MEM_EFAULT;
    }
    if (!(slab->in_use[i / 64] >> (i % 64) & 1)) {
        return MEM_EALREADY;
    }
    slab->in_use[i / 64] &= ~((uint64_t)1 << (i % 64));
    --pool->objects;
    if (--slab->used == 0) {
        if (slab->linked) {
            unlink_slab(pool, slab);
        }
        --pool->slabs;
        pool->source->free(pool->source->ctx, mem_source_pa(pool->source, slab), 1);
        return MEM_OK;
    }
    *(void **)object = slab->free;
    slab->free = object;
    if (!slab->linked) {
        link_slab(pool, slab);
    }
    return MEM_OK;
}

// Broken invariants of one slab: counts that disagree, a free list with foreign, used or too many objects.
static unsigned check_slab(const pool_t *pool, pool_slab_t *slab) {
    unsigned faults = slab->used >= pool->per_slab || !slab->linked || slab->touched > pool->per_slab;
    size_t in_use = 0;
    for (size_t i = 0; i < pool->per_slab; ++i) {
        in_use += slab->in_use[i / 64] >> (i % 64) & 1;
    }
    size_t n_free = 0;
    for (uint8_t *object = slab->free; object != NULL; object = *(void **)object) {
        size_t offset = (size_t)(object - object_at(pool, slab, 0));
        size_t i = offset / pool->object_size;
        if (offset % pool->object_size != 0 || i >= slab->touched || (slab->in_use[i / 64] >> (i % 64) & 1)
            || ++n_free > pool->per_slab) {
            return faults + 1;
        }
    }
    return faults + (in_use != slab->used) + (n_free != (size_t)slab->touched - slab->used);
}

unsigned pool_check(const pool_t *pool) {
    unsigned faults = 0;
    size_t slabs = 0;
    for (pool_slab_t *slab = pool->partial; slab != NULL && slabs <= pool->slabs; slab = slab->next) {
        ++slabs;
        faults += check_slab(pool, slab);
    }
    // Every other slab is full.
    return faults + (slabs > pool->slabs || pool->objects < (pool->slabs - slabs) * pool->per_slab);
}
