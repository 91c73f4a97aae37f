// SPDX-License-Identifier: MIT
// The invariants of all address spaces together.

#include "rights.h"
#include "space_internal.h"

// Whether the run may have its rights, beside all others. `flags` are those of its region.
static bool rights_agree(const spaces_t *s, const space_t *space, const paging_run_t *run, uint32_t flags) {
    const space_request_t mapping = {
        .va = run->va, .pa = run->pa, .size = run->size, .attrs = run->attrs, .flags = flags & REGION_BOOT,
    };
    const wx_change_t itself = {.space = space, .va = run->va, .last = run->va + (run->size - 1)};
    return rights_check(s, &itself, &mapping, NULL) == MEM_OK;
}

// The pages of a range with a pager, each marked as such, with no more than its protection and sound memory.
static bool pages_agree(const spaces_t *s, const space_t *space, const region_t *r) {
    const paging_t *p = &space->paging;
    if (paging_count(p, r->start, r->last, DESC_PAGED) != paging_count(p, r->start, r->last, 0)) {
        return false;
    }
    paging_run_t run = {.va = r->start};
    while (run.va + run.size - 1 != r->last && paging_next_run(p, run.va + run.size, r->last + 1, &run)) {
        if ((run.attrs & ~r->attrs) != 0 || !rights_agree(s, space, &run, 0)) {
            return false;
        }
    }
    return true;
}

// Whether the tables map the region, all of it and nothing else, or nothing where it is reserved.
static bool tables_agree(const space_t *space, const region_t *r) {
    mem_va_t va = r->start;
    for (;;) {
        paging_run_t run;
        bool found = paging_next_run(&space->paging, va, r->last + 1, &run);
        if (!region_is_mapped(r)) {
            return !found;
        }
        if (!found || run.va != va || run.pa != region_pa(r, va) || run.attrs != r->attrs) {
            return false;
        }
        if (run.va + (run.size - 1) == r->last) {
            return true;
        }
        va = run.va + run.size;
    }
}

static uint64_t mapped_pages(const space_t *space) {
    uint64_t pages = 0;
    mem_va_t va = paging_base(&space->paging);
    paging_run_t run;
    while (paging_next_run(&space->paging, va, 0, &run)) {
        pages += run.size >> MEM_PAGE_SHIFT;
        va = run.va + run.size;
        if (va == 0) {
            break;
        }
    }
    return pages;
}

static bool has_other_type(const region_t *r, const region_t *other) {
    return region_is_mapped(other) && ((r->attrs ^ other->attrs) & MEM_TYPE_MASK) != 0
           && r->pa < other->pa + region_size(other) && other->pa < r->pa + region_size(r);
}

// Whether all mappings of the region's frames have one memory type (Arm ARM, "Mismatched memory attributes"). That RAM
// is Normal and nothing else is, wx_check_memory() sees to: only non-cacheable memory may have an alias of
// another type.
static bool type_is_unique(const spaces_t *s, const region_t *r) {
    if ((r->attrs & MEM_TYPE_MASK) != MEM_TYPE_NONCACHED) {
        return true;
    }
    for (const space_t *space = s->list; space != NULL; space = space->next) {
        for (const region_t *other = space->regions; other != NULL; other = other->next) {
            if (has_other_type(r, other)) {
                return false;
            }
        }
    }
    return true;
}

static unsigned check_region(const spaces_t *s, const space_t *space, const region_t *r) {
    unsigned faults = r->space != space || (r->next != NULL && (r->next->start <= r->last || r->next->prev != r));
    if (region_is_paged(r)) {
        return faults + (space->paging.upper || r->owner != NULL || !pages_agree(s, space, r));
    }
    faults += !tables_agree(space, r);
    if (!region_is_mapped(r)) {
        return faults;
    }
    const paging_run_t run = {.va = r->start, .size = region_size(r), .pa = r->pa, .attrs = r->attrs};
    faults += !rights_agree(s, space, &run, r->flags);
    faults += !type_is_unique(s, r);
    const frame_owner_t *owner = r->owner;
    faults += owner != NULL && (r->pa < owner->pa || r->pa + region_size(r) > owner->pa + owner->count * MEM_PAGE_SIZE);
    return faults;
}

static unsigned check_space(const spaces_t *s, const space_t *space) {
    unsigned faults = paging_check(&space->paging);
    size_t count = 0;
    uint64_t pages = 0;
    size_t paged = 0;
    const paging_t *p = &space->paging;
    for (const region_t *r = space->regions; r != NULL && count <= space->region_count; r = r->next) {
        ++count;
        pages += region_is_mapped(r) ? region_size(r) >> MEM_PAGE_SHIFT : 0;
        paged += region_is_paged(r) ? paging_count(p, r->start, r->last, 0) : 0;
        faults += check_region(s, space, r);
    }
    uint16_t asid = space->paging.asid;
    bool asid_ok = space->paging.upper ? asid == 0 : s->asids[asid / 64] >> (asid % 64) & 1;
    size_t marked = paging_count(p, paging_base(p), paging_base(p) + (DESC_HALF_SIZE - 1), DESC_PAGED);
    return faults + (count != space->region_count) + (pages + paged != mapped_pages(space)) + (marked != paged)
           + !asid_ok;
}

static unsigned count_maps(const spaces_t *s, const frame_owner_t *owner) {
    unsigned maps = 0;
    for (const space_t *space = s->list; space != NULL; space = space->next) {
        for (const region_t *r = space->regions; r != NULL; r = r->next) {
            maps += r->owner == owner;
        }
    }
    return maps;
}

unsigned spaces_check(const spaces_t *s) {
    unsigned faults = pool_check(&s->space_pool) + pool_check(&s->region_pool) + pool_check(&s->frame_owner_pool);
    size_t spaces = 0;
    size_t executable = 0;
    for (const space_t *space = s->list; space != NULL && spaces <= s->count; space = space->next) {
        ++spaces;
        faults += check_space(s, space);
        for (const region_t *r = space->regions; r != NULL; r = r->next) {
            executable += region_is_judged(r) && (r->attrs & MEM_PROT_X);
        }
    }
    for (const region_t *r = s->executable; r != NULL && executable != SIZE_MAX; r = r->x_next) {
        --executable;
    }
    for (const frame_owner_t *owner = s->frame_owners; owner != NULL; owner = owner->next) {
        faults += count_maps(s, owner) != owner->maps || (owner->orphan && owner->maps == 0);
    }
    return faults + (spaces != s->count) + (executable != 0);
}
