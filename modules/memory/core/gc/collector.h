// SPDX-License-Identifier: MIT
// The blocks of a garbage-collected heap: areas, allocation, marking and sweeping. It knows nothing of objects: the
// caller tells where roots are, and runs finalisers.
//
// Area       a run of memory: a table of groups, then a pool of blocks of COLLECTOR_BLOCK bytes.
// Group      six words of the table, one bit of each for each of 64 blocks. Marking, sweeping and searching pass 64
//            blocks at a time where nothing is to be done.
// Chunk      64 groups. Where it is known that none of their blocks is free, a search passes them at once.
// Chain      the blocks of one allocation: a head, then tails (used, and no head).
// Flags      COLLECTOR_FINAL: the finaliser is called before the chain is freed. COLLECTOR_PLAIN: it holds no pointers
//            and is not scanned. Both are of the chain, given when it is allocated, and kept when it is resized.
//
// What is scanned is every aligned word of a chain without COLLECTOR_PLAIN; a word that is the address of a head keeps
// its chain. A collection is collector_begin(), any number of collector_mark*(), collector_trace(),
// collector_finalise(), collector_sweep(). Nothing may be allocated from the first to the last; finalisers may free.
// Nothing here allocates, locks or prints. The table is trusted; collector_check() tells whether it can be.

#ifndef MODULES_MEMORY_CORE_GC_COLLECTOR_H
#define MODULES_MEMORY_CORE_GC_COLLECTOR_H

#include "core/mem_types.h"

#define COLLECTOR_BLOCK_SHIFT (6)
#define COLLECTOR_BLOCK ((size_t)1 << COLLECTOR_BLOCK_SHIFT) // bytes
#define COLLECTOR_AREAS (32)            // areas at most
#define COLLECTOR_SIZES (24)            // lengths of runs that have a hint
#define COLLECTOR_NONE ((size_t)-1)     // no block

#define COLLECTOR_FINAL (1u)
#define COLLECTOR_PLAIN (2u)

// Bit n of each word: block n of the group.
typedef struct _collector_group_t {
    uint64_t used;          // head or tail; also what the last group has not
    uint64_t head;
    uint64_t mark;          // during a collection: heads that were reached
    uint64_t grey;          // of these, those that are still to be scanned and had no room on the mark stack
    uint64_t final;         // heads with COLLECTOR_FINAL
    uint64_t plain;         // heads with COLLECTOR_PLAIN
} collector_group_t;

// Private but for pool, blocks, memory and size.
typedef struct _collector_area_t {
    collector_group_t *group;
    uint64_t *full;         // bit n: chunk n has no free block; behind the groups
    uintptr_t pool;         // address of block 0
    size_t blocks;
    size_t top;             // the blocks from here on are free
    size_t finals;          // chains with COLLECTOR_FINAL
    void *memory;           // what collector_add() was given
    size_t size;
    size_t grey_low, grey_end; // groups that may have grey heads: [grey_low, grey_end)
    // No run of collector_hint_length(i) or more free blocks starts below hint[i].
    uint32_t hint[COLLECTOR_SIZES];
} collector_area_t;

// Is told of a word.
typedef void collector_seen_t(uintptr_t word);

// What a heap is made of. All 0 but for the mark stack: no area.
typedef struct _collector_t {
    uintptr_t low, span;    // all pools and what is watched are in [low, low + span)
    collector_area_t *last; // where the last pointer was found
    collector_area_t *single; // those before it have no free block
    collector_group_t *open; // of which collector_alloc_one() takes blocks, all below `top` of its area
    uintptr_t open_start;   // address of its block 0
    collector_area_t *open_area; // where it is
    collector_group_t no_group; // all used: `open` where no group is
    size_t count;
    uintptr_t *stack;       // of marking, the caller's
    size_t room;            // words of it
    size_t depth;           // words in use
    collector_area_t area[COLLECTOR_AREAS];
    uintptr_t watch_low, watch_end; // of collector_watch()
    collector_seen_t *seen;
} collector_t;

// Runs the finaliser of a chain that was not reached. False: it did not, and the chain keeps COLLECTOR_FINAL. What it
// marks stays, if collector_trace() follows.
typedef bool collector_finaliser_t(void *start);

// --- areas ---

// No area; `stack` has room for `words` words, two at least.
void collector_init(collector_t *c, uintptr_t *stack, size_t words);

// Bytes that an area needs to have `blocks` blocks.
size_t collector_area_size(size_t blocks);

// Makes an area of [memory, memory + size), which is aligned to COLLECTOR_BLOCK and stays the caller's. NULL: there are
// COLLECTOR_AREAS, or no block fits.
collector_area_t *collector_add(collector_t *c, void *memory, size_t size);

// Forgets an area with all that is in it. Those after it move down in c->area.
void collector_remove(collector_t *c, collector_area_t *area);

// True: it has no chain. One that chains were freed from by collector_free() may be told to have some.
bool collector_is_empty(const collector_area_t *area);

// --- chains ---

