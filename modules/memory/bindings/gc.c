// SPDX-License-Identifier: MIT
// MicroPython's collector (py/gc.h) with the blocks of core/gc, in place of py/gc.c: memory and the lock. What is here,
// in gc_collect.c and in gc_areas.c makes and reads no Python object but when a finaliser is called.

#include <string.h>

#include "py/gc.h"
#include "py/runtime.h"

#include "gc_areas.h"
#include "gc_collect.h"
#include "hooks.h"

// gc.threshold() counts MicroPython's blocks.
_Static_assert(MICROPY_BYTES_PER_GC_BLOCK == COLLECTOR_BLOCK, "the size of a block");

void gc_init(void *start, void *end) {
    uintptr_t first = mem_align_up((uintptr_t)start, COLLECTOR_BLOCK);
    gc_collect_init();
    collector_add(&gc_heap, (void *)first, (uintptr_t)end - first);
    MP_STATE_THREAD(gc_lock_depth) = 0;
    MP_STATE_MEM(gc_auto_collect_enabled) = 1;
    #if MICROPY_GC_ALLOC_THRESHOLD
    MP_STATE_MEM(gc_alloc_threshold) = (size_t)-1;
    MP_STATE_MEM(gc_alloc_amount) = 0;
    #endif
}

void gc_lock(void) {
    MP_STATE_THREAD(gc_lock_depth) += 1 << GC_LOCK_DEPTH_SHIFT;
}

void gc_unlock(void) {
    MP_STATE_THREAD(gc_lock_depth) -= 1 << GC_LOCK_DEPTH_SHIFT;
}

bool gc_is_locked(void) {
    return MP_STATE_THREAD(gc_lock_depth) != 0;
}

// --- memory ---

static size_t blocks_for(size_t size) {
    return size / COLLECTOR_BLOCK + (size % COLLECTOR_BLOCK != 0);
}

// A collection first, then more memory.
static MP_NOINLINE void *alloc_slowly(size_t blocks, unsigned flags, bool collect) {
    void *start = NULL;
    if (collect) {
        gc_collect();
        start = collector_alloc(&gc_heap, blocks, flags);
    }
    if (start == NULL && gc_areas_grow(blocks)) {
        start = collector_alloc(&gc_heap, blocks, flags);
    }
    return start;
}

// A call takes longer than to clear a few blocks.
static inline void *clear(void *start, size_t blocks) {
    if (blocks > 4) {
        return memset(start, 0, blocks * COLLECTOR_BLOCK);
    }
    for (size_t i = 0; i < blocks; ++i) {
        memset((char *)start + i * COLLECTOR_BLOCK, 0, COLLECTOR_BLOCK);
    }
    return start;
}

// All blocks are cleared: what they held would be taken for pointers, and of plain ones the string functions read
// whole words, also behind what was written.
static MP_NOINLINE void *alloc(size_t blocks, unsigned flags) {
    bool collect = MP_STATE_MEM(gc_auto_collect_enabled);
    #if MICROPY_GC_ALLOC_THRESHOLD
    if (MP_STATE_MEM(gc_alloc_amount) >= MP_STATE_MEM(gc_alloc_threshold) && collect) {
        gc_collect();
        collect = false;
    }
    #endif
    void *start = collector_alloc(&gc_heap, blocks, flags);
    if (start == NULL && (start = alloc_slowly(blocks, flags, collect)) == NULL) {
        return NULL;
    }
    #if MICROPY_GC_ALLOC_THRESHOLD
    MP_STATE_MEM(gc_alloc_amount) += blocks;
    #endif
    return clear(start, blocks);
}

// One block, if nothing is to be done first. NULL: something is, or it is not found at once.
static inline void *alloc_one(unsigned flags) {
    #if MICROPY_GC_ALLOC_THRESHOLD
    size_t amount = MP_STATE_MEM(gc_alloc_amount);
    if (amount >= MP_STATE_MEM(gc_alloc_threshold)) {
        return NULL;
    }
    #endif
    void *start = collector_alloc_one(&gc_heap, flags);
    if (start == NULL) {
        return NULL;
    }
    #if MICROPY_GC_ALLOC_THRESHOLD
    MP_STATE_MEM(gc_alloc_amount) = amount + 1;
    #endif
    return memset(start, 0, COLLECTOR_BLOCK); // no call for a size that the compiler knows
}

_Static_assert(GC_ALLOC_FLAG_HAS_FINALISER == COLLECTOR_FINAL, "a flag of both");

void *gc_alloc(size_t size, unsigned flags) {
    if (size == 0 || MP_STATE_THREAD(gc_lock_depth) != 0) {
        return NULL;
    }
    unsigned both = (flags & COLLECTOR_FINAL) | (flags & GC_ALLOC_FLAG_PLAIN ? COLLECTOR_PLAIN : 0);
    void *start = size <= COLLECTOR_BLOCK ? alloc_one(both) : NULL;
    return start != NULL ? start : alloc(blocks_for(size), both);
}

// A finaliser may free.
void gc_free(void *start) {
    if (start != NULL && !(MP_STATE_THREAD(gc_lock_depth) & ~GC_COLLECT_FLAG)) {
        collector_free(&gc_heap, start);
    }
}

size_t gc_nbytes(const void *start) {
    return collector_length(&gc_heap, start) * COLLECTOR_BLOCK;
}

static void *move(void *start, size_t length, size_t blocks) {
    void *moved = alloc(blocks, collector_flags(&gc_heap, start));
    if (moved != NULL) {
        memcpy(moved, start, length * COLLECTOR_BLOCK);
        collector_free(&gc_heap, start);
    }
    return moved;
}

void *gc_realloc(void *start, size_t size, bool may_move) {
    if (start == NULL) {
        return gc_alloc(size, 0);
    }
    if (size == 0) {
        gc_free(start);
        return NULL;
    }
    if (MP_STATE_THREAD(gc_lock_depth) != 0) {
        return NULL;
    }
    size_t blocks = blocks_for(size);
    size_t length = collector_length(&gc_heap, start);
    if (blocks == length) {
        return start;
    }
    if (!collector_resize(&gc_heap, start, blocks)) {
        return may_move ? move(start, length, blocks) : NULL;
    }
    if (blocks > length) {
        memset((byte *)start + length * COLLECTOR_BLOCK, 0, (blocks - length) * COLLECTOR_BLOCK);
    }
    return start;
}
