// SPDX-License-Identifier: MIT
// Block states, the block index, frame numbers and hints of the frame allocator: shared by frames*.c only.
//
// Frames are counted by "frame numbers": block number * 512 + index, without the holes of physical
// memory. NOT_FOUND is none of them.

#ifndef MODULES_MEMORY_CORE_FRAMES_FRAMES_PRIVATE_H
#define MODULES_MEMORY_CORE_FRAMES_FRAMES_PRIVATE_H

#include "frames.h"
#include "frames_bits.h"

// Keeps what is rarely needed, and its registers, out of the way of what is always needed.
#define NOINLINE __attribute__((noinline))

#define NOT_FOUND (SIZE_MAX)
#define BLOCK_WORDS (8)

// Once one block in FRAMES_PLENTY is free as a whole, no runs are tracked above the DMA zone: any request fits there.
// With fewer of them, so many blocks for each may stay untracked.
#define FRAMES_PLENTY (3)
#define FRAMES_UNTRACKED_PER_WHOLE (4)

// So many blocks without a chunk of the order that an index lists them for are looked at in one search, twice as many
// for a chunk of up to 32 frames before that, and fewer where the runs tell which block has one.
#define FRAMES_MOST_MISSES (6)
#define FRAMES_MOST_MISSES_TRACKED (1)

// A block's state: bits 0-7 words with a free frame, 8-15 words all free, 16-25 indexes it is in,
// 26 all its frames are managed (which spares frees the look at that map), 27-31 its floor, less one: a free run of at
// most so many frames holds no chunk of an order that the block is not known to have, and is no longer than those noted
// of it.
#define STATE_ANY(word) ((uint32_t)1 << (word))
#define STATE_ALL(word) ((uint32_t)0x100 << (word))
#define STATE_ANY_MASK ((uint32_t)0xff)
#define STATE_ALL_MASK ((uint32_t)0xff00)
#define STATE_INDEX_SHIFT (16)
#define STATE_INDEX(index) ((uint32_t)1 << (STATE_INDEX_SHIFT + (index)))
#define STATE_PARTIAL STATE_INDEX(FRAMES_INDEX_PARTIAL)
#define STATE_ORDERS ((uint32_t)0x1fe << STATE_INDEX_SHIFT)
#define STATE_WHOLE STATE_INDEX(FRAMES_INDEX_WHOLE)
#define STATE_INDEXES ((uint32_t)0x3ff << STATE_INDEX_SHIFT)
#define STATE_MANAGED ((uint32_t)1 << 26)
#define STATE_FLOOR_SHIFT (27)
#define STATE_FLOOR_MASK ((uint32_t)0x1f << STATE_FLOOR_SHIFT)
#define STATE_FREE_BLOCK (STATE_ANY_MASK | STATE_ALL_MASK | STATE_WHOLE | STATE_MANAGED)

_Static_assert(FRAMES_MAX_BLOCKS * BLOCK_WORDS - 1 <= UINT16_MAX, "a hint has room for the number of any word");

// The index bits of orders 1 to 5 for the aligned free chunks of `word` around bit `bit`.
static inline uint32_t orders_around(uint64_t word, unsigned bit) {
    return ((((uint32_t)2 << order_around(word, bit)) - 2) & 0x3e) << STATE_INDEX_SHIFT;
}

// The index bits of orders 1 to 5 for all aligned free chunks of `word`.
static inline uint32_t orders_of_word(uint64_t word) {
    uint32_t found = 0;
    for (unsigned order = 1; order <= 5 && word != 0; ++order) {
        word = merge_chunks(word, order);
        found |= (uint32_t)(word != 0) << order;
    }
    return found << STATE_INDEX_SHIFT;
}

// Of the words that are all free (bits 0 to 7), those at which an aligned chunk of order 6, 7 or 8
// starts.
static inline uint32_t chunks_of_words(uint32_t state, unsigned order) {
    uint32_t all = (state & STATE_ALL_MASK) >> 8;
    if (order >= 7) {
        all &= all >> 1 & 0x55;
    }
    if (order >= 8) {
        all &= all >> 2 & 0x11;
    }
    return all;
}

// The index bits of order 6 to 8 and of what lies within words that are all free.
static inline uint32_t orders_of_block(uint32_t state) {
    uint32_t found = (state & STATE_ALL_MASK) != 0 ? 0x7e : 0;
    for (unsigned order = 7; order <= 8; ++order) {
        found |= (uint32_t)(chunks_of_words(state, order) != 0) << order;
    }
    return found << STATE_INDEX_SHIFT;
}

// The floor of an untracked block, for its state: by the orders that it is known to have.
static inline uint32_t orders_floor(uint32_t state) {
    unsigned missing = lowest_bit(~(state >> (STATE_INDEX_SHIFT + 1)) | 0x10);
    return (uint32_t)(((uint32_t)2 << missing) - 2) << STATE_FLOOR_SHIFT;
}

// Sets the bit of the group of a block in the summary word of an index.
static inline void top_set(frames_t *f, unsigned index, size_t block) {
    f->top[index][block / 4096] |= (uint64_t)1 << (block / 64 % 64);
}

