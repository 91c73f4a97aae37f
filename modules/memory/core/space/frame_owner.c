// SPDX-License-Identifier: MIT
// Frame owners: when their frames are freed, depending on the mappings of them.

#include "space_internal.h"

void frame_owner_forget(spaces_t *s, frame_owner_t *owner) {
    LIST_REMOVE(s->frame_owners, owner, next, prev);
    (void)pool_free(&s->frame_owner_pool, owner);
}

static void free_owner(spaces_t *s, frame_owner_t *owner) {
    s->source.free(s->source.ctx, owner->pa, owner->count);
    frame_owner_forget(s, owner);
}

void frame_owner_ref(region_t *r) {
    frame_owner_t *owner = r->owner;
    if (owner != NULL) {
        LIST_PUSH(owner->regions, r, owner_next, owner_prev);
        ++owner->maps;
    }
}

void frame_owner_unref(spaces_t *s, region_t *r) {
    frame_owner_t *owner = r->owner;
    if (owner == NULL) {
        return;
    }
    LIST_REMOVE(owner->regions, r, owner_next, owner_prev);
    if (--owner->maps == 0 && owner->orphan) {
        free_owner(s, owner);
    }
}

frame_owner_t *frame_owner_open(spaces_t *s, mem_pa_t pa, size_t count) {
    frame_owner_t *owner = pool_alloc(&s->frame_owner_pool);
    if (owner == NULL) {
        return NULL;
    }
    *owner = (frame_owner_t) {.pa = pa, .count = count};
    LIST_PUSH(s->frame_owners, owner, next, prev);
    return owner;
}

int frame_owner_check_unmapped(const frame_owner_t *owner, space_error_t *why) {
    const region_t *r = owner->regions;
    return r == NULL ? MEM_OK : space_fail(why, (space_error_t) {
        .kind = SPACE_HELD, .pa = owner->pa, .value = owner->maps, .name = r->name, .other_space = r->space,
        .other_va = r->start,
    });
}

int frame_owner_close(spaces_t *s, frame_owner_t *owner, space_error_t *why) {
    int result = frame_owner_check_unmapped(owner, why);
    if (result == MEM_OK) {
        free_owner(s, owner);
    }
    return result;
}

void frame_owner_orphan(spaces_t *s, frame_owner_t *owner) {
    owner->orphan = true;
    if (owner->maps == 0) {
        free_owner(s, owner);
    }
}

size_t frame_owner_orphan_all(spaces_t *s) {
    size_t owned = 0;
    frame_owner_t *next;
    for (frame_owner_t *owner = s->frame_owners; owner != NULL; owner = next) {
        next = owner->next;
        owned += !owner->orphan;
        frame_owner_orphan(s, owner);
    }
    return owned;
}

const frame_owner_t *frame_owner_next(const spaces_t *s, const frame_owner_t *owner) {
    return owner == NULL ? s->frame_owners : owner->next;
}
