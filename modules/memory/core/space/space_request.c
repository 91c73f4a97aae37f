// SPDX-License-Identifier: MIT
// The checks before every change of a space: addresses, memory and place of the request.

#include "space_internal.h"

// The kind of error for a result of paging.
static space_error_kind_t paging_kind(int result) {
    switch (result) {
        case MEM_EEXIST:
            return SPACE_MAPPED;
        case MEM_ENOENT:
            return SPACE_UNMAPPED;
        case MEM_EPERM:
            return SPACE_SPLIT;
        case MEM_ENOMEM:
            return SPACE_NO_TABLES;
        case MEM_ERANGE:
            return SPACE_OUT_OF_PA;
        default:
            return SPACE_BAD_ATTRS;
    }
}

int space_paging_fail(const space_t *space, int result, const paging_error_t *where, space_error_t *why) {
    const region_t *r = region_find(space, where->va);
    return space_fail(why, (space_error_t) {
        .kind = paging_kind(result), .va = where->va, .pa = where->pa, .name = r != NULL ? r->name : NULL,
    });
}

int space_check_range(const space_t *space, mem_va_t va, uint64_t size, space_error_t *why) {
    if (!mem_is_aligned(va, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_MISALIGNED, .va = va, .value = va});
    }
    if (!mem_is_aligned(size, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_MISALIGNED, .va = va, .value = size});
    }
    if (!mem_range_ok(va, size)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_BAD_SIZE, .va = va, .value = size});
    }
    if (space->paging.upper ? !desc_va_is_upper(va) : !desc_va_is_lower(va + size - 1)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_OUT_OF_HALF, .va = va, .value = size});
    }
    return MEM_OK;
}

int space_check_request(const spaces_t *s, const space_request_t *q, space_error_t *why) {
    if (!mem_is_aligned(q->pa, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_MISALIGNED, .va = q->va, .pa = q->pa, .value = q->pa});
    }
    if (!desc_attrs_ok(q->attrs)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_BAD_ATTRS, .va = q->va, .pa = q->pa, .value = q->attrs});
    }
    if (q->pa >= s->pa_limit || q->size > s->pa_limit - q->pa) {
        return space_fail(why, (space_error_t) {.kind = SPACE_OUT_OF_PA, .va = q->va, .pa = q->pa, .value = q->size});
    }
    if ((q->attrs & MEM_TYPE_MASK) == MEM_TYPE_NONCACHED && !(q->flags & REGION_BOOT)) {
        // Frames with a cached alias (the linear map) must not be mapped non-cacheable by hand.
        return space_fail(why, (space_error_t) {.kind = SPACE_NOT_DMA, .va = q->va, .pa = q->pa, .value = q->attrs});
    }
    const frame_owner_t *owner = q->owner;
    if (owner != NULL && (q->pa < owner->pa || q->pa - owner->pa > owner->count * MEM_PAGE_SIZE - q->size
                          || q->size > owner->count * MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NOT_HELD, .va = q->va, .pa = q->pa, .value = q->size});
    }
    return MEM_OK;
}

int space_check_place(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why) {
    region_t *r = region_overlap(space, va, va + size - 1);
    if (r != NULL) {
        mem_va_t at = r->start > va ? r->start : va;
        mem_pa_t pa = region_is_mapped(r) ? region_pa(r, at) : MEM_ADDR_NONE;
        space_error_kind_t there = region_is_mapped(r) ? SPACE_MAPPED : SPACE_TAKEN;
        return space_fail(why, (space_error_t) {
            .kind = r->flags & REGION_LOCKED ? SPACE_LOCKED : there, .va = at, .pa = pa, .value = size,
            .name = region_is_paged(r) ? "pager" : r->name,
        });
    }
    if (!space->paging.upper || flags & REGION_BOOT) {
        return MEM_OK;
    }
    const window_t *w = window_of(s, va);
    if (w == NULL || size > w->end - va || !(w->flags & WINDOW_OPEN || flags & REGION_LOCKED)) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_NO_WINDOW, .va = va, .value = size, .name = w != NULL ? w->name : NULL,
        });
    }
    return MEM_OK;
}
