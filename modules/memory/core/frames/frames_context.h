// SPDX-License-Identifier: MIT
// The context of a frame allocator. Its members are private to frames*.c: the type is complete here only so that an
// owner can embed it. Everything else asks the functions of frames.h.

#ifndef MODULES_MEMORY_CORE_FRAMES_FRAMES_CONTEXT_H
#define MODULES_MEMORY_CORE_FRAMES_FRAMES_CONTEXT_H

#include "core/mem_types.h"

#define FRAMES_MAX_BANKS (16)
#define FRAMES_MAX_REGIONS (32)

// Index bitmaps: 0 = partly free blocks; 1 to 8 = those with an aligned free chunk of that order, and
// some that have lost theirs or are used up; 9 = blocks free as a whole.
#define FRAMES_INDEX_PARTIAL (0)
#define FRAMES_INDEX_WHOLE (9)
#define FRAMES_INDEXES (10)

// Words over the index bitmaps, one bit per 64 blocks: 8 GiB each.
#define FRAMES_TOP_WORDS (2)
#define FRAMES_MAX_BLOCKS ((size_t)FRAMES_TOP_WORDS * 64 * 64)

typedef struct _frames_region_t {
    mem_pa_t start, end; // whole frames
    const char *name;    // the caller's string
} frames_region_t;

// One bit per frame of a block: a cache line, if the metadata starts at one.
typedef struct _frames_block_t {
    uint64_t word[8];
} frames_block_t;

// A stretch of physical memory whose blocks are numbered without a gap. Between two extents one
// block number is left unused, so that no run of free frames spans a hole.
typedef struct _frames_extent_t {
    mem_pa_t base;      // aligned to 2 MiB
    uint64_t size;      // bytes, a multiple of 2 MiB
    size_t first_frame; // frame number of `base`
} frames_extent_t;

// The longest free runs of a block, or of a node of 32 blocks: what frames_runs.h says.
#define FRAMES_NODE_BLOCKS (32)

typedef struct _frames_runs_t {
    uint64_t word[2];
} frames_runs_t;

// Where chunks of one order have come back: numbers of words of the free map, the last one on top. Hints only: the free
// map is authoritative.
#define FRAMES_RECENT_WORDS (20)
#define FRAMES_RECENT_ORDERS (5)

typedef struct _frames_recent_t {
    uint16_t n;
    uint16_t word[FRAMES_RECENT_WORDS]; // below FRAMES_MAX_BLOCKS * 8
} frames_recent_t;

typedef struct _frames_t {
    frames_block_t *free_map;    // which frames are free
    frames_block_t *managed_map; // which frames are in a bank and not reserved
    uint64_t *index[FRAMES_INDEXES]; // one bit per block; 64 blocks are a group
    uint32_t *states; // per block: what frames_private.h says
    frames_runs_t *runs;      // per block
    frames_runs_t *node_runs; // the largest of the blocks of each node
    uint32_t n_blocks, n_groups;
    uint32_t n_extents, n_banks, n_regions;
    bool cursor_known; // that `cursor_seen` was set since the cursor came to its word
    size_t dma_blocks; // blocks with a lower number lie below FRAMES_DMA_LIMIT; 0 if all do
    uint64_t *cursor_word; // the word of free_map that the last single frame came from
    size_t cursor;         // its number
    mem_pa_t cursor_pa; // of its first frame
    size_t total, managed, used;
    size_t peak_used; // before the last free
    uint32_t whole;   // blocks above the DMA zone that are free as a whole
    uint32_t tracked; // the runs of blocks with a lower number are noted: all, or fewer while many are free as a whole
    uint64_t cursor_seen; // the word of the cursor when what is noted of the runs of its block was last brought in line
    // Which groups may have a bit in that index: all that do, and some that did.
    uint64_t top[FRAMES_INDEXES][FRAMES_TOP_WORDS];
    frames_recent_t recent[FRAMES_RECENT_ORDERS]; // orders 1 to 5
    frames_extent_t extents[FRAMES_MAX_BANKS];
    mem_range_t banks[FRAMES_MAX_BANKS];         // sorted, merged, whole frames
    frames_region_t regions[FRAMES_MAX_REGIONS]; // sorted, disjoint
} frames_t;

#endif // MODULES_MEMORY_CORE_FRAMES_FRAMES_CONTEXT_H
