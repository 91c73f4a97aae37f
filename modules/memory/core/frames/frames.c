// SPDX-License-Identifier: MIT
// The frame allocator: allocating and freeing. The contract is in frames.h.

#include "frames_runs.h"

// Takes frames of one word without looking at the rest of the block.
static inline void take_in_word(frames_t *f, size_t frame, uint64_t mask) {
    size_t block = frame / FRAMES_PER_BLOCK;
    uint64_t *word = word_of_frame(f->free_map, frame);
    uint32_t state = f->states[block];
    if (state & STATE_WHOLE) {
        state ^= STATE_WHOLE | STATE_PARTIAL | STATE_ORDERS;
        state_write(f, block, state);
    }
    *word &= ~mask;
    update_after_take(f, block, state, frame / WORD_FRAMES % BLOCK_WORDS, *word);
}

// A block's state when word `i` has come to be all free.
static NOINLINE uint32_t state_with_word(uint32_t state, size_t i) {
    state |= STATE_ALL(i);
    state |= orders_of_block(state);
    return (state & STATE_ALL_MASK) == STATE_ALL_MASK ? STATE_FREE_BLOCK : state;
}

// Gives back 2^n frames aligned to 2^n, n <= 6: every chunk that they complete lies around the
// first of them.
static inline void give_in_word(frames_t *f, size_t frame, uint64_t mask) {
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t i = frame / WORD_FRAMES % BLOCK_WORDS;
    uint64_t free = *word_of_frame(f->free_map, frame) |= mask;
    uint32_t state = f->states[block] | STATE_ANY(i) | STATE_PARTIAL | orders_around(free, frame % WORD_FRAMES);
    if (free == ALL_FREE) {
        state = state_with_word(state, i);
    }
    // Written without a look at whether it changes: whether the word was used up is unpredictable.
    state = (state & ~STATE_FLOOR_MASK) | orders_floor(state);
    state_write(f, block, state);
    if (block < f->tracked) {
        frames_runs_freed(f, frame);
    }
    if (state & STATE_WHOLE) {
        frames_runs_settle(f);
    }
}

// The peak is noted when use goes down: frames_stats() compares it with `used`.
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
    frames_runs_changed(f, frame, count);
    frames_runs_settle(f);
}

// Says why the frame at `pa` cannot be taken or given back: where it lies, or else `otherwise`.
static int refuse_frame(const frames_t *f, mem_pa_t pa, frames_error_kind_t otherwise, frames_error_t *why) {
    frames_error_t error = {.kind = otherwise, .pa = pa};
    switch (frames_state(f, pa, &error.name)) {
        case FRAMES_STATE_RESERVED:
            error.kind = FRAMES_RESERVED;
            break;
        case FRAMES_STATE_UNMANAGED:
            error.kind = FRAMES_NEVER_MANAGED;
            break;
        default:
            break;
    }
    return frames_fail(why, error);
}

// Exactly these frames.
static int alloc_at(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa, frames_error_t *why) {
    if (!mem_is_aligned(req->at, MEM_PAGE_SIZE)) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_MISALIGNED, .pa = req->at});
    }
    if (!mem_is_aligned(req->at >> MEM_PAGE_SHIFT, req->align)) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_BAD_ALIGN, .pa = req->at});
    }
    if (req->below != MEM_ADDR_NONE
        && (req->at >= req->below || count > (req->below - req->at) >> MEM_PAGE_SHIFT)) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_NOT_BELOW, .pa = req->at});
    }
    size_t frame = 0;
    size_t free = frame_of_pa(f, req->at, &frame) ? frames_same_state(f, frame, count, true) : 0;
    if (free < count) {
        return refuse_frame(f, req->at + ((mem_pa_t)free << MEM_PAGE_SHIFT), FRAMES_IN_USE, why);
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
        hi = smaller(hi, lo + count - 1); // what is left begins below the end of the zone
    }
    return frames_search(f, count, align, 0, hi);
}

static NOINLINE int alloc_with(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa,
    frames_error_t *why) {
    if (count == 0 || !is_power_of_two(req->align)) {
        return frames_fail(why, (frames_error_t) {.kind = count == 0 ? FRAMES_WRONG_COUNT : FRAMES_BAD_ALIGN});
    }
    if (req->at != MEM_ADDR_NONE) {
        return alloc_at(f, count, req, pa, why);
    }
    size_t hi = f->n_blocks * FRAMES_PER_BLOCK;
    if (req->below != MEM_ADDR_NONE) {
        hi = frames_below(f, req->below);
    }
    size_t frame = find(f, count, req->align, hi);
    if (frame == NOT_FOUND) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_NONE_FREE});
    }
    take(f, frame, count);
    *pa = pa_of_frame(f, frame);
    return MEM_OK;
}

// Any `count` frames, no constraint.
static NOINLINE int alloc_any(frames_t *f, size_t count, mem_pa_t *pa, frames_error_t *why) {
    frames_request_t any = FRAMES_REQUEST_ANY;
    return alloc_with(f, count, &any, pa, why);
}

// Single frames come from another block now: what is noted of the runs of `block` and the one before may be too much.
static inline void leave_block(frames_t *f, size_t block) {
    if (block < f->tracked && (runs_any(&f->runs[block]) || (block > 0 && runs_any(&f->runs[block - 1])))) {
        frames_runs_changed(f, block * FRAMES_PER_BLOCK, 1);
    }
}

