// SPDX-License-Identifier: MIT
// Python's heap, as the bindings of the collector share it.

#ifndef MODULES_MEMORY_BINDINGS_GC_COLLECT_H
#define MODULES_MEMORY_BINDINGS_GC_COLLECT_H

#include "core/gc/collector.h"

// Its first area is not of frames, and stays.
extern collector_t gc_heap;

// An empty heap, without an area.
void gc_collect_init(void);

// The parts of a collection.
typedef enum {
    GC_ROOTS,       // marking what registers, stack and MicroPython's state refer to
    GC_MARK,        // marking what that leads to
    GC_FINALISERS,
    GC_SWEEP,
    GC_AREAS,       // giving memory back
    GC_PARTS,
} gc_part_t;

// How often memory was collected since the last soft reset, and the ticks (time.ticks_cpu()) of the last time by part:
// their sum is how long Python stood still.
typedef struct _gc_times_t {
    uint64_t count, last;
    uint64_t ticks[GC_PARTS];
} gc_times_t;

extern gc_times_t gc_times;

// What has passed since the last call, or since gc_collect_time(), was that part.
void gc_times_add(gc_part_t part);

#endif // MODULES_MEMORY_BINDINGS_GC_COLLECT_H
