// SPDX-License-Identifier: MIT
// Regions: the sorted list of what a space has mapped or reserved. A region is a run of addresses with identical
// attributes.

#ifndef MODULES_MEMORY_CORE_SPACE_REGION_H
#define MODULES_MEMORY_CORE_SPACE_REGION_H

#include "core/paging/descriptor.h"
#include "frame_owner.h"

// Flags of a region, given at map time.
#define REGION_BOOT (1u)       // made by boot: not judged for W^X; upper half: outside the windows, by blocks, locked
#define REGION_LOCKED (2u)     // unmap and protect need SPACE_FORCE
#define REGION_RESERVED (4u)   // nothing is mapped: a guard, or address space kept free (space_reserve)
#define REGION_PAGED (8u)      // pages come and go one by one, on demand (space_paged.h); lower half only
#define REGION_STEP (128u)     // with REGION_PAGED: a page stays for one instruction only

struct _region_t {
    region_t *next, *prev;     // of one space, by ascending start
    region_t *x_next, *x_prev; // executable regions of all spaces that are judged for W^X
    space_t *space;
    frame_owner_t *owner;      // NULL when mapped by bare address
    const char *name;          // NULL when it has none
    mem_va_t start, last;      // bytes, inclusive: the upper half ends with the address space
    mem_pa_t pa;               // of start; MEM_ADDR_NONE for REGION_RESERVED and REGION_PAGED
    mem_attrs_t attrs;         // REGION_PAGED: the most that a page may have
    uint32_t flags;            // REGION_*
    uint32_t pager;            // REGION_PAGED: the caller's number of what resolves its faults
};

// The region that contains va, or NULL.
const region_t *region_find(const space_t *space, mem_va_t va);

// The first region at or after va, or NULL; with region->next the way to list a space.
const region_t *region_from(const space_t *space, mem_va_t va);

static inline uint64_t region_size(const region_t *r) {
    return r->last - r->start + 1;
}

// Physical address of va, which is inside the mapped region.
static inline mem_pa_t region_pa(const region_t *r, mem_va_t va) {
    return r->pa + (va - r->start);
}

// Whether all of it is mapped, by ascending addresses.
static inline bool region_is_mapped(const region_t *r) {
    return !(r->flags & (REGION_RESERVED | REGION_PAGED));
}

// Whether a pager fills it. `r` may be NULL.
static inline bool region_is_paged(const region_t *r) {
    return r != NULL && r->flags & REGION_PAGED;
}

#endif // MODULES_MEMORY_CORE_SPACE_REGION_H
