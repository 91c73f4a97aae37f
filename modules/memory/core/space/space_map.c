// SPDX-License-Identifier: MIT
// Mappings of address spaces: the place is checked and records are taken, then rights.c judges and changes the tables.
// space_reserve.c and space_paged.c handle addresses in reserved ranges and in ranges with a pager.

#include "rights.h"
#include "space_internal.h"

static unsigned map_flags(const space_t *space, const space_request_t *q) {
    if (space->paging.upper) {
        return q->flags & (REGION_BOOT | SPACE_BLOCKS) ? 0 : PAGING_PAGES_ONLY;
    }
    return q->flags & SPACE_PAGES_ONLY ? PAGING_PAGES_ONLY : 0;
}

static int check_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result = space_check_range(space, q->va, q->size, why);
    if (result == MEM_OK) {
        result = space_check_request(s, q, why);
    }
    if (result == MEM_OK) {
        result = space_check_place(s, space, q->va, q->size, q->flags, why);
    }
    return result;
}

int space_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    if (q->owner == NULL && !(q->flags & REGION_BOOT) && region_is_paged(region_find(space, q->va))) {
        return space_paged_map(s, space, q, why);
    }
    int result = check_map(s, space, q, why);
    if (result != MEM_OK) {
        return result;
    }
    region_t *r = pool_alloc(&s->region_pool);
    if (r == NULL) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .va = q->va, .pa = q->pa, .value = q->size});
    }
    result = rights_map(s, space, q, map_flags(space, q), why);
    if (result != MEM_OK) {
        (void)pool_free(&s->region_pool, r);
        return result;
    }
    uint32_t flags = q->flags & (REGION_BOOT | REGION_LOCKED);
    if (space->paging.upper && flags & REGION_BOOT) {
        flags |= REGION_LOCKED;
    }
    *r = (region_t) {
        .owner = q->owner, .name = q->name, .start = q->va, .last = q->va + q->size - 1, .pa = q->pa, .attrs = q->attrs,
        .flags = flags,
    };
    region_insert(s, space, r);
    return MEM_OK;
}

// Checks that mapped regions cover all of [va, last] and that this caller may change them.
static int check_covered(space_t *space, mem_va_t va, mem_va_t last, uint32_t flags, space_error_t *why) {
    mem_va_t at = va;
    for (const region_t *r = region_at_or_after(space, va); r != NULL && r->start <= at; r = r->next) {
        if (r->flags & REGION_LOCKED && !(flags & SPACE_FORCE)) {
            return space_fail(why, (space_error_t) {
                .kind = SPACE_LOCKED, .va = at, .pa = r->pa, .value = last - va + 1, .name = r->name,
            });
        }
        if (!region_is_mapped(r)) {
            return space_fail(why, (space_error_t) {
                .kind = SPACE_UNMAPPED, .va = at, .value = last - va + 1, .name = r->name,
            });
        }
        if (r->last >= last) {
            return MEM_OK;
        }
        at = r->last + 1;
    }
    return space_fail(why, (space_error_t) {.kind = SPACE_UNMAPPED, .va = at, .value = last - va + 1});
}

// The start of unmap and protect: checks the range and takes records for cutting regions at its ends.
static int begin_change(spaces_t *s, space_t *space, const space_request_t *q, region_spares_t *spares,
    space_error_t *why) {
    mem_va_t last = q->va + (q->size - 1);
    int result = check_covered(space, q->va, last, q->flags, why);
    return result == MEM_OK ? region_take_spares(s, space, q->va, last, spares, why) : result;
}

static int unmap_tables(space_t *space, const space_request_t *q, space_error_t *why) {
    paging_error_t where;
    unsigned flags = space->paging.upper ? PAGING_NO_SPLIT : 0;
    int result = paging_unmap(&space->paging, q->va, q->size, flags, &where);
    return result == MEM_OK ? MEM_OK : space_paging_fail(space, result, &where, why);
}

