// SPDX-License-Identifier: MIT
// Whether the tables keep their rules. What is damaged is only looked at: each step goes on by a group or a run at
// least.

#include "collector_internal.h"

typedef struct _check_t {
    const collector_area_t *area;
    unsigned count;
    collector_damage_t *first;
    mem_stop_t stop;
    bool stopped;
} check_t;

#define ASK_GROUPS (64)     // groups between two questions whether to stop

static void found(check_t *check, collector_damage_kind_t kind, size_t block) {
    if (check->count++ == 0 && check->first != NULL) {
        *check->first = (collector_damage_t) {kind, address_of(check->area, block)};
    }
}

// The rule is broken by the blocks whose bits are set.
static void check_bits(check_t *check, collector_damage_kind_t kind, size_t number, uint64_t wrong) {
    if (wrong != 0) {
        found(check, kind, number * GROUP + lowest(wrong));
    }
}

static uint64_t above_top(const collector_area_t *area, size_t number) {
    size_t first = number * GROUP;
    if (first >= area->top) {
        return ALL;
    }
    return area->top - first < GROUP ? ~below(area->top) : 0;
}

static void check_groups(check_t *check) {
    const collector_area_t *area = check->area;
    size_t groups = groups_for(area->blocks);
    bool reaches = false; // the block before is used
    for (size_t i = 0; i < groups && (i % ASK_GROUPS != 0 || mem_goes_on(check->stop, &check->stopped)); ++i) {
        const collector_group_t *group = &area->group[i];
        uint64_t missing = i + 1 == groups ? absent(area) : 0;
        uint64_t used = group->used & ~missing;
        check_bits(check, COLLECTOR_DAMAGE_HEAD, i, group->head & ~used);
        check_bits(check, COLLECTOR_DAMAGE_TAIL, i, used & ~group->head & ~(used << 1 | reaches));
        check_bits(check, COLLECTOR_DAMAGE_MARK, i, group->mark | group->grey);
        check_bits(check, COLLECTOR_DAMAGE_FLAGS, i, (group->final | group->plain) & ~group->head);
        check_bits(check, COLLECTOR_DAMAGE_HINT, i, is_full(area, i) ? ~group->used : 0);
        check_bits(check, COLLECTOR_DAMAGE_END, i, (used & above_top(area, i)) | (missing & ~group->used));
        reaches = used >> (GROUP - 1);
    }
}

static void check_finals(check_t *check) {
    const collector_area_t *area = check->area;
    size_t count = 0;
    for (size_t i = 0; i < groups_for(area->blocks); ++i) {
        for (uint64_t bits = area->group[i].final; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
    if (count != area->finals && !check->stopped) {
        found(check, COLLECTOR_DAMAGE_COUNT, 0);
    }
}

// The first free block at or after one.
static size_t next_free(const collector_area_t *area, size_t block) {
    uint64_t skip = below(block);
    for (size_t i = block / GROUP; i < groups_for(area->blocks); ++i, skip = 0) {
        uint64_t used = area->group[i].used | skip;
        if (used != ALL) {
            return i * GROUP + lowest(~used);
        }
    }
    return area->blocks;
}

static void check_hints(check_t *check) {
    const collector_area_t *area = check->area;
    for (size_t block = next_free(area, 0); block < area->blocks && mem_goes_on(check->stop, &check->stopped);) {
        size_t length = collector_free_from(area, block, area->blocks);
        bool wrong = false;
        for (unsigned i = 0; i < COLLECTOR_SIZES && hint_length(i) <= length; ++i) {
            wrong |= area->hint[i] > block;
        }
        if (wrong) {
            found(check, COLLECTOR_DAMAGE_HINT, block);
        }
        block = next_free(area, block + length);
    }
}

unsigned collector_check(const collector_t *c, collector_damage_t *first, mem_stop_t stop) {
    check_t check = {.first = first, .stop = stop};
    if (first != NULL) {
        *first = (collector_damage_t) {COLLECTOR_DAMAGE_NONE, 0};
    }
    for (size_t i = 0; i < c->count; ++i) {
        check.area = &c->area[i];
        check_groups(&check);
        check_finals(&check);
        check_hints(&check);
    }
    return check.count;
}

const char *collector_damage_text(collector_damage_kind_t kind) {
    static const char *const texts[] = {
        [COLLECTOR_DAMAGE_NONE] = "no damage",
        [COLLECTOR_DAMAGE_HEAD] = "the head of a chain is not in use",
        [COLLECTOR_DAMAGE_TAIL] = "a block in use belongs to no chain",
        [COLLECTOR_DAMAGE_MARK] = "a mark of a collection was left",
        [COLLECTOR_DAMAGE_FLAGS] = "a free block or a tail has flags",
        [COLLECTOR_DAMAGE_END] = "what is in use ends elsewhere",
        [COLLECTOR_DAMAGE_COUNT] = "the number of objects with finalisers is wrong",
        [COLLECTOR_DAMAGE_HINT] = "free memory is below where a search begins",
    };
    return (unsigned)kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "?";
}
