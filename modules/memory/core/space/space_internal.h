// SPDX-License-Identifier: MIT
// Shared by the files of the address space layer.
// Ranges are [va, last] with the last byte included (see paging_internal.h).

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H

#include "core/list.h"
#include "space.h"

// --- space_request.c ---

// Translates the failure of a paging call at `where`.
int space_paging_fail(const space_t *space, int result, const paging_error_t *where, space_error_t *why);

// Whether [va, va + size) is whole pages of this half.
int space_check_range(const space_t *space, mem_va_t va, uint64_t size, space_error_t *why);

// Whether the request's memory and attributes are possible.
int space_check_request(const spaces_t *s, const space_request_t *q, space_error_t *why);

// Whether [va, va + size) is free of regions and, in the upper half, inside a window that allows such a region.
int space_check_place(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why);

// --- space_paged.c, space_reserve.c: the calls of space_map.c in reserved ranges and ranges with a pager ---

int space_paged_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why);
int space_paged_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why);
int space_unreserve(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why);

// --- region.c ---

// Whether mappings of this region are judged for W^X.
static inline bool region_is_judged(const region_t *r) {
    return !(r->flags & (REGION_BOOT | REGION_RESERVED));
}

// The region that overlaps [va, last] first, or NULL.
region_t *region_overlap(space_t *space, mem_va_t va, mem_va_t last);

// Links a filled-in record; counts a reference to its frame owner and lists it as executable. May merge it with its
// neighbours, freeing records: pointers to regions of the space are stale afterwards.
void region_insert(spaces_t *s, space_t *space, region_t *r);

// Unlinks and frees the record, its reference to the frame owner included.
void region_remove(spaces_t *s, region_t *r);

// Records for cutting regions at both ends of a range.
typedef struct _region_spares_t {
    region_t *head, *tail;
} region_spares_t;

// Takes what region_cut_ends() will need; regions are at both ends of [va, last]. MEM_ENOMEM takes none.
int region_take_spares(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, region_spares_t *spares,
    space_error_t *why);

// Gives them back unused.
void region_release_spares(spaces_t *s, const region_spares_t *spares);

// Cuts regions at va and behind last, so that none is partly inside. Uses the spares up.
void region_cut_ends(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, region_spares_t *spares);

// Gives a region new attributes and flags. The caller calls region_merge() for the range afterwards.
void region_change(spaces_t *s, region_t *r, mem_attrs_t attrs, uint32_t flags);

// Joins the regions of [va, last], and the ones next to it, where one continues the other in every respect.
void region_merge(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last);

// --- frame_owner.c ---

// Counts the region, whose owner is set and may be NULL, among those that map its frames.
void frame_owner_ref(region_t *r);

// The region does not map them any more: an orphan without maps is freed.
void frame_owner_unref(spaces_t *s, region_t *r);

// MEM_EBUSY, naming one mapping, while regions map its frames.
int frame_owner_check_unmapped(const frame_owner_t *owner, space_error_t *why);

// Frees the record of an owner without maps and leaves its frames allocated: another record owns them.
void frame_owner_forget(spaces_t *s, frame_owner_t *owner);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H