// The usual case of unmap: all of one region, which no other one has to be looked at for.
static int unmap_whole(spaces_t *s, space_t *space, const space_request_t *q, region_t *r, space_error_t *why) {
    int result = unmap_tables(space, q, why);
    if (result == MEM_OK) {
        region_remove(s, r);
    }
    return result;
}

static int unmap_covered(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    region_spares_t spares;
    int result = begin_change(s, space, q, &spares, why);
    if (result != MEM_OK) {
        return result;
    }
    result = unmap_tables(space, q, why);
    if (result != MEM_OK) {
        region_release_spares(s, &spares);
        return result;
    }
    mem_va_t last = q->va + (q->size - 1);
    region_cut_ends(s, space, q->va, last, &spares);
    // No TLB translates these pages any more: frames whose owner is an orphan may be freed now.
    for (region_t *r; (r = region_overlap(space, q->va, last)) != NULL;) {
        region_remove(s, r);
    }
    return MEM_OK;
}

int space_unmap(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why) {
    int result = space_check_range(space, va, size, why);
    if (result != MEM_OK) {
        return result;
    }
    region_t *r = region_overlap(space, va, va);
    if (r != NULL && !region_is_mapped(r)) {
        return space_unreserve(s, space, va, size, flags, why);
    }
    const space_request_t q = {.va = va, .size = size, .flags = flags};
    bool may = r != NULL && (!(r->flags & REGION_LOCKED) || flags & SPACE_FORCE);
    bool whole = may && r->start == va && r->last == va + (size - 1);
    result = whole ? unmap_whole(s, space, &q, r, why) : unmap_covered(s, space, &q, why);
    if (result == MEM_OK && space->paging.upper) {
        window_unmapped(s, va, size); // no TLB has the addresses any more
    }
    return result;
}

static int protect_covered(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    region_spares_t spares;
    int result = begin_change(s, space, q, &spares, why);
    if (result != MEM_OK) {
        return result;
    }
    result = rights_protect(s, space, q, why);
    if (result != MEM_OK) {
        region_release_spares(s, &spares);
        return result;
    }
    mem_va_t last = q->va + (q->size - 1);
    region_cut_ends(s, space, q->va, last, &spares);
    for (region_t *r = region_at_or_after(space, q->va); r != NULL && r->start <= last; r = r->next) {
        region_change(s, r, (r->attrs & MEM_TYPE_MASK) | q->attrs, rights_flags(r, q->flags));
    }
    region_merge(s, space, q->va, last);
    return MEM_OK;
}

int space_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result = space_check_range(space, q->va, q->size, why);
    if (result != MEM_OK) {
        return result;
    }
    bool paged = region_is_paged(region_find(space, q->va));
    return paged ? space_paged_protect(s, space, q, why) : protect_covered(s, space, q, why);
}

// The first region from `va` on that has none of the flags.
static region_t *next_to_clear(space_t *space, mem_va_t va, uint32_t keep) {
    region_t *r = region_at_or_after(space, va);
    while (r != NULL && r->flags & keep) {
        r = r->next;
    }
    return r;
}

size_t space_clear(spaces_t *s, space_t *space, uint32_t keep) {
    size_t before = space->region_count;
    mem_va_t va = paging_base(&space->paging);
    for (region_t *r; (r = next_to_clear(space, va, keep)) != NULL;) {
        // A block may cover several adjacent regions: in one call they are unmapped without a split.
        mem_va_t start = r->start;
        const region_t *end = r;
        while (region_is_mapped(r) && end->next != NULL && end->next->start == end->last + 1
               && !(end->next->flags & keep) && region_is_mapped(end->next)) {
            end = end->next;
        }
        mem_va_t last = end->last;
        // Without memory for a split the regions stay and are not counted.
        (void)space_unmap(s, space, start, last - start + 1, SPACE_FORCE, NULL);
        if (last == UINT64_MAX || (va = last + 1) >= paging_base(&space->paging) + (DESC_HALF_SIZE - 1)) {
            break;
        }
    }
    return before - space->region_count;
}