// Enters a block into an index, or takes it out. The summary word gets a bit with the first block of a group, and keeps
// it when the last block leaves: a search clears it.
static inline void index_flip(frames_t *f, unsigned index, size_t block) {
    uint64_t *word = &f->index[index][block / 64];
    if (*word == 0) {
        top_set(f, index, block);
    }
    *word ^= (uint64_t)1 << (block % 64);
    if (index == FRAMES_INDEX_WHOLE && block >= f->dma_blocks) {
        f->whole += *word >> (block % 64) & 1 ? 1 : UINT32_MAX;
    }
}

// Takes a block out of the index of partly free blocks if it is `gone`, without a branch.
static inline void leave_partial(frames_t *f, size_t block, bool gone) {
    f->index[FRAMES_INDEX_PARTIAL][block / 64] &= ~((uint64_t)gone << (block % 64));
}

// Enters a block into the index of partly free blocks, without a branch.
static inline void enter_partial(frames_t *f, size_t block) {
    f->index[FRAMES_INDEX_PARTIAL][block / 64] |= (uint64_t)1 << (block % 64);
    top_set(f, FRAMES_INDEX_PARTIAL, block);
}

// Word `i` of a partly free block, whose state was `state`, has come down to `left`. The orders that it has lost stay
// until a search misses them. Whether this frame uses up a word or a block is unpredictable, so this is branch-free.
static inline void update_after_take(frames_t *f, size_t block, uint32_t state, size_t i, uint64_t left) {
    state &= ~(STATE_ALL(i) | (uint32_t)(left == 0) << i);
    bool gone = (state & STATE_ANY_MASK) == 0;
    f->states[block] = state & ~(gone ? STATE_PARTIAL : 0);
    leave_partial(f, block, gone);
}

// Writes a block's state and brings the indexes in line with it.
static inline void state_write(frames_t *f, size_t block, uint32_t state) {
    uint32_t changed = (f->states[block] ^ state) & STATE_INDEXES;
    f->states[block] = state;
    for (; changed != 0; changed &= changed - 1) {
        index_flip(f, lowest_bit(changed) - STATE_INDEX_SHIFT, block);
    }
}

// The lowest partly free block >= `from`, which is a block, or NOT_FOUND.
static inline size_t next_partial(frames_t *f, size_t from) {
    uint64_t mask = ALL_FREE << (from / 64 % 64);
    for (size_t word = from / 4096; word < FRAMES_TOP_WORDS; ++word, mask = ALL_FREE) {
        for (uint64_t groups = f->top[FRAMES_INDEX_PARTIAL][word] & mask; groups != 0; groups &= groups - 1) {
            size_t group = word * 64 + lowest_bit(groups);
            uint64_t blocks = f->index[FRAMES_INDEX_PARTIAL][group];
            if (blocks == 0) {
                f->top[FRAMES_INDEX_PARTIAL][word] ^= groups & -groups;
            }
            blocks &= ALL_FREE << (from > group * 64 ? from - group * 64 : 0);
            if (blocks != 0) {
                return group * 64 + lowest_bit(blocks);
            }
        }
    }
    return NOT_FOUND;
}

// The frame number of the frame that contains `pa`; false when that is in no extent.
static inline bool frame_of_pa(const frames_t *f, mem_pa_t pa, size_t *frame) {
    size_t i = 0;
    do {
        const frames_extent_t *extent = &f->extents[i];
        if (pa - extent->base < extent->size) {
            *frame = extent->first_frame + (size_t)((pa - extent->base) >> MEM_PAGE_SHIFT);
            return true;
        }
    } while (++i < f->n_extents);
    return false;
}

// The extent of a frame number that frame_of_pa() or a search gave.
static inline const frames_extent_t *extent_of_frame(const frames_t *f, size_t frame) {
    const frames_extent_t *extent = &f->extents[f->n_extents - 1];
    while (frame < extent->first_frame) {
        --extent;
    }
    return extent;
}

static inline mem_pa_t pa_of_frame(const frames_t *f, size_t frame) {
    const frames_extent_t *extent = extent_of_frame(f, frame);
    return extent->base + ((mem_pa_t)(frame - extent->first_frame) << MEM_PAGE_SHIFT);
}

// A word of a map by its number.
static inline uint64_t *word_at(frames_block_t *map, size_t word) {
    return &map[word / BLOCK_WORDS].word[word % BLOCK_WORDS];
}

// The word of a map that a frame is in.
static inline uint64_t *word_of_frame(frames_block_t *map, size_t frame) {
    return word_at(map, frame / WORD_FRAMES);
}

// Whether the run around a frame, which comes free, may be longer than the floor of the block: it is, or it reaches an
// end of its word. False in nearly every case, without branches.
static inline bool exceeds_floor(const frames_t *f, size_t frame) {
    uint64_t used = ~*word_of_frame(f->free_map, frame);
    unsigned bit = frame % WORD_FRAMES;
    uint64_t above = used >> bit >> 1 | (uint64_t)1 << 63;
    uint64_t below = used << (63 - bit) << 1 | 1;
    return lowest_bit(above) + 63 - highest_bit(below) > f->states[frame / FRAMES_PER_BLOCK] >> STATE_FLOOR_SHIFT;
}

