// SPDX-License-Identifier: MIT
// The collector's areas, as the other bindings see them; hooks.h has what the port calls.

#ifndef MODULES_MEMORY_BINDINGS_GC_AREAS_H
#define MODULES_MEMORY_BINDINGS_GC_AREAS_H

#include "core/mem_types.h"

// Adds an area with room for so many blocks together. False: there is no memory for it.
bool gc_areas_grow(size_t blocks);

// Frames in all areas.
size_t gc_areas_frames(void);

// After gc_sweep_all(): unmaps all areas but the first.
void gc_areas_reset(void);

// Bytes that all areas together may take; 0 (at start) means all of RAM. Areas that are larger already stay. Outlives a
// soft reset.
extern size_t gc_areas_limit;

#endif // MODULES_MEMORY_BINDINGS_GC_AREAS_H
