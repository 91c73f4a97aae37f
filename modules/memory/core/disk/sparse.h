// SPDX-License-Identifier: MIT
// A sparse array of bytes in frames, for disks: a frame comes with the first write to its page, and is freed when all
// of the page is zero again. What was never written reads as zero.

#ifndef MODULES_MEMORY_CORE_DISK_SPARSE_H
#define MODULES_MEMORY_CORE_DISK_SPARSE_H

#include "core/mem_source.h"

// Levels of tables above the pages; a table is a frame of 512 entries, as a translation table is.
#define SPARSE_MAX_LEVELS (3)
#define SPARSE_MAX_SIZE ((uint64_t)1 << (MEM_PAGE_SHIFT + 9 * SPARSE_MAX_LEVELS))

typedef struct _sparse_t {
    const mem_source_t *source;
    uint64_t size;          // bytes
    uint64_t top;           // entry of the highest table; 0: nothing was written
    unsigned levels;
} sparse_t;

// size: a multiple of MEM_PAGE_SIZE, up to SPARSE_MAX_SIZE, not 0. Takes no frame. The source must outlive the array.
void sparse_init(sparse_t *sparse, const mem_source_t *source, uint64_t size);

// Copies [at, at + size), which must lie in the array.
void sparse_read(const sparse_t *sparse, uint64_t at, void *to, size_t size);

// MEM_ENOMEM: there was no frame; what lies before the page that wanted it is written.
int sparse_write(sparse_t *sparse, uint64_t at, const void *from, size_t size);

// Makes [at, at + size), which must lie in the array, zero. Takes no frame.
void sparse_clear(sparse_t *sparse, uint64_t at, uint64_t size);

// Whether the page of `at` has a frame.
bool sparse_has_page(const sparse_t *sparse, uint64_t at);

// Frames in use, of pages and tables, counted by walking the tables.
size_t sparse_count(const sparse_t *sparse);

#endif // MODULES_MEMORY_CORE_DISK_SPARSE_H
