// SPDX-License-Identifier: MIT
// Many random steps of the frame allocator beside a byte map, in C: requests of all kinds, each refusal compared with
// the map, and frees of whole pieces and parts.

#include <string.h>

#include "core/frames/frames.h"

// 12 MiB below the DMA limit and 20 MiB above it, with a hole and a reserved region in each part.
#define FIRST (FRAMES_DMA_LIMIT - ((mem_pa_t)12 << 20))
#define N_FRAMES ((size_t)(32 << 20) / MEM_PAGE_SIZE)
#define DMA_FRAME ((size_t)(12 << 20) / MEM_PAGE_SIZE)
#define METADATA_SIZE (65536)
#define PHASE (20000)      // steps with one level of use
#define CHECK_EVERY (2003) // steps

enum { FREE, USED, OTHER };

typedef struct _piece_t {
    uint32_t frame, count;
} piece_t;

typedef struct _steps_t {
    frames_t frames;
    uint64_t metadata[METADATA_SIZE / sizeof(uint64_t)];
    uint8_t map[N_FRAMES];
    piece_t pieces[N_FRAMES];
    size_t n_pieces;
    size_t used;
    size_t level; // of use, around which pieces come and go
    uint64_t random;
} steps_t;

static steps_t steps;

static uint64_t next_random(void) {
    steps.random ^= steps.random << 13;
    steps.random ^= steps.random >> 7;
    steps.random ^= steps.random << 17;
    return steps.random;
}

static size_t below(size_t n) {
    return (size_t)((next_random() >> 20) % n);
}

static mem_pa_t pa_of(size_t frame) {
    return FIRST + ((mem_pa_t)frame << MEM_PAGE_SHIFT);
}

static bool set_up(uint64_t seed) {
    mem_range_t banks[] = {
        { FIRST, pa_of(DMA_FRAME - 700) },
        { pa_of(DMA_FRAME - 600), pa_of(DMA_FRAME + 3000) },
        { pa_of(DMA_FRAME + 3001), pa_of(N_FRAMES) },
    };
    memset(&steps, 0, sizeof(steps));
    steps.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    memset(steps.map, OTHER, sizeof(steps.map));
    for (unsigned i = 0; i < sizeof(banks) / sizeof(banks[0]); ++i) {
        size_t start = (size_t)((banks[i].start - FIRST) >> MEM_PAGE_SHIFT);
        memset(steps.map + start, FREE, (size_t)((banks[i].end - banks[i].start) >> MEM_PAGE_SHIFT));
    }
    size_t reserved = DMA_FRAME + 1000;
    memset(steps.map + reserved, OTHER, 5);
    return frames_init(&steps.frames, banks, 3, steps.metadata, sizeof(steps.metadata)) == MEM_OK
           && frames_reserve(&steps.frames, pa_of(reserved), 5 * MEM_PAGE_SIZE, "five", NULL) == MEM_OK;
}

// Whether `count` frames from `frame` on are all in one state.
static bool all(size_t frame, size_t count, uint8_t state) {
    for (size_t i = 0; i < count; ++i) {
        if (frame + i >= N_FRAMES || steps.map[frame + i] != state) {
            return false;
        }
    }
    return true;
}

// Whether the map has what a request without `at` asks for.
static bool is_there(size_t count, const frames_request_t *r) {
    size_t run = 0;
    for (size_t frame = 0; frame < N_FRAMES && pa_of(frame + 1) <= r->below; ++frame) {
        run = steps.map[frame] == FREE ? run + 1 : 0;
        for (size_t start = frame + 1 - run; run >= count && start + count <= frame + 1; ++start) {
            if (mem_is_aligned(pa_of(start) >> MEM_PAGE_SHIFT, r->align)) {
                return true;
            }
        }
        if (run >= count + r->align) {
            run = count + r->align - 1; // what begins earlier was looked at
        }
    }
    return false;
}

