// SPDX-License-Identifier: MIT
// What memory may be mapped how: types by RAM and MMIO, read-only ranges, and no frame both writable and executable.

#include "space_internal.h"

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

// How much of [pa, pa + size) from pa on is of one kind; *is_ram says which.
static uint64_t ram_run(const spaces_t *s, mem_pa_t pa, uint64_t size, bool *is_ram) {
    mem_pa_t end = pa + size;
    *is_ram = false;
    for (size_t i = 0; i < s->n_ram; ++i) {
        const mem_range_t *ram = &s->ram[i];
        if (ram->start <= pa && pa < ram->end) {
            *is_ram = true;
            return (ram->end < end ? ram->end : end) - pa;
        }
        if (pa < ram->start && ram->start < end) {
            end = ram->start;
        }
    }
    return end - pa;
}

static int check_type(const spaces_t *s, const space_request_t *q, space_error_t *why) {
    bool device = (q->attrs & MEM_TYPE_MASK) == MEM_TYPE_DEVICE;
    for (uint64_t done = 0; done != q->size;) {
        mem_pa_t pa = q->pa + done;
        uint64_t size = q->size - done;
        bool is_ram;
        uint64_t run = ram_run(s, pa, size, &is_ram);
        if (is_ram == device) {
            return space_fail(why, (space_error_t) {
                .kind = device ? SPACE_NOT_MMIO : SPACE_NOT_RAM, .va = q->va + done, .pa = pa, .value = size,
            });
        }
        done += run;
    }
    return MEM_OK;
}

int wx_check_memory(const spaces_t *s, const space_request_t *q, space_error_t *why) {
    if ((q->attrs & MEM_TYPE_MASK) == MEM_TYPE_NONCACHED && !(q->flags & REGION_BOOT)) {
        // Frames with a cached alias (the linear map) must not be mapped non-cacheable by hand.
        return space_fail(why, (space_error_t) {.kind = SPACE_NOT_DMA, .va = q->va, .pa = q->pa, .value = q->attrs});
    }
    for (size_t i = 0; q->attrs & MEM_PROT_W && i < s->n_protected; ++i) {
        const space_range_t *range = &s->protected_ranges[i];
        if (overlaps(q->pa, q->size, range->start, range->end - range->start)) {
            mem_pa_t at = q->pa > range->start ? q->pa : range->start;
            return space_fail(why, (space_error_t) {
                .kind = SPACE_PROTECTED, .va = q->va + (at - q->pa), .pa = at, .value = q->size, .name = range->name,
            });
        }
    }
    return check_type(s, q, why);
}

// Where r maps some of [pa, pa + size), which it does.
static mem_va_t find_alias(const region_t *r, mem_pa_t pa, uint64_t size) {
    if (region_is_mapped(r)) {
        return pa > r->pa ? r->start + (pa - r->pa) : r->start;
    }
    paging_run_t run = {.va = r->start};
    while (paging_next_run(&r->space->paging, run.va + run.size, r->last + 1, &run)
           && !overlaps(pa, size, run.pa, run.size)) {
    }
    return pa > run.pa ? run.va + (pa - run.pa) : run.va;
}

static int conflict(const region_t *r, const space_request_t *q, space_error_t *why) {
    mem_va_t other = find_alias(r, q->pa, q->size);
    mem_pa_t at = q->pa;
    (void)paging_translate(&r->space->paging, other, &at, NULL);
    return space_fail(why, (space_error_t) {
        .kind = SPACE_WRITE_EXECUTE, .va = q->va + (at - q->pa), .pa = at, .value = q->size, .name = r->name,
        .other_space = r->space, .other_va = other,
    });
}

// Whether a range with a pager maps some of [pa, pa + size) outside the addresses that are being changed.
static bool is_paged_alias(const region_t *r, const wx_change_t *change, mem_pa_t pa, uint64_t size) {
    paging_run_t run = {.va = r->start};
    while (run.va + run.size - 1 != r->last
           && paging_next_run(&r->space->paging, run.va + run.size, r->last + 1, &run)) {
        for (uint64_t page = 0; page < run.size && overlaps(pa, size, run.pa, run.size); page += MEM_PAGE_SIZE) {
            mem_va_t va = run.va + page;
            bool skipped = r->space == change->space && va >= change->va && va <= change->last;
            if (!skipped && overlaps(pa, size, run.pa + page, MEM_PAGE_SIZE)) {
                return true;
            }
        }
    }
    return false;
}

// Whether r maps some of [pa, pa + size) outside the addresses that are being changed.
static bool is_alias(const region_t *r, const wx_change_t *change, mem_pa_t pa, uint64_t size) {
    if (r->flags & REGION_PAGED) {
        return is_paged_alias(r, change, pa, size);
    }
    if (!region_is_judged(r) || !overlaps(pa, size, r->pa, region_size(r))) {
        return false;
    }
    if (r->space != change->space || r->last < change->va || r->start > change->last) {
        return true;
    }
    // The parts of r before and after the range being changed.
    uint64_t head = r->start < change->va ? change->va - r->start : 0;
    uint64_t tail = r->last > change->last ? r->last - change->last : 0;
    return (head != 0 && overlaps(pa, size, r->pa, head))
           || (tail != 0 && overlaps(pa, size, region_pa(r, change->last + 1), tail));
}

int wx_check_aliases(const spaces_t *s, const wx_change_t *change, const space_request_t *q, space_error_t *why) {
    if (q->attrs & MEM_PROT_W) {
        // The common case: few regions are executable.
        for (const region_t *r = s->executable; r != NULL; r = r->x_next) {
            if (is_alias(r, change, q->pa, q->size)) {
                return conflict(r, q, why);
            }
        }
    }
    for (const space_t *other = q->attrs & MEM_PROT_X ? s->list : NULL; other != NULL; other = other->next) {
        for (const region_t *r = other->regions; r != NULL; r = r->next) {
            if ((r->attrs & MEM_PROT_W) && is_alias(r, change, q->pa, q->size)) {
                return conflict(r, q, why);
            }
        }
    }
    return MEM_OK;
}
