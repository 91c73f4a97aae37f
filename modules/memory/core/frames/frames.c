// SPDX-License-Identifier: MIT
// The frame allocator: allocating and freeing. The contract is in frames.h.

#include "frames_private.h"

// Sets or clears the bits of frames of one block.
static void put_bits(frames_t *f, size_t frame, size_t count, bool free) {
    uint64_t *words = f->free_map[frame / FRAMES_PER_BLOCK].word;
    size_t at = frame % FRAMES_PER_BLOCK;
    for (size_t left = count; left > 0;) {
        size_t bit = at % WORD_FRAMES;
        size_t n = smaller(left, WORD_FRAMES - bit);
        uint64_t mask = ones((unsigned)bit, (unsigned)n);
        uint64_t *word = &words[at / WORD_FRAMES];
        *word = free ? *word | mask : *word & ~mask;
        at += n;
        left -= n;
    }
}

static void put_block(frames_block_t *block, bool free) {
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        block->word[i] = free ? ALL_FREE : 0;
    }
}

// Makes a block free as a whole, or all of it not free; it was the contrary.
static void put_whole_block(frames_t *f, size_t block, bool free) {
    put_block(&f->free_map[block], free);
    state_write(f, block, free ? STATE_WHOLE : f->states[block] & STATE_MANAGED);
}

void frames_put_run(frames_t *f, size_t frame, size_t count, bool free) {
    while (count > 0) {
        size_t block = frame / FRAMES_PER_BLOCK;
        size_t n = smaller(count, FRAMES_PER_BLOCK - frame % FRAMES_PER_BLOCK);
        note_low(f, block);
        if (n == FRAMES_PER_BLOCK) {
            put_whole_block(f, block, free);
        } else {
            put_bits(f, frame, n, free);
            state_write(f, block, frames_state_by_words(f, block));
        }
        frame += n;
        count -= n;
    }
}

// Takes frames of one word without looking at the rest of the block.
static inline void take_in_word(frames_t *f, size_t frame, uint64_t mask) {
    size_t block = frame / FRAMES_PER_BLOCK;
    uint64_t *word = word_of_frame(f->free_map, frame);
    uint32_t state = f->states[block];
    if (state & STATE_FULL) {
        state ^= STATE_FULL | STATE_PARTIAL | STATE_ORDERS;
        state_write(f, block, state);
        note_low(f, block);
    }
    *word &= ~mask;
    update_after_take(f, block, state, frame / WORD_FRAMES % BLOCK_WORDS, *word);
}

// A block's state when word `i` has come to be all free.
static NOINLINE uint32_t state_with_word(uint32_t state, size_t i) {
    state |= STATE_ALL(i);
    state |= orders_of_block(state);
    return (state & STATE_ALL_MASK) == STATE_ALL_MASK ? STATE_WHOLE : state;
}

// Gives back 2^n frames aligned to 2^n, n <= 6: every piece that they complete lies around the
// first of them.
static inline void give_in_word(frames_t *f, size_t frame, uint64_t mask) {
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t i = frame / WORD_FRAMES % BLOCK_WORDS;
    uint64_t free = *word_of_frame(f->free_map, frame) |= mask;
    uint32_t state = f->states[block] | STATE_SOME(i) | STATE_PARTIAL | orders_around(free, frame % WORD_FRAMES);
    if (free == ALL_FREE) {
        state = state_with_word(state, i);
    }
    if (state != f->states[block]) {
        state_write(f, block, state);
    }
    note_low(f, block);
}

// The peak is noted when use goes down: frames_stats() knows of a higher one by `used` itself.
static inline void count_freed(frames_t *f, size_t count) {
    if (f->used > f->peak_used) {
        f->peak_used = f->used;
    }
    f->used -= count;
}

static void take(frames_t *f, size_t frame, size_t count) {
    if (frame % WORD_FRAMES + count <= WORD_FRAMES) {
        take_in_word(f, frame, ones(frame % WORD_FRAMES, (unsigned)count));
    } else {
        frames_put_run(f, frame, count, false);
    }
    f->used += count;
}

