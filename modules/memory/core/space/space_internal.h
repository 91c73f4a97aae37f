// SPDX-License-Identifier: MIT
// Shared by the files of the address space layer: space.c space_map.c space_paged.c region.c wx.c frame_owner.c
// window.c space_error.c.
// Ranges are [va, last] with the last byte included (see paging_internal.h).

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H

#include "core/list.h"
#include "space.h"

// Translates the failure of a paging call at `where`.
int space_paging_fail(const space_t *space, int result, const paging_error_t *where, space_error_t *why);

// --- space_map.c ---

// Whether [va, va + size) is whole pages of this half.
int space_check_range(const space_t *space, mem_va_t va, uint64_t size, space_error_t *why);

// Whether the request's memory and attributes can be.
int space_check_request(const spaces_t *s, const space_request_t *q, space_error_t *why);

// Whether [va, va + size) is free of regions, and in the upper half a place where such a region may be.
int space_check_place(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why);

// Records for cutting regions at both ends of a range.
typedef struct _space_spares_t {
    region_t *head, *tail;
} space_spares_t;

// Regions are at both ends of [va, last]. MEM_ENOMEM takes none.
int space_take_spares(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, space_spares_t *spares,
    space_error_t *why);

// Uses them up.
void space_cut_ends(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, space_spares_t *spares);

// --- region.c ---

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

// Whether mappings of this region are judged for W^X.
static inline bool region_is_judged(const region_t *r) {
    return !(r->flags & (REGION_BOOT | REGION_RESERVED));
}

// The first region that ends at or after va, or NULL.
region_t *region_at_or_after(space_t *space, mem_va_t va);

// The region that overlaps [va, last] first, or NULL.
region_t *region_overlap(space_t *space, mem_va_t va, mem_va_t last);

// Links a filled-in record; counts a reference to its frame owner and lists it as executable. May merge it with its
// neighbours, freeing records: pointers to regions of the space are stale afterwards.
void region_insert(spaces_t *s, space_t *space, region_t *r);

// Unlinks and frees the record, its reference to the frame owner included.
void region_remove(spaces_t *s, region_t *r);

// Cuts regions at va: no region has va in its middle afterwards. Uses up *spare when it has to, and clears it.
void region_cut(spaces_t *s, space_t *space, mem_va_t va, region_t **spare);

// Takes new attributes and flags for a region; region_merge() of the range is to follow.
void region_change(spaces_t *s, region_t *r, mem_attrs_t attrs, uint32_t flags);

// Joins the regions of [va, last], and the ones next to it, where one continues the other in every respect.
void region_merge(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last);

// --- wx.c ---

// Whether the memory of a mapping may get its attributes: type against RAM, read-only ranges, boot-only types.
int wx_check_memory(const spaces_t *s, const space_request_t *mapping, space_error_t *why);

// The addresses that a call changes: what they map at the moment does not count.
typedef struct _wx_change_t {
    const space_t *space;
    mem_va_t va, last;
} wx_change_t;

// Whether a judged mapping would make a frame writable and executable over all spaces.
int wx_check_aliases(const spaces_t *s, const wx_change_t *change, const space_request_t *mapping, space_error_t *why);

// --- frame_owner.c ---

void frame_owner_ref(frame_owner_t *owner);
void frame_owner_unref(spaces_t *s, frame_owner_t *owner); // an orphan without maps is freed
// MEM_EBUSY, naming one mapping, while regions map its frames.
int frame_owner_check_unmapped(const spaces_t *s, const frame_owner_t *owner, space_error_t *why);
// Frees the record of an owner without maps and leaves its frames allocated: another record has them.
void frame_owner_forget(spaces_t *s, frame_owner_t *owner);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_INTERNAL_H
