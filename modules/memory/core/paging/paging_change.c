// SPDX-License-Identifier: MIT
// Changes of mappings that exist: unmap, protect, split and rejoin, with the TLB maintenance of
// Arm ARM, "TLB maintenance requirements and the TLB maintenance instructions".

#include "paging.h"

#include "core/arch.h"
#include "paging_internal.h"

#define ATTRINDX_MASK (UINT64_C(7) << DESC_ATTRINDX_SHIFT)

// The state of a call that changes mappings: its reserve, and what remains to be invalidated and given back.
typedef struct _change_t {
    paging_t *p;
    unsigned flags;
    uint64_t forbidden;        // bits of a leaf that conflict with the new protection
    uint64_t permissions;      // new DESC_PERMISSIONS
    size_t splits;             // tables that splitting takes
    paging_chain_t reserve;    // that many frames for them
    paging_chain_t freed;      // tables, and frames of evicted pages
    unsigned cleared[DESC_LEVELS]; // entries that the table of a level lost, until its own entry counts them
    bool flush_all;            // more than PAGING_TLBI_MAX pages or blocks changed
    size_t n_stale;
    paging_error_t *why;
    mem_va_t stale[PAGING_TLBI_MAX];
} change_t;

// Initialises every field but the entries of `stale`, of which the first n_stale are valid: to clear them would take
// longer than to change a page.
static void change_init(change_t *c, paging_t *p, unsigned flags, paging_error_t *why) {
    c->p = p;
    c->flags = flags;
    c->forbidden = 0;
    c->permissions = 0;
    c->splits = 0;
    c->reserve = (paging_chain_t) {0, 0};
    c->freed = (paging_chain_t) {0, 0};
    for (unsigned level = 0; level < DESC_LEVELS; ++level) {
        c->cleared[level] = 0;
    }
    c->flush_all = false;
    c->n_stale = 0;
    c->why = why;
}

static void invalidate_va(const paging_t *p, mem_va_t va) {
    if (p->upper) {
        arch_tlbi_vaae1is(desc_tlbi_operand(va, 0));
    } else {
        arch_tlbi_vae1is(desc_tlbi_operand(va, p->asid));
    }
}

static void note_stale(change_t *c, mem_va_t va) {
    if (c->n_stale < PAGING_TLBI_MAX) {
        c->stale[c->n_stale++] = va;
    } else {
        c->flush_all = true;
    }
}

// Invalidates everything noted: only after this may tables and frames be reused.
static void flush_stale(const change_t *c) {
    if (!c->p->live || (c->n_stale == 0 && !c->flush_all)) {
        return;
    }
    arch_dsb_ishst();
    if (c->flush_all) {
        paging_invalidate_half(c->p);
    } else {
        for (size_t i = 0; i < c->n_stale; ++i) {
            invalidate_va(c->p, c->stale[i]);
        }
    }
    arch_dsb_ish();
    arch_isb();
}

// Replaces a valid entry by another of a different kind: break, invalidate, make. `whole` invalidates the
// half, for an entry with more than PAGING_TLBI_MAX pages below it.
static void break_before_make(const paging_t *p, uint64_t *slot, uint64_t value, mem_va_t va, bool whole) {
    if (!p->live) {
        arch_write_descriptor(slot, value);
        return;
    }
    arch_write_descriptor(slot, 0);
    arch_dsb_ishst();
    if (whole) {
        paging_invalidate_half(p);
    } else {
        invalidate_va(p, va);
    }
    arch_dsb_ish();
    arch_write_descriptor(slot, value);
    arch_dsb_ishst();
    arch_isb();
}

// Whether all of `n` pages are mapped and can be changed. Branch-free: it runs for every page of a range, and nearly
// always the answer is yes.
static bool pages_can_change(const change_t *c, const uint64_t *slots, size_t n) {
    uint64_t all = DESC_VALID;
    uint64_t any = 0;
    for (size_t i = 0; i < n; ++i) {
        all &= slots[i];
        any |= slots[i];
    }
    return all != 0 && (any & c->forbidden) == 0;
}

// MEM_OK when the entry, which links no table, is mapped and can be changed.
static int check_leaf(const change_t *c, uint64_t desc, unsigned level, mem_va_t va) {
    if (!desc_is_valid(desc)) {
        return paging_fail(c->why, MEM_ENOENT, va, MEM_ADDR_NONE);
    }
    return desc & c->forbidden ? paging_fail(c->why, MEM_EINVAL, va, desc_leaf_pa(desc, level)) : MEM_OK;
}