// One frame, from the block that the last one came from while there is any, then from the lowest partly free block.
static NOINLINE int alloc_one(frames_t *f, mem_pa_t *pa, frames_error_t *why) {
    size_t block = f->cursor / BLOCK_WORDS;
    size_t left = block;
    if (!(f->states[block] & STATE_PARTIAL)) {
        block = next_partial(f, f->dma_blocks);
        if (block == NOT_FOUND) {
            return alloc_any(f, 1, pa, why);
        }
    }
    uint32_t state = f->states[block];
    size_t i = lowest_bit(state);
    uint64_t *word = &f->free_map[block].word[i];
    uint64_t before = *word;
    *word = before & (before - 1);
    update_after_take(f, block, state, i, *word);
    // The lowest groups are used up again and again: the summary word is kept exact.
    f->top[FRAMES_INDEX_PARTIAL][block / 4096] ^=
        (uint64_t)(f->index[FRAMES_INDEX_PARTIAL][block / 64] == 0) << (block / 64 % 64);
    ++f->used;
    f->cursor = block * BLOCK_WORDS + i;
    f->cursor_word = word;
    f->cursor_pa = pa_of_frame(f, f->cursor * WORD_FRAMES);
    f->cursor_known = false;
    if (left != block) {
        leave_block(f, left);
    }
    *pa = f->cursor_pa + ((mem_pa_t)lowest_bit(before) << MEM_PAGE_SHIFT);
    return MEM_OK;
}

// A block, from the DMA zone only if there is none above it. The index lists every such block.
static int alloc_block(frames_t *f, mem_pa_t *pa, frames_error_t *why) {
    size_t block = frames_next_whole_block(f, f->dma_blocks);
    if (block == NOT_FOUND && f->dma_blocks != 0) {
        block = frames_next_whole_block(f, 0);
    }
    if (block == NOT_FOUND) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_NONE_FREE});
    }
    frames_put_whole_block(f, block, false);
    f->used += FRAMES_PER_BLOCK;
    frames_runs_settle(f);
    *pa = pa_of_frame(f, block * FRAMES_PER_BLOCK);
    return MEM_OK;
}

// Everything but a single frame without constraints. An aligned power of two, 2 to 32 frames or a block, mostly needs
// no search.
static NOINLINE int alloc_other(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa,
    frames_error_t *why) {
    if (req == NULL) {
        return alloc_any(f, count, pa, why);
    }
    if (count == req->align && (req->at & req->below) == MEM_ADDR_NONE) {
        if (count == FRAMES_PER_BLOCK) {
            return alloc_block(f, pa, why);
        }
        if (count - 2 <= 30 && (count & (count - 1)) == 0 && frames_take_chunk(f, count, pa)) {
            return MEM_OK;
        }
    }
    return alloc_with(f, count, req, pa, why);
}

int frames_alloc(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa, frames_error_t *why) {
    if (req != NULL || count != 1) {
        return alloc_other(f, count, req, pa, why);
    }
    // The commonest request by far. While the word that the last one came from has more than one free frame, only the
    // word changes; once it is used up or whole, the state of its block decides.
    uint64_t before = *f->cursor_word;
    uint64_t left = before & (before - 1);
    if (left == 0 || before == ALL_FREE) {
        return alloc_one(f, pa, why);
    }
    *f->cursor_word = left;
    ++f->used;
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

// Whether a frame is in use, in a block without unmanaged ones.
static inline bool is_used(const frames_t *f, size_t frame) {
    bool free = *word_of_frame(f->free_map, frame) >> (frame % WORD_FRAMES) & 1;
    return !free && (f->states[frame / FRAMES_PER_BLOCK] & STATE_MANAGED);
}

// Frees one frame that completes no chunk and no run that are to be noted, without branches.
static inline void free_unnoted(frames_t *f, size_t frame) {
    size_t word = frame / WORD_FRAMES;
    size_t block = frame / FRAMES_PER_BLOCK;
    *word_at(f->free_map, word) |= (uint64_t)1 << (frame % WORD_FRAMES);
    f->states[block] |= STATE_ANY(word % BLOCK_WORDS) | STATE_PARTIAL;
    enter_partial(f, block);
    count_freed(f, 1);
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
    frames_put_whole_block(f, frame / FRAMES_PER_BLOCK, true);
    frames_runs_settle(f);
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
        frames_error_kind_t free = used == 0 ? FRAMES_ALREADY_FREE : FRAMES_WRONG_COUNT;
        return refuse_frame(f, pa + ((mem_pa_t)used << MEM_PAGE_SHIFT), free, why);
    }
    frames_put_run(f, frame, count, true);
    frames_runs_changed(f, frame, count);
    frames_runs_settle(f);
    count_freed(f, count);
    return MEM_OK;
}

static NOINLINE int free_other(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why) {
    size_t frame;
    if (!mem_is_aligned(pa, MEM_PAGE_SIZE)) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_MISALIGNED, .pa = pa});
    }
    if (count == 0) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_WRONG_COUNT, .pa = pa});
    }
    if (frame_of_pa(f, pa, &frame) && (free_in_word(f, frame, count) || free_block(f, frame, count))) {
        return MEM_OK;
    }
    return free_range(f, pa, count, why);
}

// One frame in use that may complete something.
static NOINLINE int free_in_run(frames_t *f, mem_pa_t pa, size_t frame, frames_error_t *why) {
    if (!frames_runs_is_noted(f, frame)) {
        return free_other(f, pa, 1, why);
    }
    free_unnoted(f, frame);
    return MEM_OK;
}

int frames_free(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why) {
    size_t frame;
    if (count != 1 || !mem_is_aligned(pa, MEM_PAGE_SIZE) || !frame_of_pa(f, pa, &frame) || !is_used(f, frame)) {
        return free_other(f, pa, count, why);
    }
    // The commonest by far: one frame that changes nothing but its word, and where there are any free ones. It needs no
    // look at the words beside its own and calls nothing.
    if (exceeds_floor(f, frame)) {
        return free_in_run(f, pa, frame, why);
    }
    free_unnoted(f, frame);
    return MEM_OK;
}
