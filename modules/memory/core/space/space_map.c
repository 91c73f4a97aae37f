// SPDX-License-Identifier: MIT
// Mappings of address spaces: check against regions, windows and W^X; reserve records and tables; commit.

#include "core/arch.h"
#include "space_internal.h"

// The kind of a failure of paging.
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
    const region_t *r = space_find(space, where->va);
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
        return space_fail(why, (space_error_t) {
            .kind = r->flags & REGION_LOCKED ? SPACE_LOCKED : SPACE_MAPPED, .va = at, .pa = pa, .value = size,
            .name = r->name,
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

// Instruction fetches see what was written before through the linear map. (Boot code is where it was loaded.)
static void sync_executable(const spaces_t *s, mem_pa_t pa, uint64_t size, mem_attrs_t attrs, uint32_t flags) {
    if ((attrs & MEM_PROT_X) && !(flags & REGION_BOOT)) {
        arch_sync_code((uint64_t)(uintptr_t)mem_source_va(&s->source, pa), size);
    }
}

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
    if (result == MEM_OK) {
        result = wx_check_memory(s, q, why);
    }
    if (result == MEM_OK && !(q->flags & REGION_BOOT)) {
        wx_change_t change = {.space = space, .va = q->va, .last = q->va + q->size - 1};
        result = wx_check_aliases(s, &change, q, why);
    }
    return result;
}

int space_map(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result = check_map(s, space, q, why);
    if (result != MEM_OK) {
        return result;
    }
    region_t *r = pool_alloc(&s->region_pool);
    if (r == NULL) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .va = q->va, .pa = q->pa, .value = q->size});
    }
    paging_error_t where;
    const paging_run_t run = {.va = q->va, .size = q->size, .pa = q->pa, .attrs = q->attrs};
    result = paging_map(&space->paging, &run, map_flags(space, q), &where);
    if (result != MEM_OK) {
        (void)pool_free(&s->region_pool, r);
        return space_paging_fail(space, result, &where, why);
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
    sync_executable(s, q->pa, q->size, q->attrs, q->flags);
    return MEM_OK;
}

// Checks that regions cover all of [va, last], mapped and open to this caller.
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

static void release_spares(spaces_t *s, const space_spares_t *spares) {
    (void)pool_free(&s->region_pool, spares->head);
    (void)pool_free(&s->region_pool, spares->tail);
}

int space_take_spares(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, space_spares_t *spares,
    space_error_t *why) {
    *spares = (space_spares_t) {NULL, NULL};
    const region_t *first = space_find(space, va);
    const region_t *final = space_find(space, last);
    bool need_head = first->start < va;
    bool need_tail = final->last > last;
    if (need_head) {
        spares->head = pool_alloc(&s->region_pool);
    }
    if (need_tail) {
        spares->tail = pool_alloc(&s->region_pool);
    }
    if ((need_head && spares->head == NULL) || (need_tail && spares->tail == NULL)) {
        release_spares(s, spares);
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .va = va, .value = last - va + 1});
    }
    return MEM_OK;
}

void space_cut_ends(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, space_spares_t *spares) {
    region_cut(s, space, va, &spares->head);
    if (last != UINT64_MAX) {
        region_cut(s, space, last + 1, &spares->tail);
    }
}

static unsigned change_flags(const space_t *space) {
    return space->paging.upper ? PAGING_NO_SPLIT : 0;
}

int space_unmap(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why) {
    int result = space_check_range(space, va, size, why);
    mem_va_t last = va + size - 1;
    if (result == MEM_OK) {
        result = check_covered(space, va, last, flags, why);
    }
    space_spares_t spares;
    if (result == MEM_OK) {
        result = space_take_spares(s, space, va, last, &spares, why);
    }
    if (result != MEM_OK) {
        return result;
    }
    paging_error_t where;
    result = paging_unmap(&space->paging, va, size, change_flags(space), &where);
    if (result != MEM_OK) {
        release_spares(s, &spares);
        return space_paging_fail(space, result, &where, why);
    }
    space_cut_ends(s, space, va, last, &spares);
    // The TLB has forgotten these pages: orphaned frame owners may free their frames now.
    for (region_t *r; (r = region_overlap(space, va, last)) != NULL;) {
        region_remove(s, r);
    }
    return MEM_OK;
}

