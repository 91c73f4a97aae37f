// SPDX-License-Identifier: MIT
// _memtest.frames_costs(): what a request takes of a made-up allocator of some GiB whose frames are free in the least
// favourable ways. Nothing is behind those frames; only the metadata is.

#include <string.h>

#include "py/runtime.h"

#include "aarch64/cpu.h"
#include "bindings/memory_system.h"
#include "core/frames/frames_runs.h"
#include "memtest_frames.h"

#define GIB ((mem_pa_t)1 << 30)
#define SEARCH_STEPS (10000)
#define MOST_COUNT (512)

typedef struct _costs_t {
    uint64_t found, refused; // ticks of the dearest request of each kind
} costs_t;

static frames_t frames;
static uint64_t random_state;

static size_t random_below(size_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state >> 11) % n;
}

// --- states ---

// Whether frame `i` is free in each state.
static bool every_third(size_t i) {
    return i % 3 == 1;
}

static bool runs_of_40(size_t i) {
    return i % 41 != 7;
}

static bool runs_of_512(size_t i) {
    return i % 513 != 7;
}

static bool pairs_at_odd(size_t i) {
    return i % 4 == 1 || i % 4 == 2;
}

static bool every_other_block(size_t i) {
    return i / FRAMES_PER_BLOCK % 2 == 1 || every_third(i);
}

static const struct {
    const char *name;
    bool (*is_free)(size_t i);
    bool stale;
} states[] = {
    {"every third frame free", every_third, false},
    {"no run of 41", runs_of_40, false},
    {"no run of 513", runs_of_512, false},
    {"all indexes stale", every_third, true},
    {"runs of two at odd frames", pairs_at_odd, false},
    {"indexes stale, every other block free", every_other_block, true},
};

// Sets the words of a block, all of which is in use.
static void fill_block(size_t block, bool (*is_free)(size_t i), bool stale) {
    for (size_t i = block * FRAMES_PER_BLOCK; i < (block + 1) * FRAMES_PER_BLOCK; ++i) {
        if (is_free(i)) {
            *word_of_frame(frames.free_map, i) |= (uint64_t)1 << (i % WORD_FRAMES);
            --frames.used;
        }
    }
    uint32_t state = frames_state_by_words(&frames, block);
    state_write(&frames, block, state | (stale && !(state & STATE_WHOLE) ? STATE_ORDERS : 0));
    frames_runs_changed(&frames, block * FRAMES_PER_BLOCK, 1);
}

static void set_up(uint64_t gib, void *metadata, size_t size, bool (*is_free)(size_t i), bool stale) {
    mem_range_t bank = {GIB, GIB + gib * GIB};
    mem_pa_t pa;
    frames_init(&frames, &bank, 1, metadata, size);
    frames_alloc(&frames, frames_available(&frames), NULL, &pa, NULL);
    for (size_t block = 0; block < frames.n_blocks; ++block) {
        fill_block(block, is_free, stale);
    }
    frames_runs_settle(&frames);
}

// --- requests ---

static void note(costs_t *costs, uint64_t ticks, bool found) {
    uint64_t *most = found ? &costs->found : &costs->refused;
    *most = ticks > *most ? ticks : *most;
}

// Makes a request and takes it back.
static void request(costs_t *costs, size_t count, size_t align, mem_pa_t below) {
    frames_request_t wanted = {.align = align, .at = MEM_ADDR_NONE, .below = below};
    mem_pa_t pa;
    uint64_t start = cpu_counter();
    int result = frames_alloc(&frames, count, &wanted, &pa, NULL);
    uint64_t ticks = cpu_counter() - start;
    note(costs, ticks, result == MEM_OK);
    if (result == MEM_OK) {
        frames_free(&frames, pa, count, NULL);
    }
}

static void request_all(costs_t *costs) {
    for (size_t count = 1; count <= MOST_COUNT; count += 1 + count / 20) {
        for (size_t align = 1; align <= count; align *= 2) {
            request(costs, count, align, MEM_ADDR_NONE);
        }
        request(costs, count, 1, GIB + GIB / 2);
    }
    request(costs, MOST_COUNT, 1, MEM_ADDR_NONE);
    request(costs, MOST_COUNT, MOST_COUNT, MEM_ADDR_NONE);
}

