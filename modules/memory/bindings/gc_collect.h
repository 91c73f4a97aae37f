// SPDX-License-Identifier: MIT
// Python's heap, as the bindings of the collector share it.

#ifndef MODULES_MEMORY_BINDINGS_GC_COLLECT_H
#define MODULES_MEMORY_BINDINGS_GC_COLLECT_H

#include "core/gc/collector.h"

// Its first area is not of frames, and stays.
extern collector_t gc_heap;

// An empty heap, without an area.
void gc_collect_init(void);

#endif // MODULES_MEMORY_BINDINGS_GC_COLLECT_H
