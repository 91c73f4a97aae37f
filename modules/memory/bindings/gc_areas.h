// SPDX-License-Identifier: MIT
// Memory for the garbage-collected heap beyond its first arena: areas of frames, mapped in the GC
// window of the kernel half. Called from inside gc_alloc and gc_collect, so nothing here may touch
// a Python object.

#ifndef PORTS_RPI_AARCH64_GC_AREAS_H
#define PORTS_RPI_AARCH64_GC_AREAS_H

#include <stddef.h>

// Bytes that gc_areas_alloc() could give now; 0 before the kernel map is in use. Some frames are
// held back for translation tables, so that Python can still map and close things when its heap has
// taken "everything".
size_t gc_areas_available(void);

// An area of at least `size` bytes, page aligned, not cleared; NULL when frames or addresses run
// out, with nothing taken.
void *gc_areas_alloc(size_t size);

// Takes back an area that gc_areas_alloc() gave.
void gc_areas_free(void *area);

// Frames in all areas.
size_t gc_areas_frames(void);

// Bytes that all areas together may take; 0 (at start) means all of RAM. Areas that are larger
// already stay. Outlives a soft reset.
extern size_t gc_areas_limit;

#endif // PORTS_RPI_AARCH64_GC_AREAS_H
