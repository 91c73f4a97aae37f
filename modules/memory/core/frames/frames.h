// SPDX-License-Identifier: MIT
// The frame allocator: hands out physical memory in frames of 4 KiB.
//
// One bit per frame says "free"; blocks of 512 frames (2 MiB) are indexed by ten small bitmaps, so
// that single frames, aligned powers of two up to 2 MiB, and their refusals take a bounded number
// of steps whatever the size of memory. Any other request (odd counts, unaligned, over 2 MiB) is
// tried there first and then by a search, word by word, that finds a run whenever there is one.
// The lowest block is used first, and blocks already broken before whole ones: this alone keeps
// memory compact. Single frames use up the block they have begun; pieces of 2 to 32 are taken where
// one came back lately, unless that is far beyond what the frames in use would fill.
//
// It knows neither who owns a frame nor what is in it: it does not zero, map or lock. It is not
// reentrant: the caller keeps interrupts that allocate out.

#ifndef MODULES_MEMORY_FRAMES_H
#define MODULES_MEMORY_FRAMES_H

#include "core/mem_types.h"

// Frames of a block: what one level 2 block descriptor maps.
#define FRAMES_BLOCK_SHIFT (9)
#define FRAMES_PER_BLOCK ((size_t)1 << FRAMES_BLOCK_SHIFT)

// Below this address lies the memory that the oldest bus masters can reach. Requests without a
// limit are served from memory above it as long as there is any.
#define FRAMES_DMA_LIMIT ((mem_pa_t)1 << 30)

// Physical addresses have at most 48 bits.
#define FRAMES_MAX_PA ((mem_pa_t)1 << 48)

#define FRAMES_MAX_BANKS (16)
#define FRAMES_MAX_REGIONS (32)

// Index bitmaps: 0 = partly free blocks; 1 to 8 = those with an aligned free piece of that order, and
// some that have lost theirs or are used up; 9 = blocks free as a whole.
#define FRAMES_INDEX_PARTIAL (0)
#define FRAMES_INDEX_FULL (9)
#define FRAMES_INDEXES (10)

// Words over the index bitmaps, one bit per 64 blocks: 8 GiB each.
#define FRAMES_TOP_WORDS (2)
#define FRAMES_MAX_BLOCKS ((size_t)FRAMES_TOP_WORDS * 64 * 64)

// Orders that frames_stats() tells apart: 2^0 to 2^10 frames (4 KiB to 4 MiB).
#define FRAMES_ORDERS (11)

typedef struct _frames_region_t {
    mem_pa_t start, end; // whole frames
    const char *name;    // the caller's string
} frames_region_t;

// What a request asks for beside the count.
typedef struct _frames_request_t {
    size_t align;   // alignment of the physical address, in frames, a power of two
    mem_pa_t at;    // exactly here, or MEM_ADDR_NONE
    mem_pa_t below; // all of it below this address, or MEM_ADDR_NONE
} frames_request_t;

#define FRAMES_REQUEST_ANY { .align = 1, .at = MEM_ADDR_NONE, .below = MEM_ADDR_NONE }

typedef enum {
    FRAMES_STATE_FREE,
    FRAMES_STATE_USED,
    FRAMES_STATE_RESERVED,  // in a reserved region, be it inside a bank or not
    FRAMES_STATE_UNMANAGED, // in no bank
} frames_state_t;

typedef enum {
    FRAMES_NO_ERROR,
    FRAMES_ALREADY_FREE,  // MEM_EALREADY: the first frame of the range is free
    FRAMES_NEVER_MANAGED, // MEM_EFAULT: the frame is in no bank
    FRAMES_RESERVED,      // MEM_EBUSY: the frame belongs to the region `name`
    FRAMES_MISALIGNED,    // MEM_EINVAL: the address is not that of a frame
    FRAMES_WRONG_COUNT,   // MEM_EINVAL: no frames, too many, or the range's first frames are in use and `pa` is free
    FRAMES_IN_USE,        // MEM_EBUSY: the frame is allocated (reserve)
} frames_error_kind_t;

typedef struct _frames_error_t {
    frames_error_kind_t kind;
    mem_pa_t pa;      // the first frame that offends
    const char *name; // the region it belongs to, or NULL
} frames_error_t;

// All in frames.
typedef struct _frames_stats_t {
    size_t total; // = free + used + reserved
    size_t free;
    size_t used;
    size_t reserved;
    size_t peak_used;
    size_t largest_run; // the longest free run, however aligned
    // Free memory cut into the largest aligned powers of two: free = sum of free_by_order[k] << k.
    size_t free_by_order[FRAMES_ORDERS];
} frames_stats_t;

typedef struct _frames_run_t {
    mem_pa_t start, end;
    frames_state_t state;
    const char *name; // of a reserved run, else NULL
} frames_run_t;

// The rest is private to frames*.c; it stands here so that a context needs no allocator.

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

