// SPDX-License-Identifier: MIT
// Address spaces: set-up, open, close and activate; the switch from the boot map.

#include "space.h"

#include <string.h>

#include "core/arch.h"
#include "core/fault/fault.h"
#include "space_internal.h"

// --- set-up ---

void spaces_init(spaces_t *s, const mem_source_t *source, mem_pa_t pa_limit) {
    memset(s, 0, sizeof(*s));
    s->source = *source;
    s->pa_limit = pa_limit;
    s->asids[0] = 1; // ASID 0 is the boot map's
    pool_init(&s->space_pool, &s->source, sizeof(space_t));
    pool_init(&s->region_pool, &s->source, sizeof(region_t));
    pool_init(&s->frame_owner_pool, &s->source, sizeof(frame_owner_t));
}

int spaces_add_ram(spaces_t *s, mem_pa_t start, mem_pa_t end) {
    if (!mem_is_aligned(start | end, MEM_PAGE_SIZE) || start >= end) {
        return MEM_EINVAL;
    }
    if (s->n_ram == SPACES_MAX_RAM) {
        return MEM_ENOMEM;
    }
    s->ram[s->n_ram++] = (mem_range_t) {start, end};
    return MEM_OK;
}

int spaces_protect_range(spaces_t *s, mem_pa_t start, mem_pa_t end, mem_attrs_t never, const char *name) {
    if (!mem_is_aligned(start | end, MEM_PAGE_SIZE) || start >= end) {
        return MEM_EINVAL;
    }
    if (s->n_protected == SPACES_MAX_PROTECTED) {
        return MEM_ENOMEM;
    }
    mem_range_t *hull = &s->protected_hull;
    hull->start = s->n_protected == 0 || start < hull->start ? start : hull->start;
    hull->end = end > hull->end ? end : hull->end;
    s->protected_ranges[s->n_protected++] = (space_range_t) {start, end, never, name};
    return MEM_OK;
}

// --- ASIDs ---

// 0 when all are in use.
static uint16_t take_asid(spaces_t *s) {
    for (size_t i = 0; i < SPACES_ASIDS / 64; ++i) {
        size_t word = (s->asid_hint + i) % (SPACES_ASIDS / 64);
        if (s->asids[word] != UINT64_MAX) {
            unsigned bit = (unsigned)__builtin_ctzll(~s->asids[word]);
            s->asids[word] |= (uint64_t)1 << bit;
            s->asid_hint = (uint32_t)word;
            return (uint16_t)(word * 64 + bit);
        }
    }
    return 0;
}

static void give_asid(spaces_t *s, uint16_t asid) {
    if (asid != 0) {
        s->asids[asid / 64] &= ~((uint64_t)1 << (asid % 64));
    }
}

// --- open, close, activate ---

static void link_space(spaces_t *s, space_t *space) {
    LIST_PUSH(s->list, space, next, prev);
    ++s->count;
}

static void unlink_space(spaces_t *s, space_t *space) {
    LIST_REMOVE(s->list, space, next, prev);
    --s->count;
}

int space_open(spaces_t *s, bool upper, const char *name, space_t **space, space_error_t *why) {
    if (upper && s->kernel != NULL) {
        return space_fail(why, (space_error_t) {.kind = SPACE_KERNEL_OPEN, .name = s->kernel->name});
    }
    uint16_t asid = upper ? 0 : take_asid(s);
    if (!upper && asid == 0) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_ASID, .value = SPACES_ASIDS - 1, .name = name});
    }
    space_t *new_space = pool_alloc(&s->space_pool);
    if (new_space == NULL || paging_init(&new_space->paging, &s->source, upper, asid, s->pa_limit) != MEM_OK) {
        (void)pool_free(&s->space_pool, new_space);
        give_asid(s, asid);
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .name = name});
    }
    new_space->name = name;
    link_space(s, new_space);
    if (upper) {
        s->kernel = new_space;
    }
    *space = new_space;
    return MEM_OK;
}

int space_close(spaces_t *s, space_t *space, space_error_t *why) {
    if (space->paging.upper) {
        return space_fail(why, (space_error_t) {.kind = SPACE_KERNEL, .name = space->name});
    }
    if (space == s->active) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_ACTIVE, .value = space->paging.asid, .name = space->name,
        });
    }
    uint16_t asid = space->paging.asid;
    for (const region_t *r = space->regions; r != NULL; r = r->next) {
        if (region_is_paged(r)) {
            paging_evict(&space->paging, r->start, r->last);
        }
    }
    paging_destroy(&space->paging);
    while (space->regions != NULL) {
        region_remove(s, space->regions);
    }
    unlink_space(s, space);
    (void)pool_free(&s->space_pool, space);
    give_asid(s, asid);
    return MEM_OK;
}

