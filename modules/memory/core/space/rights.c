// SPDX-License-Identifier: MIT
// Rights of pages: judged, written into the tables, and code made visible to instruction fetches.

#include "rights.h"

#include "core/arch.h"
#include "space_internal.h"

int rights_check(const spaces_t *s, const wx_change_t *change, const space_request_t *q, space_error_t *why) {
    if (change->space->paging.upper && q->attrs & MEM_PROT_U) {
        return space_fail(why, (space_error_t) {.kind = SPACE_USER, .va = q->va, .pa = q->pa, .value = q->attrs});
    }
    int result = wx_check_memory(s, q, why);
    if (result == MEM_OK && !(q->flags & REGION_BOOT)) {
        result = wx_check_aliases(s, change, q, why);
    }
    return result;
}

// Makes what was written through other mappings visible to instruction fetches. Boot mappings do not need it: no other
// mapping has written their memory. Cache maintenance faults where nothing is mapped, and the linear map does not have
// all of RAM: it goes through the mapping that has just been made, whose tables are in use meanwhile.
static void sync_code(space_t *space, const space_request_t *q) {
    if (!(q->attrs & MEM_PROT_X) || q->flags & REGION_BOOT) {
        return;
    }
    uint64_t before = arch_read_ttbr0();
    uint64_t own = desc_ttbr(space->paging.root, space->paging.asid);
    if (space->paging.upper || before == own) {
        arch_sync_code(q->va, q->size);
        return;
    }
    arch_dsb_ishst();
    space->paging.live = true; // a TLB may keep what is translated now
    arch_write_ttbr0(own);
    arch_isb();
    arch_sync_code(q->va, q->size);
    arch_write_ttbr0(before);
    arch_isb();
}

int rights_map(spaces_t *s, space_t *space, const space_request_t *q, unsigned flags, space_error_t *why) {
    wx_change_t change = {.space = space, .va = q->va, .last = q->va + (q->size - 1)};
    int result = rights_check(s, &change, q, why);
    if (result != MEM_OK) {
        return result;
    }
    if (flags & PAGING_PAGED && q->size == MEM_PAGE_SIZE
        && paging_translate(&space->paging, q->va, NULL, NULL) == MEM_OK) {
        paging_replace(&space->paging, q->va, q->pa, q->attrs, flags);
    } else {
        paging_error_t where;
        const paging_run_t run = {.va = q->va, .size = q->size, .pa = q->pa, .attrs = q->attrs};
        result = paging_map(&space->paging, &run, flags, &where);
        if (result != MEM_OK) {
            return space_paging_fail(space, result, &where, why);
        }
    }
    sync_code(space, q);
    return MEM_OK;
}

uint32_t rights_flags(const region_t *r, uint32_t call_flags) {
    return call_flags & SPACE_FORCE ? r->flags : r->flags & ~REGION_BOOT;
}

// Replaces `part` by the next part of what is mapped in the range of `q`, with the protection of `q`: one region as far
// as it is in the range, or one run of pages of a range with a pager. After a part of size 0 comes the first one. False
// after the last.
static bool next_part(const space_t *space, const space_request_t *q, space_request_t *part) {
    mem_va_t last = q->va + (q->size - 1);
    mem_va_t va = part->size != 0 ? part->va + part->size : q->va;
    const region_t *r = region_from(space, va);
    if ((part->size != 0 && va - 1 == last) || r == NULL || r->start > last) {
        return false;
    }
    mem_va_t to = r->last < last ? r->last : last;
    paging_run_t run = {.va = r->start > va ? r->start : va, .attrs = r->attrs};
    if (region_is_paged(r)) {
        if (!paging_next_run(&space->paging, run.va, to + 1, &run)) {
            return false;
        }
    } else {
        run.pa = region_pa(r, run.va);
        run.size = to - run.va + 1;
    }
    *part = (space_request_t) {
        .va = run.va, .pa = run.pa, .size = run.size, .attrs = (run.attrs & MEM_TYPE_MASK) | q->attrs,
        .flags = rights_flags(r, q->flags) & REGION_BOOT, .name = r->name,
    };
    return true;
}

// Whether every part of the range may get the new protection.
static int check_parts(const spaces_t *s, const space_t *space, const space_request_t *q, space_error_t *why) {
    wx_change_t change = {.space = space, .va = q->va, .last = q->va + (q->size - 1)};
    int result = MEM_OK;
    for (space_request_t part = {.size = 0}; result == MEM_OK && next_part(space, q, &part);) {
        if ((q->attrs & ~MEM_PROT_MASK) || !desc_attrs_ok(part.attrs)) {
            return space_fail(why, (space_error_t) {
                .kind = SPACE_BAD_ATTRS, .va = part.va, .pa = part.pa, .value = q->attrs, .name = part.name,
            });
        }
        result = rights_check(s, &change, &part, why);
    }
    return result;
}

int rights_protect(spaces_t *s, space_t *space, const space_request_t *q, space_error_t *why) {
    int result = check_parts(s, space, q, why);
    if (result != MEM_OK) {
        return result;
    }
    if (region_is_paged(region_find(space, q->va))) {
        paging_restrict(&space->paging, q->va, q->va + (q->size - 1), q->attrs);
    } else {
        paging_error_t where;
        unsigned flags = space->paging.upper ? PAGING_NO_SPLIT : 0;
        result = paging_protect(&space->paging, q->va, q->size, q->attrs, flags, &where);
        if (result != MEM_OK) {
            return space_paging_fail(space, result, &where, why);
        }
    }
    for (space_request_t part = {.size = 0}; next_part(space, q, &part);) {
        sync_code(space, &part);
    }
    return MEM_OK;
}