// Checks that all of the range is mapped and can be changed, and counts the tables that splitting takes.
static int check_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    change_t *c = state;
    if (desc_is_table(*slot, level)) {
        return PAGING_DESCEND;
    }
    int result = check_leaf(c, *slot, level, va);
    if (result != MEM_OK || paging_is_whole(va, last, level)) {
        return result;
    }
    c->splits += paging_tables_needed(va, last, level, level);
    return c->flags & PAGING_NO_SPLIT ? paging_fail(c->why, MEM_EPERM, va, desc_leaf_pa(*slot, level)) : PAGING_NEXT;
}

static int check_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    int result = MEM_OK;
    if (!pages_can_change(state, slots, n)) {
        for (size_t i = 0; i < n && result == MEM_OK; ++i) {
            result = check_leaf(state, slots[i], 3, va + i * MEM_PAGE_SIZE);
        }
    }
    return result;
}

static const paging_actions_t check_actions = {.entry = check_entry, .pages = check_pages};

// Check and reserve: after this the change cannot fail.
static int begin(change_t *c, mem_va_t va, uint64_t size) {
    int result = paging_visit_all(c->p, &check_actions, c, va, va + size - 1);
    if (result != MEM_OK) {
        return result;
    }
    result = paging_chain_fill(c->p, &c->reserve, c->splits);
    return result == MEM_OK ? MEM_OK : paging_fail(c->why, result, va, MEM_ADDR_NONE);
}

// After the last write: invalidates, then gives back what was unlinked.
static void end(change_t *c) {
    flush_stale(c);
    paging_clear_walk_cache(c->p);
    paging_chain_release(c->p, &c->freed);
}

// Replaces the block at `slot` by a table of 512 smaller leaves that map the same.
static void split(change_t *c, uint64_t *slot, unsigned level, mem_va_t va) {
    uint64_t desc = *slot;
    mem_pa_t pa = paging_chain_pop(c->p, &c->reserve);
    uint64_t *table = paging_table(c->p, pa);
    uint64_t size = desc_entry_size(level + 1);
    uint64_t first = (desc & ~DESC_TYPE_MASK) | (level + 1 == 3 ? DESC_PAGE : DESC_BLOCK);
    for (unsigned i = 0; i < DESC_ENTRIES; ++i) {
        table[i] = first + i * size;
    }
    ++c->p->tables;
    break_before_make(c->p, slot, desc_counted_table(pa, DESC_ENTRIES), va, false);
}

// Unlinks the table at `slot`, an entry of `level`, when the entries that were cleared in it are all that it had.
static void count_cleared(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    (void)va;
    (void)last;
    change_t *c = state;
    unsigned cleared = c->cleared[level + 1];
    c->cleared[level + 1] = 0;
    if (cleared == 0 || desc_count(*slot) == DESC_COUNT_STAYS) {
        return;
    }
    if (desc_count(*slot) != cleared) {
        arch_write_descriptor(slot, *slot - ((uint64_t)cleared << DESC_COUNT_SHIFT));
        return;
    }
    mem_pa_t pa = desc_table_pa(*slot);
    arch_write_descriptor(slot, 0);
    paging_chain_push(c->p, &c->freed, pa);
    --c->p->tables;
    ++c->cleared[level];
}

static int unmap_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    change_t *c = state;
    bool whole = paging_is_whole(va, last, level);
    bool table = desc_is_table(*slot, level);
    if (!whole) {
        if (!table) {
            split(c, slot, level, va);
        }
        return PAGING_DESCEND;
    }
    mem_pa_t pa = desc_table_pa(*slot);
    arch_write_descriptor(slot, 0);
    ++c->cleared[level];
    if (table) {
        // All 512 entries are in use (check_entry), more than are worth invalidating one by one.
        paging_unlink_tree(c->p, &c->freed, pa, level + 1);
        c->flush_all = true;
    } else {
        note_stale(c, va);
    }
    return PAGING_NEXT;
}

static int unmap_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    change_t *c = state;
    for (size_t i = 0; i < n; ++i) {
        arch_write_descriptor(&slots[i], 0);
    }
    // Tables that no processor walks leave nothing stale.
    for (size_t i = 0; i < n && c->p->live; ++i) {
        note_stale(c, va + i * MEM_PAGE_SIZE);
    }
    c->cleared[3] += (unsigned)n;
    return MEM_OK;
}

static const paging_actions_t unmap_actions = {.entry = unmap_entry, .pages = unmap_pages, .leave = count_cleared};

