// SPDX-License-Identifier: MIT
// Reserved ranges: guards, address space kept free, and ranges that a pager fills.

#include "space_internal.h"

// Whether a pager can fill this range.
static int check_paged(const space_t *space, const space_request_t *q, space_error_t *why) {
    if (space->paging.upper) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_KERNEL, .va = q->va, .value = q->size, .name = space->name,
        });
    }
    int result = space_check_range(space, q->va, q->size, why);
    if (result == MEM_OK && (!desc_attrs_ok(q->attrs) || (q->attrs & MEM_TYPE_MASK) != MEM_TYPE_NORMAL)) {
        result = space_fail(why, (space_error_t) {.kind = SPACE_BAD_ATTRS, .va = q->va, .value = q->attrs});
    }
    return result;
}

int space_reserve(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    bool paged = q->flags & REGION_PAGED;
    int result = paged ? check_paged(space, q, why) : space_check_range(space, q->va, q->size, why);
    if (result == MEM_OK) {
        // Guards may lie outside windows.
        uint32_t flags = q->flags & REGION_LOCKED ? REGION_BOOT : q->flags;
        result = space_check_place(s, space, q->va, q->size, flags, why);
    }
    if (result != MEM_OK) {
        return result;
    }
    region_t *r = pool_alloc(&s->region_pool);
    if (r == NULL) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .va = q->va, .value = q->size});
    }
    uint32_t kind = paged ? REGION_PAGED | (q->flags & REGION_STEP)
        : REGION_RESERVED | (q->flags & (REGION_BOOT | REGION_LOCKED));
    *r = (region_t) {
        .name = q->name, .start = q->va, .last = q->va + q->size - 1, .pa = MEM_ADDR_NONE,
        .attrs = paged ? q->attrs : 0, .flags = kind, .pager = paged ? q->pager : 0,
    };
    region_insert(s, space, r);
    return MEM_OK;
}

// Removes all or part of the reserved range that contains va.
int space_unreserve(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why) {
    mem_va_t last = va + (size - 1);
    const region_t *r = region_find(space, va);
    if (r->last < last) {
        return space_fail(why, (space_error_t) {.kind = SPACE_UNMAPPED, .va = r->last + 1, .value = size});
    }
    if (r->flags & REGION_LOCKED && !(flags & SPACE_FORCE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_LOCKED, .va = va, .value = size, .name = r->name});
    }
    region_spares_t spares;
    int result = region_take_spares(s, space, va, last, &spares, why);
    if (result != MEM_OK) {
        return result;
    }
    if (region_is_paged(r)) {
        paging_evict(&space->paging, va, last);
    }
    region_cut_ends(s, space, va, last, &spares);
    region_remove(s, region_overlap(space, va, last));
    return MEM_OK;
}
