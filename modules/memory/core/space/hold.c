// SPDX-License-Identifier: MIT
// Holds: who owns frames while mappings use them.

#include "space_internal.h"

void hold_forget(spaces_t *s, hold_t *hold) {
    if (hold->prev != NULL) {
        hold->prev->next = hold->next;
    } else {
        s->holds = hold->next;
    }
    if (hold->next != NULL) {
        hold->next->prev = hold->prev;
    }
    (void)pool_free(&s->hold_pool, hold);
}

static void free_hold(spaces_t *s, hold_t *hold) {
    s->source.free(s->source.ctx, hold->pa, hold->count);
    hold_forget(s, hold);
}

void hold_ref(hold_t *hold) {
    ++hold->maps;
}

void hold_unref(spaces_t *s, hold_t *hold) {
    if (--hold->maps == 0 && hold->orphan) {
        free_hold(s, hold);
    }
}

hold_t *hold_open(spaces_t *s, mem_pa_t pa, size_t count) {
    hold_t *hold = pool_alloc(&s->hold_pool);
    if (hold == NULL) {
        return NULL;
    }
    *hold = (hold_t) {.next = s->holds, .pa = pa, .count = count};
    if (s->holds != NULL) {
        s->holds->prev = hold;
    }
    s->holds = hold;
    return hold;
}

// Some region that maps frames of the hold.
static const region_t *find_map(const spaces_t *s, const hold_t *hold) {
    for (const space_t *space = s->list; space != NULL; space = space->next) {
        for (const region_t *r = space->regions; r != NULL; r = r->next) {
            if (r->hold == hold) {
                return r;
            }
        }
    }
    return NULL;
}

int hold_check_unmapped(const spaces_t *s, const hold_t *hold, space_error_t *why) {
    if (hold->maps == 0) {
        return MEM_OK;
    }
    const region_t *r = find_map(s, hold);
    return space_fail(why, (space_error_t) {
        .kind = SPACE_HELD, .pa = hold->pa, .value = hold->maps, .name = r != NULL ? r->name : NULL,
        .other_space = r != NULL ? r->space : NULL, .other_va = r != NULL ? r->start : MEM_ADDR_NONE,
    });
}

int hold_close(spaces_t *s, hold_t *hold, space_error_t *why) {
    int result = hold_check_unmapped(s, hold, why);
    if (result == MEM_OK) {
        free_hold(s, hold);
    }
    return result;
}

void hold_orphan(spaces_t *s, hold_t *hold) {
    hold->orphan = true;
    if (hold->maps == 0) {
        free_hold(s, hold);
    }
}

size_t holds_orphan_all(spaces_t *s) {
    size_t owned = 0;
    hold_t *next;
    for (hold_t *hold = s->holds; hold != NULL; hold = next) {
        next = hold->next;
        owned += !hold->orphan;
        hold_orphan(s, hold);
    }
    return owned;
}