int paging_unmap(paging_t *p, mem_va_t va, uint64_t size, unsigned flags, paging_error_t *why) {
    int result = paging_range_in_half(p, va, size, why);
    if (result != MEM_OK) {
        return result;
    }
    change_t c;
    change_init(&c, p, flags, why);
    result = begin(&c, va, size);
    if (result != MEM_OK) {
        return result;
    }
    paging_visit_all(p, &unmap_actions, &c, va, va + size - 1);
    end(&c);
    return MEM_OK;
}

static uint64_t with_permissions(const change_t *c, uint64_t desc) {
    return (desc & ~DESC_PERMISSIONS) | c->permissions;
}

// Permissions only: no break needed, but the old ones stay in TLBs until invalidated.
static int protect_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    change_t *c = state;
    uint64_t desc = with_permissions(c, *slot);
    if (desc_is_table(*slot, level)) {
        return PAGING_DESCEND;
    }
    if (*slot == desc) {
        return PAGING_NEXT;
    }
    if (!paging_is_whole(va, last, level)) {
        split(c, slot, level, va);
        return PAGING_DESCEND;
    }
    arch_write_descriptor(slot, desc);
    note_stale(c, va);
    return PAGING_NEXT;
}

static int protect_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    change_t *c = state;
    for (size_t i = 0; i < n; ++i) {
        uint64_t desc = with_permissions(c, slots[i]);
        if (desc != slots[i]) {
            arch_write_descriptor(&slots[i], desc);
            if (!c->flush_all) {
                note_stale(c, va + i * MEM_PAGE_SIZE);
            }
        }
    }
    return MEM_OK;
}

static const paging_actions_t protect_actions = {.entry = protect_entry, .pages = protect_pages};

int paging_protect(paging_t *p, mem_va_t va, uint64_t size, mem_attrs_t prot, unsigned flags, paging_error_t *why) {
    int result = paging_range_in_half(p, va, size, why);
    if (result != MEM_OK) {
        return result;
    }
    if ((prot & ~MEM_PROT_MASK) != 0 || !desc_attrs_ok(prot)) {
        return paging_fail(why, MEM_EINVAL, va, MEM_ADDR_NONE);
    }
    change_t c;
    change_init(&c, p, flags, why);
    c.forbidden = prot & MEM_PROT_X ? ATTRINDX_MASK : 0;
    c.permissions = desc_permissions(prot);
    result = begin(&c, va, size);
    if (result != MEM_OK) {
        return result;
    }
    paging_visit_all(p, &protect_actions, &c, va, va + size - 1);
    flush_stale(&c);
    // Frames are left where a block had the protection already and was not split.
    paging_chain_release(p, &c.reserve);
    return MEM_OK;
}

// --- pages of ranges with a pager ---

static int evict_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    change_t *c = state;
    for (size_t i = 0; i < n; ++i) {
        uint64_t desc = slots[i];
        if (!desc_is_valid(desc)) {
            continue;
        }
        arch_write_descriptor(&slots[i], 0);
        ++c->cleared[3];
        note_stale(c, va + i * MEM_PAGE_SIZE);
        if (desc & DESC_OWNED) {
            paging_chain_push(c->p, &c->freed, desc_leaf_pa(desc, 3));
        }
    }
    return MEM_OK;
}

static int restrict_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    for (size_t i = 0; i < n; ++i) {
        if (desc_is_valid(slots[i])) {
            protect_pages(state, &slots[i], 1, va + i * MEM_PAGE_SIZE);
        }
    }
    return MEM_OK;
}

static const paging_actions_t evict_actions = {.entry = paging_descend, .pages = evict_pages, .leave = count_cleared};
static const paging_actions_t restrict_actions = {.entry = paging_descend, .pages = restrict_pages};

void paging_evict(paging_t *p, mem_va_t va, mem_va_t last) {
    change_t c;
    change_init(&c, p, 0, NULL);
    paging_visit_all(p, &evict_actions, &c, va, last);
    end(&c);
}

void paging_restrict(paging_t *p, mem_va_t va, mem_va_t last, mem_attrs_t prot) {
    change_t c;
    change_init(&c, p, 0, NULL);
    c.permissions = desc_permissions(prot);
    paging_visit_all(p, &restrict_actions, &c, va, last);
    end(&c);
}

void paging_replace(paging_t *p, mem_va_t va, mem_pa_t pa, mem_attrs_t attrs, unsigned flags) {
    unsigned level;
    uint64_t *slot = paging_find(p, va, 3, &level);
    uint64_t old = *slot;
    break_before_make(p, slot, pa | paging_leaf_bits(p, attrs, flags) | DESC_PAGE, va, false);
    if (old & DESC_OWNED) {
        p->source->free(p->source->ctx, desc_leaf_pa(old, 3), 1);
    }
}

