// SPDX-License-Identifier: MIT
// A heap inside one region of memory: two-level segregated fit (TLSF), constant time, with checked headers.
//
// Block      8-byte header {size, alignment, flags; checksum} + payload. Payloads are 16-byte aligned.
// Checksum   over the block's address, its header word and the heap's secret: a header that was written over,
//            copied or moved does not match. Every header and link is verified before it is used or changed.
// Bins       32 per power of two; the lists are 32-bit offsets, their heads at the start of the region.
//
// Every function that fails leaves the heap, and the block it was given, exactly as before. Nothing here
// allocates, locks or prints; heap_t and the region belong to the caller. heap_t itself is trusted.
// Not safe against concurrent use, and damage to a payload of a live block cannot be seen.

#ifndef MODULES_MEMORY_CORE_HEAP_HEAP_H
#define MODULES_MEMORY_CORE_HEAP_HEAP_H

#include "core/mem_types.h"

#define HEAP_ALIGN ((size_t)16)             // smallest alignment, and what an align of 0 means
#define HEAP_ALIGN_MAX ((size_t)512 << 10)  // largest alignment a block remembers
#define HEAP_SIZE_MIN ((size_t)512)         // smallest and largest region of one heap, in bytes
#define HEAP_SIZE_MAX ((size_t)1 << 30)
#define HEAP_HEADER_SIZE ((size_t)8)        // cost of each block beyond its usable size
#define HEAP_ROWS_MAX (22)                  // powers of two between a granule and HEAP_SIZE_MAX
#define HEAP_BINS (32)                      // bins per row
#define HEAP_MAP_BITS (64)                  // bins per word of the map of bins
#define HEAP_MAP_WORDS (HEAP_ROWS_MAX * HEAP_BINS / HEAP_MAP_BITS)

// Why a call failed. heap_error_text() has the words.
typedef enum {
    HEAP_OK,
    HEAP_FULL,           // no free block is large enough now                       (MEM_ENOMEM)
    HEAP_TOO_LARGE,      // larger than the empty heap                              (MEM_ENOMEM)
    HEAP_ZERO_SIZE,      // a size of 0                                             (MEM_EINVAL)
    HEAP_BAD_ALIGNMENT,  // not a power of two, or above HEAP_ALIGN_MAX             (MEM_EINVAL)
    HEAP_OUTSIDE,        // the pointer is not inside this heap (NULL included)     (MEM_ERANGE)
    HEAP_NOT_A_BLOCK,    // inside, but no block begins there                       (MEM_EINVAL)
    HEAP_DOUBLE_FREE,    // the block there was freed already                       (MEM_EALREADY)
    HEAP_DAMAGED,        // a header, link or list was written over                 (MEM_EFAULT)
} heap_error_kind_t;

typedef struct _heap_error_t {
    heap_error_kind_t kind;
    int result;        // the negative errno above; MEM_OK on success
    uint64_t address;  // the pointer given; for HEAP_DAMAGED what heap_check names first; else 0
    uint64_t value;    // the size or the alignment refused; for HEAP_FULL the size asked for
} heap_error_t;

// One heap. Private: use the functions. 192 bytes at most, so that a binding can embed it.
typedef struct _heap_t {
    uintptr_t base;        // the region, [base, base + size)
    size_t size;
    uintptr_t first;       // payload address of the first block
    uintptr_t end;         // payload address of the end mark: a used block without a payload
    size_t span;           // end - first
    uint32_t secret;
    uint32_t live_blocks;  // not beside free_blocks: both would be loaded at once, right after one was stored
    uint32_t free_blocks;
    uint32_t rows;         // rows of bins this heap needs
    uint32_t word_map;     // bit w > 0: word w of bin_map is not 0
    uint64_t bin_map[HEAP_MAP_WORDS];  // bit b of word w: bin 64 * w + b holds a block
    size_t used;           // usable bytes of live blocks
    size_t peak_used;
} heap_t;

_Static_assert(sizeof(heap_t) <= 192, "heap_t is embedded by its owners");

// used + free + overhead = size, at any time. All in bytes but live_blocks and free_blocks.
typedef struct _heap_stats_t {
    size_t size;          // of the region
    size_t used;          // usable bytes of live blocks
    size_t free;          // usable bytes of free blocks
    size_t overhead;      // bin heads, headers, end mark
    size_t live_blocks;
    size_t free_blocks;
    size_t largest_free;  // the largest request (at HEAP_ALIGN) that would succeed; a free block may be 1/32 larger
    size_t peak_used;     // highest `used` since heap_init
} heap_stats_t;

