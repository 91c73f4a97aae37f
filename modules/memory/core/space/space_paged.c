// SPDX-License-Identifier: MIT
// Ranges whose pages come and go one by one, as a pager resolves faults in them.

#include "space_paged.h"

#include "rights.h"
#include "space_internal.h"

// The range with a pager that contains [va, va + size); NULL and *result when there is none.
static const region_t *find_paged(space_t *space, mem_va_t va, uint64_t size, int *result, space_error_t *why) {
    *result = space_check_range(space, va, size, why);
    if (*result != MEM_OK) {
        return NULL;
    }
    const region_t *r = region_find(space, va);
    if (!region_is_paged(r) || va + size - 1 > r->last) {
        mem_va_t at = region_is_paged(r) ? r->last + 1 : va;
        *result = space_fail(why, (space_error_t) {.kind = SPACE_NOT_PAGED, .va = at, .value = size});
        return NULL;
    }
    if (r->flags & REGION_LOCKED) {
        *result = space_fail(why, (space_error_t) {.kind = SPACE_LOCKED, .va = va, .value = size, .name = r->name});
        return NULL;
    }
    return r;
}

int space_open_range(spaces_t *s, space_t *kernel, const space_request_t *q, space_error_t *why) {
    int result = space_check_range(kernel, q->va, q->size, why);
    result = result != MEM_OK ? result : space_check_place(s, kernel, q->va, q->size, REGION_BOOT, why);
    if (result != MEM_OK) {
        return result;
    }
    mem_va_t last = q->va + (q->size - 1);
    region_t *r = pool_alloc(&s->region_pool);
    result = r != NULL ? paging_open_range(&kernel->paging, q->va, last) : MEM_ENOMEM;
    if (result != MEM_OK) {
        if (r != NULL) {
            (void)pool_free(&s->region_pool, r);
        }
        return space_paging_fail(kernel, result, &(paging_error_t) {q->va, MEM_ADDR_NONE}, why);
    }
    *r = (region_t) {
        .name = q->name, .start = q->va, .last = last, .pa = MEM_ADDR_NONE, .attrs = q->attrs,
        .flags = REGION_PAGED | REGION_BOOT | REGION_LOCKED,
    };
    region_insert(s, kernel, r);
    return MEM_OK;
}

int space_paged_in(spaces_t *s, space_t *space, mem_va_t va, frame_owner_t *owner, space_error_t *why) {
    space_request_t q = {.va = va, .pa = owner->pa, .size = owner->count * MEM_PAGE_SIZE};
    int result;
    const region_t *r = find_paged(space, va, q.size, &result, why);
    if (r == NULL) {
        return result;
    }
    q.attrs = r->attrs;
    result = frame_owner_check_unmapped(owner, why);
    if (result == MEM_OK) {
        result = rights_map(s, space, &q, PAGING_PAGES_ONLY | PAGING_PAGED | PAGING_OWNED, why);
    }
    if (result == MEM_OK) {
        frame_owner_forget(s, owner);
    }
    return result;
}

static bool exceeds(mem_attrs_t attrs, const region_t *r) {
    return (attrs & ~r->attrs & MEM_PROT_MASK) != 0 || (attrs & MEM_TYPE_MASK) != (r->attrs & MEM_TYPE_MASK);
}

int space_paged_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result;
    const region_t *r = find_paged(space, q->va, q->size, &result, why);
    if (r == NULL) {
        return result;
    }
    result = space_check_request(s, q, why);
    if (result != MEM_OK) {
        return result;
    }
    if (exceeds(q->attrs, r)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_TOO_MUCH, .va = q->va, .pa = q->pa, .value = q->attrs});
    }
    return rights_map(s, space, q, PAGING_PAGES_ONLY | PAGING_PAGED, why);
}

int space_paged_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result;
    const region_t *r = find_paged(space, q->va, q->size, &result, why);
    if (r == NULL) {
        return result;
    }
    if ((q->attrs & ~MEM_PROT_MASK) || !desc_attrs_ok(q->attrs)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_BAD_ATTRS, .va = q->va, .value = q->attrs});
    }
    if (exceeds(q->attrs, r)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_TOO_MUCH, .va = q->va, .value = q->attrs});
    }
    return rights_protect(s, space, q, why);
}

int space_paged_evict(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why) {
    int result;
    (void)s;
    if (find_paged(space, va, size, &result, why) != NULL) {
        paging_evict(&space->paging, va, va + size - 1);
    }
    return result;
}

size_t space_paged_frames(const space_t *space) {
    size_t frames = 0;
    for (const region_t *r = space->regions; r != NULL; r = r->next) {
        frames += region_is_paged(r) ? paging_count(&space->paging, r->start, r->last, DESC_OWNED) : 0;
    }
    return frames;
}