// Whether a block starts at `frame` of which all frames are free, or all in use, by its state alone.
static bool is_whole_block(const frames_t *f, size_t frame, bool free) {
    uint32_t state = f->states[frame / FRAMES_PER_BLOCK];
    bool whole = free ? (state & STATE_FULL) != 0 : (state & (STATE_SOME_MASK | STATE_MANAGED)) == STATE_MANAGED;
    return whole && frame % FRAMES_PER_BLOCK == 0;
}

size_t frames_same_state(const frames_t *f, size_t frame, size_t count, bool free) {
    size_t end = f->n_blocks * FRAMES_PER_BLOCK;
    size_t done = 0;
    count = smaller(count, end - frame);
    while (done < count) {
        if (count - done >= FRAMES_PER_BLOCK && is_whole_block(f, frame + done, free)) {
            done += FRAMES_PER_BLOCK;
            continue;
        }
        unsigned bit = (frame + done) % WORD_FRAMES;
        size_t n = smaller(count - done, WORD_FRAMES - bit);
        uint64_t wanted = *word_of_frame(f->free_map, frame + done);
        if (!free) {
            wanted = ~wanted & *word_of_frame(f->managed_map, frame + done);
        }
        uint64_t others = ~wanted & ones(bit, (unsigned)n);
        if (others != 0) {
            return done + lowest_bit(others) - bit;
        }
        done += n;
    }
    return done;
}

// Exactly these frames.
static int alloc_at(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa) {
    size_t frame;
    if (!mem_is_aligned(req->at, MEM_PAGE_SIZE) || !mem_is_aligned(req->at >> MEM_PAGE_SHIFT, req->align)) {
        return MEM_EINVAL;
    }
    if (req->below != MEM_ADDR_NONE
        && (req->at >= req->below || count > (req->below - req->at) >> MEM_PAGE_SHIFT)) {
        return MEM_ERANGE;
    }
    if (!frame_of_pa(f, req->at, &frame)) {
        return frames_find_region(f, req->at) != NULL ? MEM_EBUSY : MEM_EFAULT;
    }
    size_t free = frames_same_state(f, frame, count, true);
    if (free < count) {
        mem_pa_t first = req->at + ((mem_pa_t)free << MEM_PAGE_SHIFT);
        return frames_state(f, first, NULL) == FRAMES_STATE_UNMANAGED ? MEM_EFAULT : MEM_EBUSY;
    }
    take(f, frame, count);
    *pa = req->at;
    return MEM_OK;
}

// Anywhere below frame number `hi`, in the DMA zone only if there is nothing above it.
static size_t find(frames_t *f, size_t count, size_t align, size_t hi) {
    size_t lo = f->dma_blocks * FRAMES_PER_BLOCK;
    if (count > f->managed - f->used) {
        return NOT_FOUND;
    }
    if (lo < hi) {
        size_t frame = frames_search(f, count, align, lo, hi);
        if (frame != NOT_FOUND || lo == 0) {
            return frame;
        }
    }
    return frames_search(f, count, align, 0, hi);
}

static NOINLINE int alloc_with(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa) {
    if (count == 0 || !is_power_of_two(req->align)) {
        return MEM_EINVAL;
    }
    if (req->at != MEM_ADDR_NONE) {
        return alloc_at(f, count, req, pa);
    }
    size_t hi = f->n_blocks * FRAMES_PER_BLOCK;
    if (req->below != MEM_ADDR_NONE) {
        hi = frames_below(f, req->below);
    }
    size_t frame = find(f, count, req->align, hi);
    if (frame == NOT_FOUND) {
        return MEM_ENOMEM;
    }
    take(f, frame, count);
    *pa = pa_of_frame(f, frame);
    return MEM_OK;
}