// Whether a block starts at `frame` of which all frames are free, or all in use, by its state alone.
static inline bool is_whole_block(const frames_t *f, size_t frame, bool free) {
    uint32_t state = f->states[frame / FRAMES_PER_BLOCK];
    bool whole = free ? (state & STATE_WHOLE) != 0 : (state & (STATE_ANY_MASK | STATE_MANAGED)) == STATE_MANAGED;
    return whole && frame % FRAMES_PER_BLOCK == 0;
}

// The hints for chunks of `count` frames, a power of two from 2 to 32.
static inline frames_recent_t *recent_chunks(frames_t *f, size_t count) {
    return &f->recent[lowest_bit(count) - 1];
}

// Hints that a word has such a chunk.
static inline void push_recent(frames_t *f, size_t count, size_t word) {
    frames_recent_t *recent = recent_chunks(f, count);
    recent->n += recent->n < FRAMES_RECENT_WORDS;
    recent->word[recent->n - 1] = (uint16_t)word;
}

// Notes where an aligned chunk of `count` frames, a power of two, has come back, if it is where the frames in use would
// be if they were all together, or a little beyond: what is further away is to run empty.
static inline void note_recent(frames_t *f, size_t frame, size_t count) {
    if ((count - 2 <= 30) & (frame - f->dma_blocks * FRAMES_PER_BLOCK < f->used + f->used / 16)) {
        push_recent(f, count, frame / WORD_FRAMES);
    }
}

// --- frames_map.c ---

// Copies `error`, with the result of its kind, to *why (if there is one). Returns that result.
int frames_fail(frames_error_t *why, frames_error_t error);

// The lowest frame number whose frame does not end by `limit`: all lower ones do.
size_t frames_below(const frames_t *f, mem_pa_t limit);

// The state of a block by its words, in the indexes of all orders that it has chunks of.
uint32_t frames_state_by_words(const frames_t *f, size_t block);

// Makes a block free as a whole, or all of it not free; it was in the opposite state.
void frames_put_whole_block(frames_t *f, size_t block, bool free);

// Makes `count` frames free or not free in words, states and indexes. Counts nothing.
void frames_put_run(frames_t *f, size_t frame, size_t count, bool free);

// How many frames from `frame` on are all free, or all in use, up to `count`.
size_t frames_same_state(const frames_t *f, size_t frame, size_t count, bool free);

// --- frames_runs.c ---

// The runs of a block by its words. `floor`, for the state of a block, by its runs and the orders it is known to have.
frames_runs_t frames_runs_by_words(const frames_t *f, size_t block);
uint32_t frames_runs_floor(const frames_t *f, size_t block, uint32_t state);

// Whether a frame in use, once it is free, completes nothing that its block is not noted for already, and no run that
// may begin in the block before.
bool frames_runs_is_noted(const frames_t *f, size_t frame);

// Brings what is noted of the runs in line with the words: after a change of these frames; after a chunk within a word
// of a tracked block came free, which makes nothing shorter.
void frames_runs_changed(frames_t *f, size_t frame, size_t count);
void frames_runs_freed(frames_t *f, size_t frame);

// Tracks as many blocks as it takes now that blocks have become, or are no longer, free as a whole.
void frames_runs_settle(frames_t *f);

// The lowest tracked block in [from, to) in which a run of `count` frames starts at a frame number divisible by 2^k,
// k <= 8, 2^k <= count; or NOT_FOUND. Does not know of blocks that are free as a whole.
size_t frames_runs_find(frames_t *f, unsigned k, size_t count, size_t from, size_t to);

// How many of these invariants are broken.
unsigned frames_runs_check(const frames_t *f);

// --- frames_regions.c ---

// The region that contains `pa`, or NULL.
const frames_region_t *frames_find_region(const frames_t *f, mem_pa_t pa);

// --- frames_search.c ---

// Takes an aligned chunk of `count` frames, a power of two from 2 to 32, out of the partly free blocks above the DMA
// zone: where one has come back lately, else the lowest there is. False when they have none.
bool frames_take_chunk(frames_t *f, size_t count, mem_pa_t *pa);

// The lowest block >= `from`, which is a block, that is free as a whole; or NOT_FOUND.
size_t frames_next_whole_block(frames_t *f, size_t from);

// Searches frames [lo, hi) for `count` free ones aligned to `align` frames of physical address.
// Returns the frame number, the lowest that the order of preference (partly free blocks, whole blocks,
// runs over blocks) gives, or NOT_FOUND, which means that there are none. `lo` is a block's first
// frame. It changes nothing but the index, where that lists partly free blocks for chunks that they have lost.
size_t frames_search(frames_t *f, size_t count, size_t align, size_t lo, size_t hi);

#endif // MODULES_MEMORY_CORE_FRAMES_FRAMES_PRIVATE_H
