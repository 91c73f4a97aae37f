// SPDX-License-Identifier: MIT
// The invariants of all address spaces together.

#include "region_tree.h"
#include "rights.h"
#include "space_internal.h"

// A check under way.
typedef struct _scan_t {
    const spaces_t *s;
    const space_t *space;      // the one under check
    bool sound;                // its tables can be walked
    size_t executable;         // regions that are in the list of those
    size_t owned;              // regions of frame owners
    mem_stop_t stop;
    bool stopped;
    unsigned found;
    space_damage_t first;
} scan_t;

// False once the check is to end.
static bool goes_on(scan_t *scan) {
    return mem_goes_on(scan->stop, &scan->stopped);
}

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
    paging_run_t run = {.va = r->start};
    while (goes_on(scan) && run.va + run.size - 1 != r->last
           && paging_next_part(p, run.va + run.size, r->last + 1, &run)) {
        bool marked = paging_count(p, run.va, run.va + (run.size - 1), DESC_PAGED) == run.size >> MEM_PAGE_SHIFT;
        report(scan, !marked, "a page that is not marked as one with a pager", run.va);
        report(scan, (run.attrs & ~r->attrs) != 0, "more rights than the range allows", run.va);
        check_rights(scan, &run, r->flags);
    }
}

// Checks that the tables map all of the region and nothing else, or nothing where it is reserved.
static void check_tables(scan_t *scan, const region_t *r) {
    const paging_t *p = &scan->space->paging;
    mem_va_t va = r->start;
    while (goes_on(scan)) {
        paging_run_t run;
        bool found = paging_next_part(p, va, r->last + 1, &run);
        if (!region_is_mapped(r)) {
            report(scan, found, "something is mapped in a reserved range", run.va);
            return;
        }
        if (!found || run.va != va || run.pa != region_pa(r, va) || run.attrs != r->attrs) {
            report(scan, true, "the tables differ from the record of the mapping", va);
            return;
        }
        mem_va_t last = run.va + (run.size - 1);
        bool paged = paging_count(p, va, last, DESC_PAGED) != 0;
        report(scan, paged, "a page that is marked as one with a pager", va);
        if (last == r->last) {
            return;
        }
        va = last + 1;
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
    bool found = !empty && paging_next_part(&space->paging, from, next != NULL ? next->start : 0, &run);
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
        bool open = r->flags & REGION_BOOT; // space_open_range()
        report(scan, space->paging.upper != open || r->owner != NULL, "a range that may have no pager", r->start);
        check_pages(scan, r);
        return;
    }
    check_tables(scan, r);
    if (!region_is_mapped(r)) {
        return;
    }
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
        const char *what = damage->only_missing ? "a table with another number of entries" : "an inconsistent entry";
        what = damage->va != MEM_ADDR_NONE ? what : "a wrong number of tables";
        scan->first = (space_damage_t) {.what = what, .space = scan->space, .va = damage->va, .entry = damage->entry};
    }
    scan->found += broken;
}

static void check_space(scan_t *scan, const space_t *space) {
    const paging_t *p = &space->paging;
    scan->space = space;
    paging_damage_t damage;
    unsigned broken = paging_check(p, &damage, scan->stop);
    scan->sound = damage.only_missing;
    bool goes = goes_on(scan);
    if (!scan->sound || !goes) {
        report_tables(scan, broken, &damage);
    }
    if (!goes) {
        return;
    }
    check_gap(scan, NULL);
    size_t count = 0;
    for (const region_t *r = space->regions; r != NULL && count <= space->region_count && goes_on(scan); r = r->next) {
        ++count;
        scan->executable += region_is_judged(r) && (r->attrs & MEM_PROT_X);
        scan->owned += r->owner != NULL;
        check_region(scan, r);
        check_gap(scan, r);
    }
    // A record names the entry that is missing, the tables only the one that leads to nothing.
    if (scan->sound) {
        report_tables(scan, broken, &damage);
    }
    if (scan->stopped) {
        return;
    }
    bool counted = count == space->region_count;
    report(scan, !counted, "a wrong number of mappings", MEM_ADDR_NONE);
    bool sound = !counted || region_tree_is_sound(space, scan->stop);
    report(scan, !sound, "a wrong tree of mappings", MEM_ADDR_NONE);
    uint16_t asid = p->asid;
    bool asid_ok = p->upper ? asid == 0 : scan->s->asids[asid / 64] >> (asid % 64) & 1;
    report(scan, !asid_ok, "an ASID that is not marked as used", MEM_ADDR_NONE);
}

// Whether the owner's list has as many regions as it counts, and these know their owner.
static bool owner_is_sound(scan_t *scan, const frame_owner_t *owner) {
    size_t maps = 0;
    for (const region_t *r = owner->regions; r != NULL && maps <= owner->maps; r = r->owner_next) {
        if (!goes_on(scan)) {
            return true;
        }
        if (r->owner != owner) {
            return false;
        }
        ++maps;
    }
    return maps == owner->maps && !(owner->orphan && maps == 0);
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
    size_t maps = 0;
    for (const frame_owner_t *owner = s->frame_owners; owner != NULL && goes_on(scan); owner = owner->next) {
        maps += owner->maps;
        bool broken = !owner_is_sound(scan, owner);
        report(scan, broken, "an owner of frames that counts its mappings wrongly", MEM_ADDR_NONE);
    }
    bool sound = quarantine_is_sound(&s->quarantine);
    report(scan, !sound, "a wrong table of addresses in quarantine", MEM_ADDR_NONE);
    bool listed = scan->stopped || maps == scan->owned;
    report(scan, !listed, "a mapping that its owner of frames does not list", MEM_ADDR_NONE);
}

// Counts the spaces and the executable regions; checks the records when all of them were seen.
static void check_all(scan_t *scan) {
    const spaces_t *s = scan->s;
    size_t spaces = 0;
    for (const space_t *space = s->list; space != NULL && spaces <= s->count; space = space->next) {
        ++spaces;
        check_space(scan, space);
        if (!goes_on(scan)) {
            return;
        }
    }
    size_t executable = 0;
    for (const region_t *r = s->executable; r != NULL && executable <= scan->executable; r = r->x_next) {
        ++executable;
    }
    check_records(scan);
    report(scan, spaces != s->count, "a wrong number of spaces", MEM_ADDR_NONE);
    report(scan, executable != scan->executable, "a wrong list of executable mappings", MEM_ADDR_NONE);
}

unsigned spaces_check(const spaces_t *s, space_damage_t *first, mem_stop_t stop) {
    scan_t scan = {.s = s, .stop = stop};
    check_all(&scan);
    if (first != NULL) {
        *first = scan.first;
    }
    return scan.found;
}
