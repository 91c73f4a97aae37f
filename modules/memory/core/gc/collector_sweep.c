// SPDX-License-Identifier: MIT
// What was not reached is freed, after the finalisers. Blocks that are free, and tails of a chain that stays, are
// passed 64 at a time.

#include <string.h>

#include "collector_internal.h"

static void run_finalisers(collector_area_t *area, collector_finaliser_t *finaliser) {
    size_t groups = groups_for(area->top);
    for (size_t i = 0; area->finals != 0 && i < groups; ++i) {
        collector_group_t *group = &area->group[i];
        // A finaliser may free other chains.
        for (uint64_t done = 0, dead; (dead = group->final & ~group->mark & ~done) != 0;) {
            uint64_t bit = dead & -dead;
            done |= bit;
            bool ran = finaliser((void *)address_of(area, i * GROUP + lowest(bit)));
            if (ran && group->final & bit) {
                group->final &= ~bit;
                area->finals -= 1;
            }
        }
    }
}

// Frees the dead heads of a group and their tails. `dies` tells whether the chain that reaches into it does; so does
// the result, of the one that reaches out.
//
// A dead chain's tails are a run of ones behind its head. Adding the bit of the first one carries to the end of the
// run, so it clears the run.
static bool sweep_group(collector_group_t *group, bool dies) {
    uint64_t dead = group->head & ~group->mark;
    uint64_t tails = tails_of(group);
    if (dead != 0 || dies) {
        uint64_t starts = (dead << 1 | dies) & tails;
        uint64_t kept = tails & (tails + starts);
        dies = (dead | (tails & ~kept)) >> (GROUP - 1);
        group->head &= ~dead;
        group->plain &= ~dead;
        group->used = group->head | kept;
    }
    group->mark = 0;
    return dies;
}

static void sweep_area(collector_area_t *area) {
    size_t groups = groups_for(area->top);
    collector_group_t *last = &area->group[groups_for(area->blocks) - 1];
    size_t top = 0;
    bool dies = false;
    last->used &= ~absent(area);
    memset(area->full, 0, chunk_words_for(area->blocks) * sizeof(uint64_t));
    for (size_t chunk = 0; chunk < groups; chunk += CHUNK) {
        uint64_t used_by_all = chunk + CHUNK <= groups ? ALL : 0;
        size_t end = chunk + CHUNK <= groups ? chunk + CHUNK : groups;
        for (size_t i = chunk; i < end; ++i) {
            collector_group_t *group = &area->group[i];
            dies = dies && group->used != 0;
            if (dies || group->head != 0) {
                dies = sweep_group(group, dies);
            }
            used_by_all &= group->used;
            if (group->used != 0) {
                top = (i + 1) * GROUP - zeros_above(group->used);
            }
        }
        if (used_by_all == ALL) {
            set_full(area, chunk, true);
        }
    }
    last->used |= absent(area);
    area->top = top;
    memset(area->hint, 0, sizeof(area->hint));
}

void collector_finalise(collector_t *c, collector_finaliser_t *finaliser) {
    for (collector_area_t *area = c->area; area < c->area + c->count; ++area) {
        run_finalisers(area, finaliser);
    }
}

void collector_sweep(collector_t *c) {
    for (collector_area_t *area = c->area; area < c->area + c->count; ++area) {
        sweep_area(area);
    }
    c->single = c->area;
    close_group(c);
}
