// SPDX-License-Identifier: MIT
// Three heaps: the floor, the host's, and that of modules/memory.

#include <stdlib.h>
#include <string.h>

#include "heap_subject.h"

static void *arena;

static void *get_arena(void) {
    if (arena == NULL) {
        arena = bench_memory(HEAP_BENCH_SIZE);
    }
    return arena;
}

// ---- lists per size ------------------------------------------------------------------------------------------------

// One class per 16 bytes up to 1 KiB, then one per power of two.
#define SMALL_MAX ((size_t)1024)
#define CLASSES (SMALL_MAX / 16 + 1 + 22)

static void *free_lists[CLASSES];
static uint8_t *fresh;

static size_t round_up(size_t size, size_t *class) {
    if (size <= SMALL_MAX) {
        size = (size + 15) & ~(size_t)15;
        *class = size / 16;
        return size;
    }
    unsigned log2 = 64 - (unsigned)__builtin_clzll(size - 1);
    *class = SMALL_MAX / 16 + log2 - 10;
    return (size_t)1 << log2;
}

static void classes_init(void) {
    memset(free_lists, 0, sizeof(free_lists));
    fresh = get_arena();
}

static void *classes_alloc(size_t size) {
    size_t class;
    size = round_up(size, &class);
    void *p = free_lists[class];
    if (p != NULL) {
        free_lists[class] = *(void **)p;
        return p;
    }
    if (size > HEAP_BENCH_SIZE - (size_t)(fresh - (uint8_t *)arena)) {
        return NULL;
    }
    p = fresh;
    fresh += size;
    return p;
}

static void classes_free(void *p, size_t size) {
    size_t class;
    round_up(size, &class);
    *(void **)p = free_lists[class];
    free_lists[class] = p;
}

static void *classes_grow(void *p, size_t old_size, size_t size) {
    void *grown = classes_alloc(size);
    if (grown != NULL) {
        memcpy(grown, p, old_size);
        classes_free(p, old_size);
    }
    return grown;
}

const heap_subject_t heap_classes = { "classes", classes_init, classes_alloc, classes_free, classes_grow };

// ---- glibc ---------------------------------------------------------------------------------------------------------

static void glibc_init(void) {
}

static void *glibc_alloc(size_t size) {
    return malloc(size);
}

static void glibc_free(void *p, size_t size) {
    (void)size;
    free(p);
}

static void *glibc_grow(void *p, size_t old_size, size_t size) {
    (void)old_size;
    return realloc(p, size);
}

const heap_subject_t heap_glibc = { "glibc", glibc_init, glibc_alloc, glibc_free, glibc_grow };

// ---- ours ----------------------------------------------------------------------------------------------------------

heap_t heap_ours_context;

static void ours_init(void) {
    if (heap_init(&heap_ours_context, get_arena(), HEAP_BENCH_SIZE, 0x5eed1e55) != MEM_OK) {
        bench_fail("cannot be set up", "ours");
    }
}

static void *ours_alloc(size_t size) {
    return heap_alloc(&heap_ours_context, size, 0, NULL);
}

static void ours_free(void *p, size_t size) {
    (void)size;
    if (heap_free(&heap_ours_context, p, NULL) != MEM_OK) {
        bench_fail("a live block cannot be freed", "ours");
    }
}

static void *ours_grow(void *p, size_t old_size, size_t size) {
    (void)old_size;
    return heap_realloc(&heap_ours_context, p, size, NULL);
}

const heap_subject_t heap_ours = { "ours", ours_init, ours_alloc, ours_free, ours_grow };