// --- open ranges ---

// MEM_OK when each 2 MiB of [va, last] lacks its table of level 3 and nothing else.
static int check_closed(const paging_t *p, mem_va_t va, mem_va_t last) {
    for (;; va = paging_entry_last(va, last, 2) + 1) {
        unsigned level;
        uint64_t *slot = paging_find(p, va, 2, &level);
        if (level != 2) {
            return MEM_ENOENT;
        }
        if (desc_is_valid(*slot)) {
            return MEM_EEXIST;
        }
        if (paging_entry_last(va, last, 2) == last) {
            return MEM_OK;
        }
    }
}

int paging_open_range(paging_t *p, mem_va_t va, mem_va_t last) {
    paging_chain_t reserve = {0, 0};
    size_t tables = (size_t)((last >> 21) - (va >> 21) + 1);
    int result = check_closed(p, va, last);
    result = result != MEM_OK ? result : paging_chain_fill(p, &reserve, tables);
    if (result != MEM_OK) {
        return result;
    }
    for (size_t i = 0; i < tables; ++i) {
        mem_pa_t pa = paging_chain_pop(p, &reserve);
        arch_clear_page(paging_table(p, pa));
        arch_dsb_ishst();
        unsigned level;
        arch_write_descriptor(paging_find(p, va, 2, &level), desc_counted_table(pa, DESC_COUNT_STAYS));
        uint64_t *above = paging_find(p, va, 1, &level);
        arch_write_descriptor(above, *above + ((uint64_t)1 << DESC_COUNT_SHIFT));
        ++p->tables;
        va = paging_entry_last(va, last, 2) + 1;
    }
    arch_dsb_ishst();
    arch_isb();
    return MEM_OK;
}

void paging_fill(paging_t *p, mem_va_t va, mem_pa_t pa, mem_attrs_t attrs) {
    unsigned level;
    uint64_t *slot = paging_find(p, va, 3, &level);
    arch_write_descriptor(slot, pa | paging_leaf_bits(p, attrs, PAGING_PAGED | PAGING_OWNED) | DESC_PAGE);
    // Invalid to valid: a TLB holds no invalid entry, so there is nothing to invalidate.
    arch_dsb_ishst();
    arch_isb();
}

// --- blocks rejoined ---

// Whether the 512 entries of a table of `level` map one aligned block of the level above.
static bool is_joinable(const uint64_t *table, unsigned level) {
    uint64_t first = table[0];
    if (!desc_is_leaf(first, level) || (first & DESC_PAGED)
        || !mem_is_aligned(desc_leaf_pa(first, level), desc_entry_size(level - 1))) {
        return false;
    }
    for (unsigned i = 1; i < DESC_ENTRIES; ++i) {
        if (table[i] != first + i * desc_entry_size(level)) {
            return false;
        }
    }
    return true;
}

// Replaces the table that `slot` links by one block, and gives it back.
static void join(paging_t *p, uint64_t *slot, mem_va_t va) {
    mem_pa_t pa = desc_table_pa(*slot);
    uint64_t block = (*paging_table(p, pa) & ~DESC_TYPE_MASK) | DESC_BLOCK;
    break_before_make(p, slot, block, va, true);
    paging_clear_walk_cache(p);
    p->source->free(p->source->ctx, pa, 1);
    --p->tables;
}

static void join_if_possible(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    paging_t *p = state;
    if (level != 0 && paging_is_whole(va, last, level)
        && is_joinable(paging_table(p, desc_table_pa(*slot)), level + 1)) {
        join(p, slot, va);
    }
}

static int compact_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    if (!desc_is_table(*slot, level)) {
        return PAGING_NEXT;
    }
    if (level < 2) {
        return PAGING_DESCEND;
    }
    join_if_possible(state, slot, level, va, last);
    return PAGING_NEXT;
}

static const paging_actions_t compact_actions = {.entry = compact_entry, .leave = join_if_possible};

size_t paging_compact(paging_t *p, mem_va_t va, uint64_t size) {
    // What is smaller than a block of level 2 is joined to nothing, and a walk of it ends in pages.
    if (size < desc_entry_size(2) || paging_range_in_half(p, va, size, NULL) != MEM_OK) {
        return 0;
    }
    size_t before = p->tables;
    paging_visit_all(p, &compact_actions, p, va, va + size - 1);
    return before - p->tables;
}
