// SPDX-License-Identifier: MIT
// The frame allocator: hands out physical memory in frames of 4 KiB.
//
// One bit per frame says "free"; blocks of 512 frames (2 MiB) are indexed by ten small bitmaps, and
// the longest runs of each block, by how they are aligned, are noted beside it and in nodes of 32
// blocks. What a request costs, found or refused, beside marking its frames:
// - up to 512 frames, aligned to at most their count: a bounded number of steps whatever the state
//   of memory, and a few more for each GiB. Changes keep the notes exact, in bounded steps, but for
//   one block, which a search looks at anew. While many blocks are free as a whole, the notes are
//   made of fewer blocks or none: then a limit (`below`) that keeps a request from those free blocks
//   makes it search the words of the blocks without notes.
// - exactly at an address: steps by words, and by whole blocks.
// - alignments larger than the count: a step for each block, and where it may have such a run, a few
//   for each of its words that holds an aligned frame.
// - more frames: a step for each block, and two of its words where it is partly free. Each of these
//   searches finds a run whenever there is one.
// An index may list a block for a chunk that it has lost; some of these are put right in each
// search, as often as they are lost. A request may so get a whole block though a partly free one
// would do.
// The lowest block is used first, and partly free blocks before whole ones: this alone keeps memory
// compact. Single frames use up the block they have begun; chunks of 2 to 32 are taken where one
// came back lately, unless that is far beyond what the frames in use would fill.
//
// It does not know who owns a frame or what is in it: it does not zero, map or lock. It is not
// reentrant: the caller masks interrupts whose handlers allocate.

#ifndef MODULES_MEMORY_CORE_FRAMES_FRAMES_H
#define MODULES_MEMORY_CORE_FRAMES_FRAMES_H

#include "frames_context.h"

// Frames of a block: what one level 2 block descriptor maps.
#define FRAMES_BLOCK_SHIFT (9)
#define FRAMES_PER_BLOCK ((size_t)1 << FRAMES_BLOCK_SHIFT)

// Below this address lies the memory that the oldest bus masters can reach. Requests without a
// limit are served from memory above it as long as there is any.
#define FRAMES_DMA_LIMIT ((mem_pa_t)1 << 30)

// Physical addresses have at most 48 bits.
#define FRAMES_MAX_PA ((mem_pa_t)1 << 48)

// Orders that frames_stats() tells apart: 2^0 to 2^10 frames (4 KiB to 4 MiB).
#define FRAMES_ORDERS (11)

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

// Why a call failed. The result of each kind stands in one table (frames_map.c).
typedef enum {
    FRAMES_NO_ERROR,
    FRAMES_WRONG_COUNT,   // no frames; or, freeing, the first frames are in use and the one at `pa` is free  EINVAL
    FRAMES_MISALIGNED,    // `pa` is not the address of a frame                                               EINVAL
    FRAMES_BAD_ALIGN,     // the alignment asked for is not a power of two, or `pa` does not have it          EINVAL
    FRAMES_NO_NAME,       // a region without a name                                                          EINVAL
    FRAMES_TOO_HIGH,      // the range goes beyond 48 bits of address                                         ERANGE
    FRAMES_NOT_BELOW,     // the frames wanted at `pa` do not end by the limit                                ERANGE
    FRAMES_NONE_FREE,     // there is no such run                                                             ENOMEM
    FRAMES_TABLE_FULL,    // no room for another region                                                       ENOMEM
    FRAMES_NEVER_MANAGED, // the frame at `pa` is in no bank                                                  EFAULT
    FRAMES_RESERVED,      // the frame at `pa` belongs to the region `name`                                   EBUSY
    FRAMES_IN_USE,        // the frame at `pa` is allocated                                                   EBUSY
    FRAMES_ALREADY_FREE,  // the frame at `pa`, the first of the range, is free                               EALREADY
} frames_error_kind_t;