// Where pieces of one order have come back: numbers of words of the free map, the last one on top. Hints, no more: what
// became of the pieces since is in the words.
#define FRAMES_RECENT_WORDS (20)
#define FRAMES_RECENT_ORDERS (5)

typedef struct _frames_recent_t {
    uint32_t n;
    uint16_t word[FRAMES_RECENT_WORDS]; // below FRAMES_MAX_BLOCKS * 8
} frames_recent_t;

typedef struct _frames_t {
    frames_block_t *free_map;    // which frames are free
    frames_block_t *managed_map; // which frames are in a bank and not reserved
    uint64_t *index[FRAMES_INDEXES]; // one bit per block; 64 blocks are a group
    uint32_t *states; // per block: what frames_private.h says
    size_t n_blocks, n_groups;
    size_t dma_blocks; // blocks with a lower number lie below FRAMES_DMA_LIMIT; 0 if all do
    size_t low;         // a block above those: between them and it none is partly free
    size_t cursor;      // the word of free_map that the last single frame came from
    mem_pa_t cursor_pa; // of its first frame
    size_t total, managed, used;
    size_t peak_used; // before the last free
    // Which groups may have a bit in that index: all that do, and some that did. Of the partly free blocks nobody asks:
    // `low` says where to begin.
    uint64_t top[FRAMES_INDEXES][FRAMES_TOP_WORDS];
    frames_recent_t recent[FRAMES_RECENT_ORDERS]; // orders 1 to 5
    size_t n_extents, n_banks, n_regions;
    frames_extent_t extents[FRAMES_MAX_BANKS];
    mem_range_t banks[FRAMES_MAX_BANKS];         // sorted, merged, whole frames
    frames_region_t regions[FRAMES_MAX_REGIONS]; // sorted, disjoint
} frames_t;

// Bytes of metadata that frames_init() needs for these banks, a multiple of 8: about 2.1 bits per
// frame. 0 when frames_init() would refuse the banks.
size_t frames_metadata_size(const mem_range_t *banks, size_t n_banks);

// Sets up an allocator with every whole frame of the banks free. Banks come in any order; those
// that overlap or touch are merged, empty ones ignored. `metadata` is aligned to 8 bytes (64 are
// better) and stays the allocator's for its life; it may lie in a bank (allocate it
// at its address then).
// MEM_EINVAL: a backwards bank, no whole frame, misaligned metadata. MEM_ERANGE: beyond 48 bits of
// address or too much memory (16 GiB). MEM_ENOMEM: too many banks or too little metadata.
int frames_init(frames_t *f, const mem_range_t *banks, size_t n_banks, void *metadata, size_t size);

// Keeps every frame that [pa, pa + size) touches out of use for ever, under a name that must
// outlive the allocator. Parts outside the banks are recorded but not counted. Touching regions of
// the same name become one.
// MEM_EINVAL: empty or no name. MEM_ERANGE: beyond 48 bits of address. MEM_EBUSY: a frame is in use or in another region (`why`,
// which may be NULL, tells). MEM_ENOMEM: the table is full.
int frames_reserve(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why);

// The same for sources that may overlap: what other regions have already stays theirs, and the
// rest is reserved. MEM_EBUSY: a frame is in use.
int frames_reserve_rest(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why);

// Allocates `count` contiguous frames; `req` NULL asks for any.
// MEM_EINVAL: no frames, align no power of two, `at` misaligned. MEM_ERANGE: `at` and `below`
// contradict. MEM_ENOMEM: there is no such run. With `at`: MEM_EFAULT when a frame is in no bank,
// MEM_EBUSY when one is in use or reserved.
int frames_alloc(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa);

// Allocates the longest run there is, but at most `max_count` frames, from a 2 MiB boundary where
// the length allows it. Returns its length, 0 when there is nothing.
size_t frames_alloc_some(frames_t *f, size_t max_count, mem_pa_t *pa);

// Gives back frames that are in use: all of the range or, on error, none of it. The range need not
// be one that frames_alloc() returned: parts and neighbours may be freed together. `why` may be NULL.
int frames_free(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why);

// The state of the frame that contains `pa`. `name`, if not NULL, is set to its region's or NULL.
frames_state_t frames_state(const frames_t *f, mem_pa_t pa, const char **name);

// The counters, the free pieces and the longest free run: takes a walk over the blocks.
void frames_stats(const frames_t *f, frames_stats_t *s);

// The longest free run in frames, or `enough` as soon as there is one of at least that length.
size_t frames_largest_run(const frames_t *f, size_t enough);

// The next run of frames of one state (and one region) at or after `from`, over all banks: for
// pictures and listings. Starts at `from` when that lies within a run. False at the end.
bool frames_next_run(const frames_t *f, mem_pa_t from, frames_run_t *run);

// Verifies every invariant of the metadata, reading all of it. Returns how many are broken.
unsigned frames_check(const frames_t *f);

#endif // MODULES_MEMORY_FRAMES_H