// A request of its own.
static NOINLINE int alloc_any(frames_t *f, size_t count, mem_pa_t *pa) {
    frames_request_t any = FRAMES_REQUEST_ANY;
    return alloc_with(f, count, &any, pa);
}

// One frame, from the block that the last one came from while there is any, then from the lowest broken block.
static NOINLINE int alloc_one(frames_t *f, mem_pa_t *pa) {
    size_t block = f->cursor / BLOCK_WORDS;
    if (!(f->states[block] & STATE_PARTIAL)) {
        block = next_partial(f, f->low);
        if (block == NOT_FOUND) {
            return alloc_any(f, 1, pa);
        }
        f->low = block;
    }
    uint32_t state = f->states[block];
    size_t i = lowest_bit(state);
    uint64_t *word = &f->free_map[block].word[i];
    uint64_t before = *word;
    *word = before & (before - 1);
    update_after_take(f, block, state, i, *word);
    f->used++;
    f->cursor = block * BLOCK_WORDS + i;
    f->cursor_pa = pa_of_frame(f, f->cursor * WORD_FRAMES);
    *pa = f->cursor_pa + ((mem_pa_t)lowest_bit(before) << MEM_PAGE_SHIFT);
    return MEM_OK;
}

// A block, from the DMA zone only if there is none above it. It lies in no other place: the index knows them all.
static int alloc_block(frames_t *f, mem_pa_t *pa) {
    size_t block = frames_next_whole_block(f, f->dma_blocks);
    if (block == NOT_FOUND && f->dma_blocks != 0) {
        block = frames_next_whole_block(f, 0);
    }
    if (block == NOT_FOUND) {
        return MEM_ENOMEM;
    }
    put_whole_block(f, block, false);
    f->used += FRAMES_PER_BLOCK;
    *pa = pa_of_frame(f, block * FRAMES_PER_BLOCK);
    return MEM_OK;
}

// An aligned power of two, 2 to 32 frames or a block, most often without a search; or whatever it is.
static inline int alloc_aligned(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa) {
    if (count == req->align && (req->at & req->below) == MEM_ADDR_NONE) {
        if (count == FRAMES_PER_BLOCK) {
            return alloc_block(f, pa);
        }
        if (count - 2 <= 30 && (count & (count - 1)) == 0 && frames_take_piece(f, count, pa)) {
            return MEM_OK;
        }
    }
    return alloc_with(f, count, req, pa);
}

int frames_alloc(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa) {
    if (req != NULL) {
        return alloc_aligned(f, count, req, pa);
    }
    if (count != 1) {
        return alloc_any(f, count, pa);
    }
    // The commonest request by far. While the word that the last one came from has more than one free frame, nothing but
    // the word changes; if it is used up or whole by now, it says nothing about its block.
    uint64_t *word = word_at(f->free_map, f->cursor);
    uint64_t before = *word;
    uint64_t left = before & (before - 1);
    if (left == 0 || before == ALL_FREE) {
        return alloc_one(f, pa);
    }
    *word = left;
    f->used++;
    *pa = f->cursor_pa + ((mem_pa_t)lowest_bit(before) << MEM_PAGE_SHIFT);
    return MEM_OK;
}

size_t frames_alloc_some(frames_t *f, size_t max_count, mem_pa_t *pa) {
    size_t hi = f->n_blocks * FRAMES_PER_BLOCK;
    size_t count = frames_largest_run(f, max_count);
    size_t frame = NOT_FOUND;
    if (count == 0) {
        return 0;
    }
    if (count >= FRAMES_PER_BLOCK) {
        frame = find(f, count, FRAMES_PER_BLOCK, hi);
    }
    if (frame == NOT_FOUND) {
        frame = find(f, count, 1, hi);
    }
    take(f, frame, count);
    *pa = pa_of_frame(f, frame);
    return count;
}

