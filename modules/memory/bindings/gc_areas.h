// SPDX-License-Identifier: MIT
// The collector's areas, as the other bindings see them; hooks.h has what the port calls.

#ifndef MODULES_MEMORY_BINDINGS_GC_AREAS_H
#define MODULES_MEMORY_BINDINGS_GC_AREAS_H

#include <stddef.h>

// Frames in all areas.
size_t gc_areas_frames(void);

// After gc_sweep_all(): unmaps the areas that a collection would have kept.
void gc_areas_reset(void);

// Bytes that all areas together may take; 0 (at start) means all of RAM. Areas that are larger already stay. Outlives a
// soft reset.
extern size_t gc_areas_limit;

#endif // MODULES_MEMORY_BINDINGS_GC_AREAS_H
