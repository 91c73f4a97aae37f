// SPDX-License-Identifier: MIT
// Regions: what a space has mapped or reserved, one record for each run of identical attributes.

#include "region_tree.h"
#include "space_internal.h"

static void link_executable(spaces_t *s, region_t *r) {
    if (!(r->attrs & MEM_PROT_X) || !region_is_judged(r)) {
        return;
    }
    LIST_PUSH(s->executable, r, x_next, x_prev);
}

static void unlink_executable(spaces_t *s, region_t *r) {
    if (!(r->attrs & MEM_PROT_X) || !region_is_judged(r)) {
        return;
    }
    LIST_REMOVE(s->executable, r, x_next, x_prev);
}

// Behind `before`, or first where that is NULL.
static void link_after(space_t *space, region_t *before, region_t *r) {
    if (before != NULL) {
        LIST_INSERT_AFTER(before, r, next, prev);
    } else {
        LIST_PUSH(space->regions, r, next, prev);
    }
    region_tree_insert(space, r);
    ++space->region_count;
}

static void unlink(space_t *space, region_t *r) {
    region_tree_remove(space, r);
    LIST_REMOVE(space->regions, r, next, prev);
    if (space->finger == r) {
        space->finger = r->prev != NULL ? r->prev : r->next; // NULL only when the list is empty
    }
    --space->region_count;
}

// The first region that ends at or after va. Looks at the region found last and the next one first, because most
// searches are for one of them. Does not move the finger.
static region_t *search(const space_t *space, mem_va_t va) {
    region_t *r = space->finger;
    if (r == NULL) {
        return NULL; // there are no regions
    }
    if (r->last < va) {
        r = r->next;
        return r == NULL || r->last >= va ? r : region_tree_find(space, va);
    }
    return r->prev == NULL || r->prev->last < va ? r : region_tree_find(space, va);
}

region_t *region_at_or_after(space_t *space, mem_va_t va) {
    region_t *r = search(space, va);
    if (r != NULL) {
        space->finger = r;
    }
    return r;
}

region_t *region_overlap(space_t *space, mem_va_t va, mem_va_t last) {
    region_t *r = region_at_or_after(space, va);
    return r != NULL && r->start <= last ? r : NULL;
}

const region_t *region_from(const space_t *space, mem_va_t va) {
    return search(space, va);
}

const region_t *region_find(const space_t *space, mem_va_t va) {
    const region_t *r = search(space, va);
    return r != NULL && r->start <= va ? r : NULL;
}

// Whether b continues a in every respect, so that one record can stand for both.
static bool continues(const region_t *a, const region_t *b) {
    return a->last + 1 == b->start && a->attrs == b->attrs && a->flags == b->flags && a->name == b->name
           && a->owner == b->owner && region_is_mapped(a) && a->pa + region_size(a) == b->pa;
}

void region_merge(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last) {
    region_t *r = region_at_or_after(space, va);
    if (r != NULL && r->prev != NULL) {
        r = r->prev;
    }
    while (r != NULL && r->next != NULL && r->start <= last) {
        if (continues(r, r->next)) {
            mem_va_t joined_last = r->next->last;
            region_remove(s, r->next);
            r->last = joined_last;
        } else {
            r = r->next;
        }
    }
}

void region_insert(spaces_t *s, space_t *space, region_t *r) {
    region_t *after = region_at_or_after(space, r->start);
    region_t *before = after != NULL ? after->prev : region_tree_last(space);
    r->space = space;
    link_after(space, before, r);
    space->finger = r;
    frame_owner_ref(r);
    link_executable(s, r);
    region_merge(s, space, r->start, r->last);
}

void region_remove(spaces_t *s, region_t *r) {
    unlink_executable(s, r);
    unlink(r->space, r);
    frame_owner_unref(s, r);
    (void)pool_free(&s->region_pool, r);
}

int region_take_spares(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, region_spares_t *spares,
    space_error_t *why) {
    *spares = (region_spares_t) {NULL, NULL};
    bool need_head = region_find(space, va)->start < va;
    bool need_tail = region_find(space, last)->last > last;
    if (need_head) {
        spares->head = pool_alloc(&s->region_pool);
    }
    if (need_tail) {
        spares->tail = pool_alloc(&s->region_pool);
    }
    if ((need_head && spares->head == NULL) || (need_tail && spares->tail == NULL)) {
        region_release_spares(s, spares);
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_TABLES, .va = va, .value = last - va + 1});
    }
    return MEM_OK;
}

void region_release_spares(spaces_t *s, const region_spares_t *spares) {
    (void)pool_free(&s->region_pool, spares->head);
    (void)pool_free(&s->region_pool, spares->tail);
}

// Cuts regions at va: no region has va in its middle afterwards. If it cuts one, it takes *spare for the second part
// and clears it.
static void cut(spaces_t *s, space_t *space, mem_va_t va, region_t **spare) {
    region_t *r = region_at_or_after(space, va);
    if (r == NULL || r->start >= va) {
        return;
    }
    region_t *tail = *spare;
    *spare = NULL;
    *tail = *r;
    tail->start = va;
    tail->pa = region_is_mapped(r) ? region_pa(r, va) : MEM_ADDR_NONE;
    r->last = va - 1;
    link_after(space, r, tail);
    frame_owner_ref(tail);
    link_executable(s, tail);
}

void region_cut_ends(spaces_t *s, space_t *space, mem_va_t va, mem_va_t last, region_spares_t *spares) {
    cut(s, space, va, &spares->head);
    if (last != UINT64_MAX) {
        cut(s, space, last + 1, &spares->tail);
    }
}

void region_change(spaces_t *s, region_t *r, mem_attrs_t attrs, uint32_t flags) {
    unlink_executable(s, r);
    r->attrs = attrs;
    r->flags = flags;
    link_executable(s, r);
}
