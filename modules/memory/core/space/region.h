// SPDX-License-Identifier: MIT
// Regions: what a space has mapped or reserved, in a sorted list and in a tree. A region is a run of addresses with
// identical attributes.

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
    region_t *child[2];        // of one space, in its tree (region_tree.h): of lower and of higher addresses
    region_t *x_next, *x_prev; // executable regions of all spaces that are judged for W^X
    region_t *owner_next, *owner_prev; // of one frame owner
    space_t *space;
    frame_owner_t *owner;      // NULL when mapped by bare address
    const char *name;          // NULL when it has none
    mem_va_t start, last;      // bytes, inclusive: the upper half ends with the address space
    mem_pa_t pa;               // of start; MEM_ADDR_NONE for REGION_RESERVED and REGION_PAGED
    mem_attrs_t attrs;         // REGION_PAGED: the most that a page may have
    uint32_t flags;            // REGION_*
    uint32_t pager;            // REGION_PAGED: the caller's number of what resolves its faults
    uint32_t height;           // of the tree below it, itself included
};

// The region that contains va, or NULL.
const region_t *region_find(const space_t *space, mem_va_t va);

// The first region that ends at or after va, or NULL. The next search of the space begins there: for a caller that
// takes one after the other, or changes it.
region_t *region_at_or_after(space_t *space, mem_va_t va);

// The same for a space that is only read; with region->next the way to list it.
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
