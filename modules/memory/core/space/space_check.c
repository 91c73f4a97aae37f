// SPDX-License-Identifier: MIT
// The invariants of all address spaces together.

#include "rights.h"
#include "space_internal.h"

// A check under way.
typedef struct _scan_t {
    const spaces_t *s;
    const space_t *space;      // the one under check
    bool sound;                // its tables can be walked
    unsigned found;
    space_damage_t first;
} scan_t;

static void report(scan_t *scan, bool broken, const char *what, mem_va_t va) {
    if (!broken || scan->found++ != 0) {
        return;
    }
    scan->first = (space_damage_t) {.what = what, .space = scan->space, .va = va, .entry.table = MEM_ADDR_NONE};
    paging_step_t steps[DESC_LEVELS];
    unsigned n = scan->space != NULL && scan->sound && va != MEM_ADDR_NONE
        ? paging_walk(&scan->space->paging, va, steps) : 0;
    if (n != 0) {
        scan->first.entry = steps[n - 1];
    }
}

// Checks that the run may have its rights together with all others. `flags` are those of its region.
static void check_rights(scan_t *scan, const paging_run_t *run, uint32_t flags) {
    const space_request_t mapping = {
        .va = run->va, .pa = run->pa, .size = run->size, .attrs = run->attrs, .flags = flags & REGION_BOOT,
    };
    const wx_change_t itself = {.space = scan->space, .va = run->va, .last = run->va + (run->size - 1)};
    space_error_t why = {.va = run->va};
    bool broken = rights_check(scan->s, &itself, &mapping, &why) != MEM_OK;
    report(scan, broken, "rights that a rule or another mapping forbids", why.va);
}

// Checks the pages of a range with a pager: each is marked as such, has no more than the protection of the range, and
// its memory may have these rights.
static void check_pages(scan_t *scan, const region_t *r) {
    const paging_t *p = &scan->space->paging;
    bool marked = paging_count(p, r->start, r->last, DESC_PAGED) == paging_count(p, r->start, r->last, 0);
    report(scan, !marked, "a page that is not marked as one with a pager", r->start);
    paging_run_t run = {.va = r->start};
    while (run.va + run.size - 1 != r->last && paging_next_run(p, run.va + run.size, r->last + 1, &run)) {
        report(scan, (run.attrs & ~r->attrs) != 0, "more rights than the range allows", run.va);
        check_rights(scan, &run, 0);
    }
}

// Checks that the tables map all of the region and nothing else, or nothing where it is reserved.
static void check_tables(scan_t *scan, const region_t *r) {
    mem_va_t va = r->start;
    for (;;) {
        paging_run_t run;
        bool found = paging_next_run(&scan->space->paging, va, r->last + 1, &run);
        if (!region_is_mapped(r)) {
            report(scan, found, "something is mapped in a reserved range", run.va);
            return;
        }
        if (!found || run.va != va || run.pa != region_pa(r, va) || run.attrs != r->attrs) {
            report(scan, true, "the tables differ from the record of the mapping", va);
            return;
        }
        if (run.va + (run.size - 1) == r->last) {
            return;
        }
        va = run.va + run.size;
    }
}

// Checks that nothing is mapped between `before` (NULL: the start of the half) and the next region.
static void check_gap(scan_t *scan, const region_t *before) {
    const space_t *space = scan->space;
    const region_t *next = before != NULL ? before->next : space->regions;
    mem_va_t from = before != NULL ? before->last + 1 : paging_base(&space->paging);
    bool empty = (before != NULL && !space->paging.upper && from >= DESC_HALF_SIZE)
        || (before != NULL && from == 0) || (next != NULL && next->start <= from);
    paging_run_t run = {.va = from};
    bool found = !empty && paging_next_run(&space->paging, from, next != NULL ? next->start : 0, &run);
    report(scan, found, "a mapping without a record", run.va);
}

static bool has_other_type(const region_t *r, const region_t *other) {
    return region_is_mapped(other) && ((r->attrs ^ other->attrs) & MEM_TYPE_MASK) != 0
           && r->pa < other->pa + region_size(other) && other->pa < r->pa + region_size(r);
}

// Whether all mappings of the region's frames have one memory type (Arm ARM, "Mismatched memory attributes").
// wx_check_memory() allows type Device for all that is not RAM and for nothing else, so only non-cacheable memory can
// have an alias of another type.
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