size_t spaces_close_all(spaces_t *s, const space_t *keep) {
    size_t closed = 0;
    space_t *next;
    for (space_t *space = s->list; space != NULL; space = next) {
        next = space->next;
        if (space != keep && space != s->kernel && space_close(s, space, NULL) == MEM_OK) {
            ++closed;
        }
    }
    return closed;
}

int space_activate(spaces_t *s, space_t *space, space_error_t *why) {
    if (space->paging.upper) {
        return space_fail(why, (space_error_t) {.kind = SPACE_KERNEL, .name = space->name});
    }
    // Changes made while it was not live had no barriers of their own.
    arch_dsb_ishst();
    space->paging.live = true;
    arch_write_ttbr0(desc_ttbr(space->paging.root, space->paging.asid));
    arch_isb();
    s->active = space;
    return MEM_OK;
}

// --- the switch to the final kernel map ---

static int check_kept(const space_t *kernel, mem_va_t va, space_error_t *why) {
    uint64_t par = arch_at_s1e1r(va);
    mem_pa_t pa = MEM_ADDR_NONE;
    paging_t paging = kernel->paging; // a copy: paging_translate() updates its walk cache
    int result = paging_translate(&paging, va, &pa, NULL);
    mem_pa_t now = fault_par_is_mapped(par) ? mem_align_down(fault_par_pa(par, va), MEM_PAGE_SIZE) : MEM_ADDR_NONE;
    if (result != MEM_OK || now != mem_align_down(pa, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NOT_KEPT, .va = va, .pa = pa, .value = now});
    }
    return MEM_OK;
}

static int check_switch(const spaces_t *s, const space_t *kernel, const space_t *identity,
    const space_switch_t *how, space_error_t *why) {
    if (!kernel->paging.upper || identity->paging.upper) {
        return space_fail(why, (space_error_t) {.kind = SPACE_KERNEL, .name = identity->name});
    }
    if (!mem_is_aligned(how->trampoline_pa, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_MISALIGNED, .pa = how->trampoline_pa, .value = how->trampoline_pa,
        });
    }
    // The mechanism reaches its tables through the linear map, which is in the kernel half, except on a host.
    mem_va_t root = (uint64_t)(uintptr_t)mem_source_va(&s->source, kernel->paging.root);
    int result = desc_va_is_upper(root) ? check_kept(kernel, root, why) : MEM_OK;
    for (size_t i = 0; result == MEM_OK && i < how->n_keep; ++i) {
        result = check_kept(kernel, how->keep[i], why);
    }
    return result;
}

// Tables that exist during the switch only.
typedef struct _bridge_t {
    paging_t low;              // the trampoline page at its physical address
    paging_t empty;
} bridge_t;

static int open_bridge(const spaces_t *s, bridge_t *b, uint16_t asid, mem_pa_t trampoline_pa) {
    int result = paging_init(&b->low, &s->source, false, asid, s->pa_limit);
    if (result != MEM_OK) {
        return result;
    }
    const paging_run_t trampoline = {
        .va = trampoline_pa, .size = MEM_PAGE_SIZE, .pa = trampoline_pa, .attrs = MEM_PROT_R | MEM_PROT_X,
    };
    result = paging_map(&b->low, &trampoline, 0, NULL);
    if (result == MEM_OK) {
        result = paging_init(&b->empty, &s->source, true, 0, s->pa_limit);
    }
    if (result != MEM_OK) {
        paging_destroy(&b->low);
    }
    return result;
}

int spaces_switch(spaces_t *s, space_t *kernel, space_t *identity, const space_switch_t *how, space_error_t *why) {
    int result = check_switch(s, kernel, identity, how, why);
    if (result != MEM_OK) {
        return result;
    }
    uint16_t asid = take_asid(s);
    bridge_t bridge;
    result = asid == 0 ? MEM_ENOMEM : open_bridge(s, &bridge, asid, how->trampoline_pa);
    if (result != MEM_OK) {
        give_asid(s, asid);
        return space_fail(why, (space_error_t) {
            .kind = asid == 0 ? SPACE_NO_ASID : SPACE_NO_TABLES, .pa = how->trampoline_pa,
        });
    }
    kernel->paging.live = true;
    identity->paging.live = true;
    arch_dsb_ishst();
    arch_switch_ttbr(&(arch_switch_t) {
        .temporary_ttbr0 = desc_ttbr(bridge.low.root, asid),
        .empty_ttbr1 = desc_ttbr(bridge.empty.root, 0),
        .new_ttbr1 = desc_ttbr(kernel->paging.root, 0),
        .new_ttbr0 = desc_ttbr(identity->paging.root, identity->paging.asid),
        .trampoline_pa = how->trampoline_pa,
    });
    s->active = identity;
    // The switch ended with an invalidation of everything: nothing refers to the bridge any more.
    paging_destroy(&bridge.low);
    paging_destroy(&bridge.empty);
    give_asid(s, asid);
    return MEM_OK;
}