// Why the frame at `pa`, the first that is not in use, cannot be freed. Those before it can.
static int refuse_free(const frames_t *f, mem_pa_t pa, bool first, frames_error_t *why) {
    const char *name;
    switch (frames_state(f, pa, &name)) {
        case FRAMES_STATE_RESERVED:
            return frames_fail(why, MEM_EBUSY, FRAMES_RESERVED, pa, name);
        case FRAMES_STATE_UNMANAGED:
            return frames_fail(why, MEM_EFAULT, FRAMES_NEVER_MANAGED, pa, NULL);
        default:
            return first ? frames_fail(why, MEM_EALREADY, FRAMES_ALREADY_FREE, pa, NULL)
                : frames_fail(why, MEM_EINVAL, FRAMES_WRONG_COUNT, pa, NULL);
    }
}

// Frees one frame in use in a block without unmanaged ones, if that completes no piece. False when it is anything else.
static inline bool free_one(frames_t *f, size_t frame) {
    size_t word = frame / WORD_FRAMES;
    size_t block = frame / FRAMES_PER_BLOCK;
    uint64_t mask = (uint64_t)1 << (frame % WORD_FRAMES);
    uint64_t *bits = word_at(f->free_map, word);
    uint32_t state = f->states[block];
    if ((*bits & mask) || !(state & STATE_MANAGED) || completes_piece(*bits | mask, frame % WORD_FRAMES, state)) {
        return false;
    }
    *bits |= mask;
    f->states[block] = state | STATE_SOME(word % BLOCK_WORDS) | STATE_PARTIAL;
    f->index[FRAMES_INDEX_PARTIAL][block / 64] |= (uint64_t)1 << (block % 64);
    note_low(f, block);
    count_freed(f, 1);
    return true;
}

// Frees an aligned power of two of frames within one word. False when it is not that or some frame
// is not in use.
static inline bool free_in_word(frames_t *f, size_t frame, size_t count) {
    if (count > WORD_FRAMES || !is_power_of_two(count) || (frame & (count - 1)) != 0) {
        return false;
    }
    uint64_t mask = ones(frame % WORD_FRAMES, (unsigned)count);
    if (mask & *word_of_frame(f->free_map, frame)) {
        return false;
    }
    if (!(f->states[frame / FRAMES_PER_BLOCK] & STATE_MANAGED) && (mask & ~*word_of_frame(f->managed_map, frame))) {
        return false;
    }
    give_in_word(f, frame, mask);
    note_recent(f, frame, count);
    count_freed(f, count);
    return true;
}

// Frees a block all of which is in use. False when it is anything else.
static NOINLINE bool free_block(frames_t *f, size_t frame, size_t count) {
    if (count != FRAMES_PER_BLOCK || !is_whole_block(f, frame, false)) {
        return false;
    }
    put_whole_block(f, frame / FRAMES_PER_BLOCK, true);
    count_freed(f, count);
    return true;
}

static NOINLINE int free_range(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why) {
    size_t frame = 0;
    size_t used = 0;
    if (frame_of_pa(f, pa, &frame)) {
        used = frames_same_state(f, frame, count, false);
    }
    if (used < count) {
        return refuse_free(f, pa + ((mem_pa_t)used << MEM_PAGE_SHIFT), used == 0, why);
    }
    frames_put_run(f, frame, count, true);
    count_freed(f, count);
    return MEM_OK;
}

int frames_free(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why) {
    size_t frame;
    if (!mem_is_aligned(pa, MEM_PAGE_SIZE)) {
        return frames_fail(why, MEM_EINVAL, FRAMES_MISALIGNED, pa, NULL);
    }
    if (frame_of_pa(f, pa, &frame)
        && ((count == 1 && free_one(f, frame)) || free_in_word(f, frame, count) || free_block(f, frame, count))) {
        return MEM_OK;
    }
    if (count == 0) {
        return frames_fail(why, MEM_EINVAL, FRAMES_WRONG_COUNT, pa, NULL);
    }
    return free_range(f, pa, count, why);
}
