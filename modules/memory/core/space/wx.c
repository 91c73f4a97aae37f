// SPDX-License-Identifier: MIT
// Which attributes physical memory may be mapped with: types by RAM and MMIO, ranges that are never writable or never
// executable, and no frame both writable and executable.

#include "wx.h"

#include "space_internal.h"

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

// The length of the part of [pa, pa + size) that begins at pa and is all RAM or all not; *is_ram tells which.
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
    const mem_range_t *hull = &s->protected_hull;
    bool outside = q->pa >= hull->end || q->pa + q->size <= hull->start;
    for (size_t i = 0; i < s->n_protected && !outside; ++i) {
        const space_range_t *range = &s->protected_ranges[i];
        if (q->attrs & range->never && overlaps(q->pa, q->size, range->start, range->end - range->start)) {
            mem_pa_t at = q->pa > range->start ? q->pa : range->start;
            return space_fail(why, (space_error_t) {
                .kind = range->never & MEM_PROT_W ? SPACE_PROTECTED : SPACE_NEVER_CODE,
                .va = q->va + (at - q->pa), .pa = at, .value = q->size, .name = range->name,
            });
        }
    }
    return check_type(s, q, why);
}

// The first address at which a run maps some of [pa, pa + size); MEM_ADDR_NONE when it maps none of it.
static mem_va_t find_in_run(const paging_run_t *run, mem_pa_t pa, uint64_t size) {
    if (run->size == 0 || !overlaps(pa, size, run->pa, run->size)) {
        return MEM_ADDR_NONE;
    }
    return pa > run->pa ? run->va + (pa - run->pa) : run->va;
}

// The same outside the addresses that are being changed in the run's space.
static mem_va_t find_outside(const paging_run_t *run, const wx_change_t *change, mem_pa_t pa, uint64_t size) {
    mem_va_t last = run->va + (run->size - 1);
    if (last < change->va || run->va > change->last) {
        return find_in_run(run, pa, size);
    }
    paging_run_t head = {.va = run->va, .size = run->va < change->va ? change->va - run->va : 0, .pa = run->pa};
    mem_va_t found = find_in_run(&head, pa, size);
    if (found != MEM_ADDR_NONE || last <= change->last) {
        return found;
    }
    paging_run_t tail = {.va = change->last + 1, .size = last - change->last};
    tail.pa = run->pa + (tail.va - run->va);
    return find_in_run(&tail, pa, size);
}

// What a region maps, run by run: the one after `run`, the first after a run of size 0.
static bool next_run(const region_t *r, paging_run_t *run) {
    if (!region_is_paged(r)) {
        bool first = run->size == 0;
        *run = (paging_run_t) {.va = r->start, .size = region_size(r), .pa = r->pa, .attrs = r->attrs};
        return first;
    }
    mem_va_t from = run->size != 0 ? run->va + run->size : r->start;
    return from <= r->last && paging_next_run(&r->space->paging, from, r->last + 1, run);
}

// An address at which r gives `right` to some of the mapping's memory, outside the change; MEM_ADDR_NONE without one.
static mem_va_t find_alias(const region_t *r, mem_attrs_t right, const wx_change_t *change, const space_request_t *q) {
    mem_va_t found = MEM_ADDR_NONE;
    if (!(r->attrs & right) || !region_is_judged(r)) {
        return found;
    }
    for (paging_run_t run = {.size = 0}; found == MEM_ADDR_NONE && next_run(r, &run);) {
        if (run.attrs & right) {
            found = r->space == change->space ? find_outside(&run, change, q->pa, q->size)
                : find_in_run(&run, q->pa, q->size);
        }
    }
    return found;
}

static int check_alias(const region_t *r, mem_attrs_t right, const wx_change_t *change, const space_request_t *q,
    space_error_t *why) {
    mem_va_t other = find_alias(r, right, change, q);
    if (other == MEM_ADDR_NONE) {
        return MEM_OK;
    }
    mem_pa_t at = q->pa;
    (void)paging_translate(&r->space->paging, other, &at, NULL);
    return space_fail(why, (space_error_t) {
        .kind = SPACE_WRITE_EXECUTE, .va = q->va + (at - q->pa), .pa = at, .value = q->size, .name = r->name,
        .other_space = r->space, .other_va = other,
    });
}

int wx_check_aliases(const spaces_t *s, const wx_change_t *change, const space_request_t *q, space_error_t *why) {
    int result = MEM_OK;
    if (q->attrs & MEM_PROT_W) {
        // The common case: few regions are executable.
        for (const region_t *r = s->executable; r != NULL && result == MEM_OK; r = r->x_next) {
            result = check_alias(r, MEM_PROT_X, change, q, why);
        }
    }
    for (const space_t *other = q->attrs & MEM_PROT_X ? s->list : NULL; other != NULL; other = other->next) {
        for (const region_t *r = other->regions; r != NULL && result == MEM_OK; r = r->next) {
            result = check_alias(r, MEM_PROT_W, change, q, why);
        }
    }
    return result;
}
