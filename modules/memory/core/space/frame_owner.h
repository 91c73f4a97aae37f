// SPDX-License-Identifier: MIT
// Frame owners: records of runs of frames, which keep the frames while regions map them and free them afterwards.

#ifndef MODULES_MEMORY_CORE_SPACE_FRAME_OWNER_H
#define MODULES_MEMORY_CORE_SPACE_FRAME_OWNER_H

#include "space_error.h"

// The state of a Frames object. It is in a pool, so that it outlasts the object.
typedef struct _frame_owner_t {
    struct _frame_owner_t *next, *prev; // all of the spaces_t
    mem_pa_t pa;
    size_t count;              // frames
    region_t *regions;         // that map some of them, in no order
    uint32_t maps;             // how many these are
    bool orphan;               // the object was finalised: the last unmap frees the frames
} frame_owner_t;

// Takes over `count` used frames at pa; NULL when there is no memory for the record.
frame_owner_t *frame_owner_open(spaces_t *s, mem_pa_t pa, size_t count);

// Frees the frames and the record. MEM_EBUSY, naming one mapping, while regions map them.
int frame_owner_close(spaces_t *s, frame_owner_t *owner, space_error_t *why);

// The object was finalised: frees the frames now, or with the last mapping of them.
void frame_owner_orphan(spaces_t *s, frame_owner_t *owner);

// Orphans every owner (soft reset, after the finalisers); returns how many were not orphans before.
size_t frame_owner_orphan_all(spaces_t *s);

// The owner after this one, the first after NULL; NULL after the last.
const frame_owner_t *frame_owner_next(const spaces_t *s, const frame_owner_t *owner);

#endif // MODULES_MEMORY_CORE_SPACE_FRAME_OWNER_H
