// SPDX-License-Identifier: MIT
// The heaps that are compared, behind one interface.

#ifndef TOOLS_BENCH_HEAP_SUBJECT_H
#define TOOLS_BENCH_HEAP_SUBJECT_H

#include "bench.h"
#include "core/heap/heap.h"

#define HEAP_BENCH_SIZE ((size_t)1 << 20)

typedef struct _heap_subject_t {
    const char *name;
    void (*init)(void);               // empty, 1 MiB (glibc: without end)
    void *(*alloc)(size_t size);      // NULL when full
    void (*free)(void *p, size_t size);
    void *(*grow)(void *p, size_t old_size, size_t size);
} heap_subject_t;

// Floor: lists of freed blocks of one size each, never merged; the size comes from the caller.
extern const heap_subject_t heap_classes;
extern const heap_subject_t heap_glibc;
// modules/memory/core/heap/heap.h
extern const heap_subject_t heap_ours;

// The heap of heap_ours.
extern heap_t heap_ours_context;

#endif // TOOLS_BENCH_HEAP_SUBJECT_H
