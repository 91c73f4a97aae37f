// SPDX-License-Identifier: MIT
// The frame allocator of modules/memory behind the benchmark's interface.

#include <stdlib.h>

#include "core/frames/frames.h"
#include "frames_subject.h"

// Where a Raspberry Pi has the memory that normal requests are served from.
#define BASE ((mem_pa_t)1 << 30)

// Orders up to that of a block.
#define ORDERS (10)

static frames_t frames;
static void *metadata;
static frames_request_t requests[ORDERS]; // for an aligned chunk of each order

static void ours_init(size_t n) {
    mem_range_t bank = { BASE, BASE + ((mem_pa_t)n << MEM_PAGE_SHIFT) };
    size_t size = frames_metadata_size(&bank, 1);
    free(metadata);
    metadata = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (metadata == NULL || frames_init(&frames, &bank, 1, metadata, size) != MEM_OK) {
        bench_fail("cannot be set up", "ours");
    }
    for (unsigned order = 0; order < ORDERS; ++order) {
        requests[order] = (frames_request_t) {
            .align = (size_t)1 << order, .at = MEM_ADDR_NONE, .below = MEM_ADDR_NONE,
        };
    }
}

static size_t ours_alloc(unsigned order) {
    mem_pa_t pa;
    const frames_request_t *request = order == 0 ? NULL : &requests[order];
    int result = frames_alloc(&frames, (size_t)1 << order, request, &pa, NULL);
    return result == MEM_OK ? (size_t)((pa - BASE) >> MEM_PAGE_SHIFT) : FRAMES_NONE;
}

static bool ours_free(size_t frame, unsigned order) {
    return frames_free(&frames, BASE + ((mem_pa_t)frame << MEM_PAGE_SHIFT), (size_t)1 << order, NULL) == MEM_OK;
}

const frames_subject_t frames_ours = { "ours", ours_init, ours_alloc, ours_free };

double frames_ours_metadata(size_t n) {
    mem_range_t bank = { BASE, BASE + ((mem_pa_t)n << MEM_PAGE_SHIFT) };
    size_t managed = n / 8;
    return (double)(frames_metadata_size(&bank, 1) - managed) * 8 / (double)n;
}
