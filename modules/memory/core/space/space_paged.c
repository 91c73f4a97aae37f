// SPDX-License-Identifier: MIT
// Ranges whose pages come and go one by one, as a pager resolves faults in them.

#include "core/arch.h"
#include "space_internal.h"

// The range with a pager that contains [va, va + size); NULL and *result when there is none.
static region_t *find_paged(space_t *space, mem_va_t va, uint64_t size, int *result, space_error_t *why) {
    *result = space_check_range(space, va, size, why);
    if (*result != MEM_OK) {
        return NULL;
    }
    region_t *r = region_overlap(space, va, va);
    if (r == NULL || !(r->flags & REGION_PAGED) || va + size - 1 > r->last) {
        mem_va_t at = r != NULL && r->flags & REGION_PAGED ? r->last + 1 : va;
        *result = space_fail(why, (space_error_t) {.kind = SPACE_NOT_PAGED, .va = at, .value = size});
        return NULL;
    }
    return r;
}

// Maps pages into the range; the request is checked but for its place.
static int map_pages(spaces_t *s, space_t *space, const space_request_t *q, unsigned flags, space_error_t *why) {
    int result = wx_check_memory(s, q, why);
    if (result == MEM_OK) {
        wx_change_t change = {.space = space, .va = q->va, .last = q->va + q->size - 1};
        result = wx_check_aliases(s, &change, q, why);
    }
    if (result != MEM_OK) {
        return result;
    }
    flags |= PAGING_PAGES_ONLY | PAGING_PAGED;
    if (q->size == MEM_PAGE_SIZE && paging_translate(&space->paging, q->va, NULL, NULL) == MEM_OK) {
        paging_replace(&space->paging, q->va, q->pa, q->attrs, flags);
    } else {
        paging_error_t where;
        const paging_run_t run = {.va = q->va, .size = q->size, .pa = q->pa, .attrs = q->attrs};
        result = paging_map(&space->paging, &run, flags, &where);
        if (result != MEM_OK) {
            return space_paging_fail(space, result, &where, why);
        }
    }
    if (q->attrs & MEM_PROT_X) {
        arch_sync_code((uint64_t)(uintptr_t)mem_source_va(&s->source, q->pa), q->size);
    }
    return MEM_OK;
}

int space_page_in(spaces_t *s, space_t *space, mem_va_t va, frame_owner_t *owner, space_error_t *why) {
    space_request_t q = {.va = va, .pa = owner->pa, .size = owner->count * MEM_PAGE_SIZE};
    int result;
    const region_t *r = find_paged(space, va, q.size, &result, why);
    if (r == NULL) {
        return result;
    }
    q.attrs = r->attrs;
    result = frame_owner_check_unmapped(s, owner, why);
    if (result == MEM_OK) {
        result = map_pages(s, space, &q, PAGING_OWNED, why);
    }
    if (result == MEM_OK) {
        frame_owner_forget(s, owner);
    }
    return result;
}

static bool exceeds(mem_attrs_t attrs, const region_t *r) {
    return (attrs & ~r->attrs & MEM_PROT_MASK) != 0 || (attrs & MEM_TYPE_MASK) != (r->attrs & MEM_TYPE_MASK);
}

int space_page_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
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
    return map_pages(s, space, q, 0, why);
}

int space_page_protect(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, mem_attrs_t prot, space_error_t *why) {
    int result;
    const region_t *r = find_paged(space, va, size, &result, why);
    (void)s;
    if (r == NULL) {
        return result;
    }
    if ((prot & ~MEM_PROT_MASK) || !desc_attrs_ok(prot)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_BAD_ATTRS, .va = va, .value = prot});
    }
    if (exceeds(prot, r)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_TOO_MUCH, .va = va, .value = prot});
    }
    paging_restrict(&space->paging, va, va + size - 1, prot);
    return MEM_OK;
}

int space_evict(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why) {
    int result;
    (void)s;
    if (find_paged(space, va, size, &result, why) != NULL) {
        paging_evict(&space->paging, va, va + size - 1);
    }
    return result;
}

int space_release(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why) {
    int result = space_check_range(space, va, size, why);
    if (result != MEM_OK) {
        return result;
    }
    mem_va_t last = va + size - 1;
    const region_t *r = space_find(space, va);
    if (r == NULL || region_is_mapped(r) || r->last < last) {
        mem_va_t at = r == NULL || region_is_mapped(r) ? va : r->last + 1;
        return space_fail(why, (space_error_t) {.kind = SPACE_UNMAPPED, .va = at, .value = size});
    }
    if (r->flags & REGION_LOCKED) {
        return space_fail(why, (space_error_t) {.kind = SPACE_LOCKED, .va = va, .value = size, .name = r->name});
    }
    space_spares_t spares;
    result = space_take_spares(s, space, va, last, &spares, why);
    if (result != MEM_OK) {
        return result;
    }
    space_cut_ends(s, space, va, last, &spares);
    return space_unreserve(s, space, va, 0, why);
}