// --- a search for the dearest request ---

// Changes the state a little: a run comes free, or as much as is free at some place is taken.
static void change(void) {
    size_t frame = random_below(frames.n_blocks * FRAMES_PER_BLOCK);
    size_t count = 1 + random_below(random_below(2) ? 40 : 1500);
    mem_pa_t pa = pa_of_frame(&frames, frame);
    size_t free = frames_same_state(&frames, frame, count, true);
    size_t used = frames_same_state(&frames, frame, count, false);
    if (used > 1) {
        frames_free(&frames, pa, used / 2, NULL);
    } else if (free > 1) {
        frames_request_t wanted = {.align = 1, .at = pa, .below = MEM_ADDR_NONE};
        frames_alloc(&frames, free / 2, &wanted, &pa, NULL);
    }
}

static void random_request(costs_t *costs) {
    size_t count = 1 + random_below(random_below(2) ? 48 : MOST_COUNT);
    size_t align = (size_t)1 << random_below(10);
    mem_pa_t below = random_below(4) ? MEM_ADDR_NONE : GIB + random_below(frames.n_blocks * MEM_BLOCK2M_SIZE);
    request(costs, count, align <= count ? align : 1, below);
}

static uint64_t dearest(const costs_t *costs) {
    return costs->found > costs->refused ? costs->found : costs->refused;
}

// From a state at random: steps from which no dearer request came are taken back every 50 of them.
static void search(costs_t *costs, void *metadata, void *kept, size_t size) {
    frames_t kept_frames = frames;
    memcpy(kept, metadata, size);
    for (unsigned step = 0; step < SEARCH_STEPS; ++step) {
        uint64_t before = dearest(costs);
        change();
        random_request(costs);
        if (dearest(costs) > before) {
            kept_frames = frames;
            memcpy(kept, metadata, size);
        } else if (step % 50 == 49) {
            frames = kept_frames;
            memcpy(metadata, kept, size);
        }
    }
}

// --- what Python calls ---

static mp_obj_t result(const costs_t *costs) {
    mp_obj_t items[] = {
        mp_obj_new_int_from_ull(costs->found), mp_obj_new_int_from_ull(costs->refused),
        mp_obj_new_int_from_uint(frames_check(&frames)),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

// frames_costs(gib, state, seed=0): ticks of the dearest request that is found and of the dearest that is refused,
// and what frames_check() says afterwards. With a seed the steps of the search are made as well.
static mp_obj_t frames_costs(size_t n_args, const mp_obj_t *args) {
    uint64_t gib = (uint64_t)mp_obj_get_int(args[0]);
    size_t state = (size_t)mp_obj_get_int(args[1]) % MP_ARRAY_SIZE(states);
    mem_range_t bank = {GIB, GIB + gib * GIB};
    size_t size = frames_metadata_size(&bank, 1);
    size_t count = (2 * size + MEM_PAGE_SIZE - 1) >> MEM_PAGE_SHIFT;
    mem_pa_t pa;
    costs_t costs = {0};
    if (frames_alloc(memory_system_frames(), count, NULL, &pa, NULL) != MEM_OK) {
        mp_raise_type(&mp_type_MemoryError);
    }
    uint8_t *metadata = memory_system_at(pa);
    set_up(gib, metadata, size, states[state].is_free, states[state].stale);
    random_state = n_args > 2 ? (uint64_t)mp_obj_get_int(args[2]) : 0;
    if (random_state != 0) {
        search(&costs, metadata, metadata + size, size);
    } else {
        request_all(&costs);
    }
    frames_free(memory_system_frames(), pa, count, NULL);
    return result(&costs);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memtest_frames_costs_obj, 2, 3, frames_costs);

static mp_obj_t frames_states(void) {
    mp_obj_t names[MP_ARRAY_SIZE(states)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(states); ++i) {
        names[i] = mp_obj_new_str(states[i].name, strlen(states[i].name));
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(states), names);
}
MP_DEFINE_CONST_FUN_OBJ_0(memtest_frames_states_obj, frames_states);