// What heap_check found first.
typedef enum {
    HEAP_DAMAGE_NONE,
    HEAP_DAMAGE_HEADER,    // checksum, size or bounds of a header are wrong; what follows it cannot be walked
    HEAP_DAMAGE_FLAGS,     // a block and its neighbour disagree about which of them is free
    HEAP_DAMAGE_FOOTER,    // the size at the end of a free block is not the one in its header
    HEAP_DAMAGE_LINKS,     // a free block's neighbours in its list are not its neighbours
    HEAP_DAMAGE_BINS,      // the head of a list is wrong, or a free block is in no list
    HEAP_DAMAGE_COUNTERS,  // the blocks do not add up to the counters
} heap_damage_kind_t;

typedef struct _heap_damage_t {
    heap_damage_kind_t kind;
    uint64_t address;   // payload address of the first bad block; 0 when no single block is to blame
    uint64_t previous;  // payload address of the block before it (the usual overrun suspect); 0 if none or unknown
} heap_damage_t;

// One block in address order, and the cursor of heap_next. Start with all zero.
typedef struct _heap_block_t {
    uint64_t address;  // of the payload
    size_t size;       // usable bytes
    bool used;
} heap_block_t;

// Takes [base, base + size) and makes it one free block. base must be aligned to HEAP_ALIGN; size is rounded down
// to it. `secret` is mixed into every checksum: any value, best unpredictable.
// MEM_EINVAL: base misaligned or NULL, size below HEAP_SIZE_MIN, or wrap-around. MEM_ERANGE: above HEAP_SIZE_MAX.
int heap_init(heap_t *h, void *base, size_t size, uint32_t secret);

// A block of at least `size` usable bytes whose address is a multiple of `align` (0 = HEAP_ALIGN; smaller values are
// raised to it). The content is undefined. NULL on failure, with the reason in *error. `error` may be NULL everywhere.
// HEAP_FULL, HEAP_TOO_LARGE, HEAP_ZERO_SIZE, HEAP_BAD_ALIGNMENT, HEAP_DAMAGED.
// Constant time: up to 4 free blocks are looked at for a close fit, then a list is taken in which every block fits.
// So with more than 4 unfit ones a request can be refused though a block within 1/32 of it (more, with a large
// alignment) would have served.
void *heap_alloc(heap_t *h, size_t size, size_t align, heap_error_t *error);

// Gives a block back and merges it with free neighbours. Returns error->result.
// HEAP_OUTSIDE, HEAP_NOT_A_BLOCK, HEAP_DOUBLE_FREE, HEAP_DAMAGED.
// Constant time, also for a pointer into the middle of a block: up to 1,024 granules before it and 1,024 blocks from
// the first are looked at, to tell it from a damaged block. (One that is farther from both is HEAP_NOT_A_BLOCK.) A
// damaged heap is walked for the block to name.
int heap_free(heap_t *h, void *p, heap_error_t *error);

// Changes the usable size to at least `size`, keeping content (up to the smaller size) and the alignment the block
// was allocated with. In place where it can be, then by growing into a free neighbour before the block (moves), then
// by a new block. NULL on failure: the old block is untouched and still live. Does not accept NULL as "allocate".
void *heap_realloc(heap_t *h, void *p, size_t size, heap_error_t *error);

// Usable bytes of a live block; 0 when p is not one.
size_t heap_usable_size(const heap_t *h, const void *p);

// True when p lies in the heap's region: says nothing about what is there.
bool heap_contains(const heap_t *h, const void *p);

// Constant time.
void heap_stats(const heap_t *h, heap_stats_t *stats);

// Walks every block and every list and returns the number of broken invariants, 0 for a healthy heap. Survives any
// damage inside the region: bounds are checked before each access and steps are counted. `first` may be NULL.
unsigned heap_check(const heap_t *h, heap_damage_t *first);

// The same; `stop` is asked once a block.
unsigned heap_check_until(const heap_t *h, heap_damage_t *first, mem_stop_t stop);

// Steps to the next block. False at the end, at damage (ask heap_check), or when the cursor's block is gone.
bool heap_next(const heap_t *h, heap_block_t *cursor);

// A few words for people: "freed already". Never NULL.
const char *heap_error_text(heap_error_kind_t kind);
const char *heap_damage_text(heap_damage_kind_t kind);

#endif // MODULES_MEMORY_CORE_HEAP_HEAP_H
