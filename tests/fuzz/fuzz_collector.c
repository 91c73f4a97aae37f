// SPDX-License-Identifier: MIT
// The collector against a table of live chains with random pointers between them, marked plainly; then, if the input
// says so, with bits of its tables flipped: looking at them ends and stays within them.

#include "fuzz.h"
#include "core/gc/collector.h"

#define SLOTS (64)
#define AREAS (3)
#define MARK_WORDS (4)
#define WORDS (COLLECTOR_BLOCK / sizeof(uintptr_t))

typedef struct _slot_t {
    uintptr_t *start;       // NULL: free
    size_t blocks;
    unsigned flags;
    bool reached, called;
} slot_t;

static slot_t slots[SLOTS];
static collector_t collector;
static uintptr_t mark_stack[MARK_WORDS];
static const size_t area_blocks[AREAS] = {70, 64, 300};

static slot_t *slot_at(const uintptr_t *start) {
    for (size_t i = 0; i < SLOTS; ++i) {
        if (slots[i].start == start && start != NULL) {
            return &slots[i];
        }
    }
    return NULL;
}

static void check(void) {
    FUZZ_CHECK(collector_check(&collector, NULL, NULL) == 0);
    collector_stats_t stats = {0};
    for (size_t i = 0; i < collector.count; ++i) {
        collector_area_stats(&collector.area[i], &stats);
    }
    size_t chains = 0, used = 0;
    for (size_t i = 0; i < SLOTS; ++i) {
        chains += slots[i].start != NULL;
        used += slots[i].start != NULL ? slots[i].blocks : 0;
        FUZZ_CHECK(slots[i].start == NULL || collector_length(&collector, slots[i].start) == slots[i].blocks);
    }
    FUZZ_CHECK(stats.chains == chains && stats.used == used && stats.used + stats.free == stats.total);
}

// Pointers by one byte of the input, none for every second byte; most words are none.
static void fill(const slot_t *slot, size_t from, fuzz_input_t *in) {
    unsigned seed = fuzz_byte(in);
    for (size_t i = from * WORDS; i < slot->blocks * WORDS; ++i) {
        const slot_t *other = &slots[(seed + i / 4 * (seed | 1)) % SLOTS];
        slot->start[i] = seed & 1 && i % 4 == 0 ? (uintptr_t)other->start : i;
    }
}

static void alloc(slot_t *slot, fuzz_input_t *in) {
    unsigned kind = fuzz_byte(in);
    slot->blocks = kind < 128 ? 1 + kind % 4 : 1 + kind % 100;
    slot->flags = fuzz_byte(in) & (COLLECTOR_FINAL | COLLECTOR_PLAIN);
    slot->start = collector_alloc(&collector, slot->blocks, slot->flags);
    if (slot->start != NULL) {
        FUZZ_CHECK(collector_flags(&collector, slot->start) == slot->flags);
        fill(slot, 0, in);
    }
}

static void resize(slot_t *slot, fuzz_input_t *in) {
    size_t blocks = 1 + fuzz_byte(in) % 80;
    size_t before = slot->blocks;
    bool done = collector_resize(&collector, slot->start, blocks);
    FUZZ_CHECK(done || blocks > before);
    if (done) {
        slot->blocks = blocks;
        fill(slot, before, in);
    }
}

static void release(slot_t *slot) {
    uintptr_t *start = slot->start;
    slot->start = NULL;
    FUZZ_CHECK(collector_free(&collector, start) && !collector_free(&collector, start));
}

// --- a collection ---

static void reach(slot_t *slot) {
    if (slot == NULL || slot->reached) {
        return;
    }
    slot->reached = true;
    for (size_t i = 0; !(slot->flags & COLLECTOR_PLAIN) && i < slot->blocks * WORDS; ++i) {
        reach(slot_at((const uintptr_t *)slot->start[i]));
    }
}

static bool finaliser(void *start) {
    slot_t *slot = slot_at(start);
    FUZZ_CHECK(slot != NULL && !slot->reached && !slot->called && slot->flags & COLLECTOR_FINAL);
    slot->called = true;
    return true;
}

static void collect(fuzz_input_t *in) {
    uintptr_t roots[3];
    for (size_t i = 0; i < SLOTS; ++i) {
        slots[i].reached = slots[i].called = false;
    }
    for (size_t i = 0; i < 3; ++i) {
        slot_t *slot = &slots[fuzz_byte(in) % SLOTS];
        roots[i] = (uintptr_t)slot->start;
        if (slot->start != NULL) {
            reach(slot);
        }
    }
    collector_begin(&collector);
    collector_mark(&collector, roots, 3);
    collector_trace(&collector);
    collector_finalise(&collector, finaliser);
    collector_sweep(&collector);
    for (size_t i = 0; i < SLOTS; ++i) {
        bool dies = slots[i].start != NULL && !slots[i].reached;
        FUZZ_CHECK(!dies || slots[i].called == ((slots[i].flags & COLLECTOR_FINAL) != 0));
        FUZZ_CHECK(!dies || collector_length(&collector, slots[i].start) == 0);
        slots[i].start = dies ? NULL : slots[i].start;
    }
}

static void step(fuzz_input_t *in) {
    unsigned op = fuzz_byte(in);
    slot_t *slot = &slots[fuzz_byte(in) % SLOTS];
    if (op % 8 == 0) {
        collect(in);
    } else if (slot->start == NULL) {
        alloc(slot, in);
    } else if (op & 1) {
        release(slot);
    } else {
        resize(slot, in);
    }
}

static void suffer(fuzz_input_t *in) {
    while (fuzz_more(in)) {
        collector_area_t *area = &collector.area[fuzz_byte(in) % AREAS];
        uint8_t *table = (uint8_t *)area->group;
        size_t bytes = (area->blocks + 63) / 64 * sizeof(collector_group_t);
        table[fuzz_word(in) % bytes] ^= (uint8_t)(1u << fuzz_byte(in) % 8);
        collector_damage_t first;
        collector_stats_t stats = {0};
        unsigned faults = collector_check(&collector, &first, NULL);
        FUZZ_CHECK((faults != 0) == (first.kind != COLLECTOR_DAMAGE_NONE));
        collector_area_stats(area, &stats);
        FUZZ_CHECK(stats.used + stats.free == stats.total);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input_t in = { data, data + size };
    bool healthy = fuzz_byte(&in) & 1;
    void *memory[AREAS];
    memset(slots, 0, sizeof(slots));
    collector_init(&collector, mark_stack, MARK_WORDS);
    for (size_t i = 0; i < AREAS; ++i) { // the sanitiser guards what lies around each
        size_t bytes = collector_area_size(area_blocks[i]);
        memory[i] = aligned_alloc(COLLECTOR_BLOCK, bytes);
        FUZZ_CHECK(memory[i] != NULL && collector_add(&collector, memory[i], bytes) != NULL);
    }
    for (unsigned steps = 0; fuzz_more(&in) && (healthy || steps < 64); ++steps) {
        step(&in);
        check();
    }
    if (!healthy) {
        suffer(&in);
    }
    for (size_t i = 0; i < AREAS; ++i) {
        free(memory[i]);
    }
    return 0;
}
