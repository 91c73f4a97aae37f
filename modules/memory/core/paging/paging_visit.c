// SPDX-License-Identifier: MIT
// The one recursion over the table entries of a range. What is done with them is given by actions (paging_internal.h).

#include "paging_internal.h"

// How many entries of a table [va, last] covers as a whole, from the one for va on.
static size_t whole_entries(mem_va_t va, mem_va_t last, unsigned level) {
    if (!mem_is_aligned(va, desc_entry_size(level))) {
        return 0;
    }
    size_t left = DESC_ENTRIES - desc_index(va, level);
    uint64_t n = (last - va + 1) / desc_entry_size(level);
    return n < left ? (size_t)n : left;
}

int paging_visit(const paging_visitor_t *v, uint64_t *table, unsigned level, mem_va_t va, mem_va_t last) {
    if (level == 3) {
        size_t n = (size_t)((last - va) >> MEM_PAGE_SHIFT) + 1;
        return v->actions->pages(v->state, &table[desc_index(va, 3)], n, va);
    }
    for (;;) {
        uint64_t *slot = &table[desc_index(va, level)];
        size_t n = v->actions->whole != NULL ? whole_entries(va, last, level) : 0;
        n = n > 1 ? v->actions->whole(v->state, slot, n, level, va) : 0;
        if (n != 0) {
            va += n * desc_entry_size(level);
            if (va - 1 == last) {
                return MEM_OK;
            }
            continue;
        }
        mem_va_t step = paging_entry_last(va, last, level);
        int result = v->actions->entry(v->state, slot, level, va, step);
        if (result == PAGING_DESCEND) {
            result = paging_visit(v, paging_table(v->p, desc_table_pa(*slot)), level + 1, va, step);
            if (result == MEM_OK && v->actions->leave != NULL) {
                v->actions->leave(v->state, slot, level, va, step);
            }
        }
        if (result != MEM_OK || step == last) {
            return result;
        }
        va = step + 1;
    }
}

int paging_visit_all(const paging_t *p, const paging_actions_t *actions, void *state, mem_va_t va, mem_va_t last) {
    const paging_visitor_t v = {.p = p, .actions = actions, .state = state};
    uint64_t *slots[DESC_LEVELS];
    uint64_t *table = paging_table(p, p->root);
    unsigned level = 0;
    // The calls for entries around the whole range are left out: they take longer than the change of a page.
    for (; level < 3 && (va ^ last) < desc_entry_size(level) && !paging_is_whole(va, last, level); ++level) {
        uint64_t *slot = &table[desc_index(va, level)];
        uint64_t desc = *slot;
        slots[level] = slot;
        if ((desc & DESC_TYPE_MASK) != DESC_TABLE) {
            break;
        }
        table = paging_table(p, desc_table_pa(desc));
    }
    int result = paging_visit(&v, table, level, va, last);
    while (result == MEM_OK && actions->leave != NULL && level-- != 0) {
        actions->leave(state, slots[level], level, va, last);
    }
    return result;
}

int paging_descend(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    (void)state;
    (void)va;
    (void)last;
    return desc_is_table(*slot, level) ? PAGING_DESCEND : PAGING_NEXT;
}

size_t paging_tables_needed(mem_va_t va, mem_va_t last, unsigned level, unsigned largest) {
    uint64_t start = va & (desc_entry_size(level) - 1);
    uint64_t end = start + (last - va) + 1;
    size_t count = 0;
    for (; level < 3; ++level) {
        uint64_t size = desc_entry_size(level);
        count += (size_t)((mem_align_up(end, size) - mem_align_down(start, size)) / size);
        if (level >= largest && mem_align_up(start, size) < end) {
            count -= (size_t)((mem_align_down(end, size) - mem_align_up(start, size)) / size);
        }
    }
    return count;
}