// The head of a run of `blocks` (not 0) free blocks, now a chain with these flags; not cleared. NULL: there is none.
void *collector_alloc(collector_t *c, size_t blocks, unsigned flags);

// The same for one block, the most frequent request, where the last one was found. NULL: collector_alloc() looks
// further.
static inline void *collector_alloc_one(collector_t *c, unsigned flags) {
    collector_group_t *group = c->open;
    uint64_t used = group->used;
    if (used == UINT64_MAX) {
        return NULL;
    }
    uint64_t bit = ~used & (used + 1); // the lowest that is not set
    group->used = used | bit;
    group->head |= bit;
    if (flags & COLLECTOR_FINAL) {
        group->final |= bit;
        c->open_area->finals += 1;
    }
    if (flags & COLLECTOR_PLAIN) {
        group->plain |= bit;
    }
    return (void *)(c->open_start + ((uintptr_t)__builtin_ctzll(bit) << COLLECTOR_BLOCK_SHIFT));
}

// Frees a chain without its finaliser. False: no chain starts there.
bool collector_free(collector_t *c, void *start);

// Blocks of the chain that starts there; 0: none does.
size_t collector_length(collector_t *c, const void *start);

// Its flags; 0 also where no chain starts.
unsigned collector_flags(collector_t *c, const void *start);

// Makes a chain longer or shorter where it is. False: what follows is in use, and nothing has changed.
bool collector_resize(collector_t *c, void *start, size_t blocks);

// The chain with COLLECTOR_FINAL that follows `start` in the order of areas and addresses, NULL after the last; the
// first for NULL.
void *collector_next_final(collector_t *c, const void *start);

// --- a collection ---

// Marking tells `seen` of each word of [low, end), where no area is, from now on; nothing when end is not above low.
void collector_watch(collector_t *c, uintptr_t low, uintptr_t end, collector_seen_t *seen);

void collector_begin(collector_t *c);

// Marks the chains whose heads `count` words point to: roots.
void collector_mark(collector_t *c, const uintptr_t *words, size_t count);

// The same, where pointers into a chain keep it as well, unless it has COLLECTOR_FINAL.
void collector_mark_inside(collector_t *c, const uintptr_t *words, size_t count);

// Marks all that can be reached from the roots.
void collector_trace(collector_t *c);

// Calls the finaliser of all chains that were not reached and have one.
void collector_finalise(collector_t *c, collector_finaliser_t *finaliser);

// Frees what was not reached.
void collector_sweep(collector_t *c);

// --- what there is ---

// Blocks, but for `chains`, `singles` and `doubles`, which count chains of any length, one block and two.
typedef struct _collector_stats_t {
    size_t total, used, free;
    size_t longest, longest_free;   // chain, run of free blocks
    size_t chains, singles, doubles;
} collector_stats_t;

// Blocks of an area that belong together: a chain, or free ones.
typedef struct _collector_run_t {
    size_t block, length;
    bool is_free;
} collector_run_t;

// Makes *run, all 0 at first, the next run of the area. False: there is none. Ends also where the table is damaged.
bool collector_next_run(const collector_area_t *area, collector_run_t *run);

// How many of `count` blocks from `block` on are used.
size_t collector_used(const collector_area_t *area, size_t block, size_t count);

// Adds what is in the area; `longest` and `longest_free` become the larger of both.
void collector_area_stats(const collector_area_t *area, collector_stats_t *stats);

// What a block is.
typedef enum {
    COLLECTOR_FREE,
    COLLECTOR_HEAD,
    COLLECTOR_TAIL,
} collector_kind_t;

collector_kind_t collector_kind(const collector_area_t *area, size_t block);

// How many blocks from `block` on are free, as far as `most`.
size_t collector_free_from(const collector_area_t *area, size_t block, size_t most);

// --- damage ---

typedef enum {
    COLLECTOR_DAMAGE_NONE,
    COLLECTOR_DAMAGE_HEAD,  // a head that is not used
    COLLECTOR_DAMAGE_TAIL,  // a tail behind a free block, or at the start
    COLLECTOR_DAMAGE_MARK,  // a mark that a collection left
    COLLECTOR_DAMAGE_FLAGS, // flags of what is no head
    COLLECTOR_DAMAGE_END,   // a block in use above the highest, or what the area has not is free
    COLLECTOR_DAMAGE_COUNT, // the number of chains with COLLECTOR_FINAL
    COLLECTOR_DAMAGE_HINT,  // a free run below its hint
} collector_damage_kind_t;

typedef struct _collector_damage_t {
    collector_damage_kind_t kind;
    uint64_t address;       // of the first block, or of the pool
} collector_damage_t;

// How many rules are broken, in groups and areas, between collections; *first (may be NULL) is the first one. Reads the
// tables only. `stop` may be NULL.
unsigned collector_check(const collector_t *c, collector_damage_t *first, mem_stop_t stop);

const char *collector_damage_text(collector_damage_kind_t kind);

#endif // MODULES_MEMORY_CORE_GC_COLLECTOR_H
