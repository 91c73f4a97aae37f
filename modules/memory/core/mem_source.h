// SPDX-License-Identifier: MIT
// Where the mechanism gets whole frames from, and how it reaches them.

#ifndef MODULES_MEMORY_MEM_SOURCE_H
#define MODULES_MEMORY_MEM_SOURCE_H

#include "mem_types.h"

// The only way translation tables and pools get memory. alloc() gives one frame with arbitrary contents
// (MEM_OK or MEM_ENOMEM); free() takes `count` consecutive frames that are in use and cannot fail.
// A frame at physical address pa is read and written at virtual address pa + linear, always:
// the linear map is one addition, so a table walk costs its loads and nothing else.
typedef struct _mem_source_t {
    void *ctx;
    int (*alloc)(void *ctx, mem_pa_t *pa);
    void (*free)(void *ctx, mem_pa_t pa, size_t count);
    uint64_t linear;
} mem_source_t;

static inline void *mem_source_va(const mem_source_t *source, mem_pa_t pa) {
    return (void *)(uintptr_t)(pa + source->linear);
}

static inline mem_pa_t mem_source_pa(const mem_source_t *source, const void *va) {
    return (uint64_t)(uintptr_t)va - source->linear;
}

#endif // MODULES_MEMORY_MEM_SOURCE_H