// Flags of a region after its protection was changed.
static uint32_t protected_flags(const region_t *r, uint32_t call_flags) {
    return call_flags & SPACE_FORCE ? r->flags : r->flags & ~REGION_BOOT;
}

// Whether every part of the range may get the new protection.
static int check_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    mem_attrs_t prot = q->attrs;
    wx_change_t change = {.space = space, .va = q->va, .last = q->va + q->size - 1};
    mem_va_t last = change.last;
    for (const region_t *r = region_at_or_after(space, q->va); r != NULL && r->start <= last; r = r->next) {
        mem_va_t from = r->start > q->va ? r->start : q->va;
        mem_va_t to = r->last < last ? r->last : last;
        // The type was judged when the region was mapped; boot may have made it of a kind that is boot's only.
        space_request_t part = {
            .va = from, .pa = region_pa(r, from), .size = to - from + 1, .attrs = (r->attrs & MEM_TYPE_MASK) | prot,
            .flags = REGION_BOOT,
        };
        if ((prot & ~MEM_PROT_MASK) || !desc_attrs_ok(part.attrs)) {
            return space_fail(why, (space_error_t) {
                .kind = SPACE_BAD_ATTRS, .va = from, .pa = region_pa(r, from), .value = prot, .name = r->name,
            });
        }
        int result = wx_check_memory(s, &part, why);
        if (result == MEM_OK && !(protected_flags(r, q->flags) & REGION_BOOT)) {
            result = wx_check_aliases(s, &change, &part, why);
        }
        if (result != MEM_OK) {
            return result;
        }
    }
    return MEM_OK;
}

int space_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result = space_check_range(space, q->va, q->size, why);
    mem_va_t va = q->va;
    mem_va_t last = va + q->size - 1;
    if (result == MEM_OK) {
        result = check_covered(space, va, last, q->flags, why);
    }
    if (result == MEM_OK) {
        result = check_protect(s, space, q, why);
    }
    space_spares_t spares;
    if (result == MEM_OK) {
        result = space_take_spares(s, space, va, last, &spares, why);
    }
    if (result != MEM_OK) {
        return result;
    }
    paging_error_t where;
    result = paging_protect(&space->paging, va, q->size, q->attrs, change_flags(space), &where);
    if (result != MEM_OK) {
        release_spares(s, &spares);
        return space_paging_fail(space, result, &where, why);
    }
    space_cut_ends(s, space, va, last, &spares);
    for (region_t *r = region_at_or_after(space, va); r != NULL && r->start <= last; r = r->next) {
        region_change(s, r, (r->attrs & MEM_TYPE_MASK) | q->attrs, protected_flags(r, q->flags));
        sync_executable(s, r->pa, region_size(r), r->attrs, r->flags);
    }
    region_merge(s, space, va, last);
    return MEM_OK;
}

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

int space_unreserve(spaces_t *s, space_t *space, mem_va_t va, uint32_t flags, space_error_t *why) {
    region_t *r = region_at_or_after(space, va);
    if (r == NULL || r->start != va || region_is_mapped(r)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_UNMAPPED, .va = va});
    }
    if (r->flags & REGION_LOCKED && !(flags & SPACE_FORCE)) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_LOCKED, .va = va, .value = region_size(r), .name = r->name,
        });
    }
    if (r->flags & REGION_PAGED) {
        paging_evict(&space->paging, r->start, r->last);
    }
    region_remove(s, r);
    return MEM_OK;
}

// The first mapped region from `va` on that has none of the flags.
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
        // A block may reach over adjacent regions: what goes together is unmapped together, without a split.
        mem_va_t start = r->start;
        const region_t *end = r;
        while (region_is_mapped(r) && end->next != NULL && end->next->start == end->last + 1
               && !(end->next->flags & keep) && region_is_mapped(end->next)) {
            end = end->next;
        }
        mem_va_t last = end->last;
        int result = region_is_mapped(r) ? space_unmap(s, space, start, last - start + 1, SPACE_FORCE, NULL)
            : space_unreserve(s, space, start, SPACE_FORCE, NULL);
        (void)result; // out of memory for a split: that piece stays, and is not counted
        if (last == UINT64_MAX || (va = last + 1) >= paging_base(&space->paging) + (DESC_HALF_SIZE - 1)) {
            break;
        }
    }
    return before - space->region_count;
}