typedef struct _frames_error_t {
    frames_error_kind_t kind;
    int result;       // the negative MEM_E* value that the call returned
    mem_pa_t pa;      // the first frame at fault, or the argument; 0 where the kind has none
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

// Bytes of metadata that frames_init() needs for these banks, a multiple of 8: about 2.35 bits per
// frame. 0 when frames_init() would refuse the banks.
size_t frames_metadata_size(const mem_range_t *banks, size_t n_banks);

// Sets up an allocator with every whole frame of the banks free. Banks come in any order; those
// that overlap or touch are merged, empty ones ignored. `metadata` is aligned to 8 bytes (64 are
// better) and stays the allocator's for its life; it may lie in a bank (allocate it
// at its address then).
// MEM_EINVAL: a backwards bank, no whole frame, misaligned metadata. MEM_ERANGE: beyond 48 bits of
// address or too much memory (16 GiB). MEM_ENOMEM: too many banks or too little metadata.
int frames_init(frames_t *f, const mem_range_t *banks, size_t n_banks, void *metadata, size_t size);

// Keeps every frame that [pa, pa + size) touches out of use permanently, under a name that must
// outlive the allocator. Parts outside the banks are recorded but not counted. Touching regions of
// the same name become one.
// FRAMES_WRONG_COUNT, FRAMES_NO_NAME, FRAMES_TOO_HIGH, FRAMES_IN_USE, FRAMES_RESERVED, FRAMES_TABLE_FULL. `why` may be
// NULL, here and below.
int frames_reserve(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why);

// The same for sources that may overlap: what other regions have already stays theirs, and the
// rest is reserved.
int frames_reserve_rest(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why);

// Allocates `count` contiguous frames; `req` NULL asks for any.
// FRAMES_WRONG_COUNT, FRAMES_BAD_ALIGN, FRAMES_NONE_FREE. With `at` also FRAMES_MISALIGNED, FRAMES_NOT_BELOW, and for
// the first frame that is not free FRAMES_NEVER_MANAGED, FRAMES_RESERVED or FRAMES_IN_USE.
int frames_alloc(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa, frames_error_t *why);

// Allocates the longest run there is, but at most `max_count` frames, from a 2 MiB boundary where
// the length allows it. Returns its length, 0 when there is nothing.
size_t frames_alloc_some(frames_t *f, size_t max_count, mem_pa_t *pa);

// Gives back frames that are in use: all of the range or, on error, none of it. The range need not
// be one that frames_alloc() returned: parts and neighbours may be freed together.
// FRAMES_MISALIGNED, FRAMES_WRONG_COUNT, FRAMES_NEVER_MANAGED, FRAMES_RESERVED, FRAMES_ALREADY_FREE.
int frames_free(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why);

// The state of the frame that contains `pa`. `name`, if not NULL, is set to its region's or NULL.
frames_state_t frames_state(const frames_t *f, mem_pa_t pa, const char **name);

// The counters alone, at once: frames in all banks, of those in use, and those that can be allocated.
size_t frames_total(const frames_t *f);
size_t frames_used(const frames_t *f);
size_t frames_available(const frames_t *f);

// Bank `i`, counted from 0 by ascending addresses, in whole frames. False when there are not so many.
bool frames_bank(const frames_t *f, size_t i, mem_range_t *bank);

// The counters, the free chunks and the longest free run: takes a walk over the blocks.
void frames_stats(const frames_t *f, frames_stats_t *s);

// The longest free run in frames, or `enough` as soon as there is one of at least that length.
size_t frames_largest_run(const frames_t *f, size_t enough);

// The next run of frames of one state (and one region) at or after `from`, over all banks: for
// pictures and listings. Starts at `from` when that lies within a run. False at the end.
bool frames_next_run(const frames_t *f, mem_pa_t from, frames_run_t *run);

// Verifies every invariant of the metadata, reading all of it. Returns how many are broken.
unsigned frames_check(const frames_t *f);

#endif // MODULES_MEMORY_CORE_FRAMES_FRAMES_H