static void check_region(scan_t *scan, const region_t *r) {
    const space_t *space = scan->space;
    bool linked = r->space == space && (r->next == NULL || (r->next->start > r->last && r->next->prev == r));
    report(scan, !linked, "records out of order", r->start);
    if (region_is_paged(r)) {
        report(scan, space->paging.upper || r->owner != NULL, "a range that may have no pager", r->start);
        check_pages(scan, r);
        return;
    }
    check_tables(scan, r);
    if (!region_is_mapped(r)) {
        return;
    }
    bool paged = paging_count(&space->paging, r->start, r->last, DESC_PAGED) != 0;
    report(scan, paged, "a page that is marked as one with a pager", r->start);
    const paging_run_t run = {.va = r->start, .size = region_size(r), .pa = r->pa, .attrs = r->attrs};
    check_rights(scan, &run, r->flags);
    report(scan, !type_is_unique(scan->s, r), "another memory type than at another address", r->start);
    const frame_owner_t *owner = r->owner;
    bool outside = owner != NULL
        && (r->pa < owner->pa || r->pa + region_size(r) > owner->pa + owner->count * MEM_PAGE_SIZE);
    report(scan, outside, "more than the frames of its owner", r->start);
}

// Counts what paging_check() found.
static void report_tables(scan_t *scan, unsigned broken, const paging_damage_t *damage) {
    if (broken != 0 && scan->found == 0) {
        const char *what = damage->only_missing ? "an empty table" : "an inconsistent entry";
        what = damage->va != MEM_ADDR_NONE ? what : "a wrong number of tables";
        scan->first = (space_damage_t) {.what = what, .space = scan->space, .va = damage->va, .entry = damage->entry};
    }
    scan->found += broken;
}

static void check_space(scan_t *scan, const space_t *space) {
    const paging_t *p = &space->paging;
    scan->space = space;
    paging_damage_t damage;
    unsigned broken = paging_check(p, &damage);
    scan->sound = damage.only_missing;
    if (!scan->sound) {
        report_tables(scan, broken, &damage);
    }
    check_gap(scan, NULL);
    size_t count = 0;
    for (const region_t *r = space->regions; r != NULL && count <= space->region_count; r = r->next) {
        ++count;
        check_region(scan, r);
        check_gap(scan, r);
    }
    // A record names the entry that is missing, the tables only the one that leads to nothing.
    if (scan->sound) {
        report_tables(scan, broken, &damage);
    }
    report(scan, count != space->region_count, "a wrong number of mappings", MEM_ADDR_NONE);
    uint16_t asid = p->asid;
    bool asid_ok = p->upper ? asid == 0 : scan->s->asids[asid / 64] >> (asid % 64) & 1;
    report(scan, !asid_ok, "an ASID that is not marked as used", MEM_ADDR_NONE);
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

// Checks the records that do not belong to one space.
static void check_records(scan_t *scan) {
    const spaces_t *s = scan->s;
    const pool_t *pools[] = {&s->space_pool, &s->region_pool, &s->frame_owner_pool};
    scan->space = NULL;
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); ++i) {
        unsigned broken = pool_check(pools[i]);
        report(scan, broken != 0, "a damaged pool of records", MEM_ADDR_NONE);
        scan->found += broken > 1 ? broken - 1 : 0;
    }
    for (const frame_owner_t *owner = s->frame_owners; owner != NULL; owner = owner->next) {
        bool broken = count_maps(s, owner) != owner->maps || (owner->orphan && owner->maps == 0);
        report(scan, broken, "an owner of frames that counts its mappings wrongly", MEM_ADDR_NONE);
    }
}

unsigned spaces_check(const spaces_t *s, space_damage_t *first) {
    scan_t scan = {.s = s};
    size_t spaces = 0;
    size_t executable = 0;
    for (const space_t *space = s->list; space != NULL && spaces <= s->count; space = space->next) {
        ++spaces;
        check_space(&scan, space);
        for (const region_t *r = space->regions; r != NULL; r = r->next) {
            executable += region_is_judged(r) && (r->attrs & MEM_PROT_X);
        }
    }
    for (const region_t *r = s->executable; r != NULL && executable != SIZE_MAX; r = r->x_next) {
        --executable;
    }
    check_records(&scan);
    report(&scan, spaces != s->count, "a wrong number of spaces", MEM_ADDR_NONE);
    report(&scan, executable != 0, "a wrong list of executable mappings", MEM_ADDR_NONE);
    if (first != NULL) {
        *first = scan.first;
    }
    return scan.found;
}