static size_t some_count(void) {
    switch (below(8)) {
        case 0:
            return 1 + below(1500);
        case 1:
            return (size_t)1 << below(11);
        case 2:
            return 1 + below(70);
        default:
            return 1 + below(4);
    }
}

static frames_request_t some_request(void) {
    frames_request_t r = FRAMES_REQUEST_ANY;
    r.align = below(2) ? 1 : (size_t)1 << below(11);
    if (below(16) == 0) {
        r.below = pa_of(below(N_FRAMES)) + below(2);
    } else if (below(64) == 0) {
        r.align = 1;
        r.at = pa_of(below(N_FRAMES));
    }
    return r;
}

static bool step_alloc(void) {
    size_t count = some_count();
    frames_request_t r = some_request();
    bool plain = r.align == 1 && (r.at & r.below) == MEM_ADDR_NONE;
    mem_pa_t pa = 0;
    int result = frames_alloc(&steps.frames, count, plain ? NULL : &r, &pa, NULL);
    if (result != MEM_OK) {
        return r.at != MEM_ADDR_NONE ? !all((size_t)((r.at - FIRST) >> MEM_PAGE_SHIFT), count, FREE)
            : result == MEM_ENOMEM && !is_there(count, &r);
    }
    size_t frame = (size_t)((pa - FIRST) >> MEM_PAGE_SHIFT);
    if (pa < FIRST || !all(frame, count, FREE) || !mem_is_aligned(pa >> MEM_PAGE_SHIFT, r.align)
        || (r.below != MEM_ADDR_NONE && pa_of(frame + count) > r.below) || (r.at != MEM_ADDR_NONE && pa != r.at)) {
        return false;
    }
    memset(steps.map + frame, USED, count);
    steps.pieces[steps.n_pieces++] = (piece_t) { (uint32_t)frame, (uint32_t)count };
    steps.used += count;
    return true;
}

// Frees a piece, or its first part.
static bool step_free(void) {
    size_t i = below(steps.n_pieces);
    piece_t *piece = &steps.pieces[i];
    size_t count = piece->count > 1 && below(4) == 0 ? 1 + below(piece->count - 1) : piece->count;
    if (frames_free(&steps.frames, pa_of(piece->frame), count, NULL) != MEM_OK) {
        return false;
    }
    memset(steps.map + piece->frame, FREE, count);
    steps.used -= count;
    piece->frame += (uint32_t)count;
    piece->count -= (uint32_t)count;
    if (piece->count == 0) {
        *piece = steps.pieces[--steps.n_pieces];
    }
    return true;
}

// Frees frames anywhere: all are in use, or it is refused. What is freed is taken again at its place.
static bool step_free_anywhere(void) {
    size_t frame = below(N_FRAMES - 8);
    size_t count = 1 + below(8);
    bool good = all(frame, count, USED);
    if ((frames_free(&steps.frames, pa_of(frame), count, NULL) == MEM_OK) != good) {
        return false;
    }
    frames_request_t there = { .align = 1, .at = pa_of(frame), .below = MEM_ADDR_NONE };
    mem_pa_t pa;
    return !good || frames_alloc(&steps.frames, count, &there, &pa, NULL) == MEM_OK;
}

static bool step(void) {
    if (below(64) == 0) {
        return step_free_anywhere();
    }
    bool more = steps.used < steps.level ? below(4) != 0 : below(4) == 0;
    return more || steps.n_pieces == 0 ? step_alloc() : step_free();
}

// Takes so many steps. Returns the number of the first one after which something was wrong, or `count`.
size_t frames_steps(uint64_t seed, size_t count) {
    if (!set_up(seed)) {
        return 0;
    }
    for (size_t i = 0; i < count; ++i) {
        if (i % PHASE == 0) {
            steps.level = below(N_FRAMES);
        }
        if (!step() || frames_used(&steps.frames) != steps.used
            || (i % CHECK_EVERY == 0 && frames_check(&steps.frames) != 0)) {
            return i;
        }
    }
    return count;
}
