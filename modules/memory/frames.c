// SPDX-License-Identifier: MIT
// The frame allocator: allocating and freeing. The contract is in frames.h.

#include "frames_private.h"

// Sets or clears the bits of frames of one block.
static void put_bits(frames_t *f, size_t frame, size_t count, bool free) {
    frames_word_t *words = f->blocks[frame / FRAMES_PER_BLOCK].word;
    size_t at = frame % FRAMES_PER_BLOCK;
    for (size_t left = count; left > 0;) {
        size_t bit = at % WORD_FRAMES;
        size_t n = smaller(left, WORD_FRAMES - bit);
        uint64_t mask = ones((unsigned)bit, (unsigned)n);
        uint64_t *word = &words[at / WORD_FRAMES].free;
        *word = free ? *word | mask : *word & ~mask;
        at += n;
        left -= n;
    }
}

static void put_block(frames_block_t *block, bool free) {
    for (unsigned i = 0; i < BLOCK_WORDS; i++) {
        block->word[i].free = free ? ALL_FREE : 0;
    }
}

void frames_put_run(frames_t *f, size_t frame, size_t count, bool free) {
    while (count > 0) {
        size_t block = frame / FRAMES_PER_BLOCK;
        size_t n = smaller(count, FRAMES_PER_BLOCK - frame % FRAMES_PER_BLOCK);
        if (n == FRAMES_PER_BLOCK) {
            put_block(&f->blocks[block], free);
            state_write(f, block, free ? STATE_WHOLE : 0);
        } else {
            put_bits(f, frame, n, free);
            state_write(f, block, frames_state_by_words(&f->blocks[block]));
        }
        frame += n;
        count -= n;
    }
}

// Takes frames of one word without looking at the rest of the block. The orders that the
// block loses stay in the index until a search misses them.
static void take_in_word(frames_t *f, size_t frame, size_t count) {
    size_t block = frame / FRAMES_PER_BLOCK;
    unsigned i = frame / WORD_FRAMES % BLOCK_WORDS;
    uint64_t *word = &f->blocks[block].word[i].free;
    uint32_t state = f->states[block];
    *word &= ~ones(frame % WORD_FRAMES, (unsigned)count);
    if (state & STATE_FULL) {
        state ^= STATE_FULL | STATE_PARTIAL | STATE_ORDERS;
    }
    state &= ~(STATE_ALL(i) | (*word == 0 ? STATE_SOME(i) : 0));
    state_write(f, block, state & STATE_SOME_MASK ? state : 0);
}

// Gives back 2^n frames aligned to 2^n, n <= 6: every piece that they complete lies around the first of them.
static void give_in_word(frames_t *f, size_t frame, size_t count) {
    size_t block = frame / FRAMES_PER_BLOCK;
    unsigned i = frame / WORD_FRAMES % BLOCK_WORDS;
    uint64_t *word = &f->blocks[block].word[i].free;
    uint64_t bits = *word | ones(frame % WORD_FRAMES, (unsigned)count);
    uint32_t state = f->states[block] | STATE_SOME(i) | STATE_PARTIAL;
    *word = bits;
    state |= orders_around(bits, frame % WORD_FRAMES);
    if (bits == ALL_FREE) {
        state |= STATE_ALL(i);
        state |= orders_of_block(state);
        if ((state & STATE_ALL_MASK) == STATE_ALL_MASK) {
            state = STATE_WHOLE;
        }
    }
    if (state != f->states[block]) {
        state_write(f, block, state);
    }
}

static void take(frames_t *f, size_t frame, size_t count) {
    if (frame % WORD_FRAMES + count <= WORD_FRAMES) {
        take_in_word(f, frame, count);
    } else {
        frames_put_run(f, frame, count, false);
    }
    f->used += count;
    if (f->used > f->peak_used) {
        f->peak_used = f->used;
    }
}

static void give(frames_t *f, size_t frame, size_t count) {
    if (count <= WORD_FRAMES && is_power_of_two(count) && frame % count == 0) {
        give_in_word(f, frame, count);
    } else {
        frames_put_run(f, frame, count, true);
    }
    f->used -= count;
}

size_t frames_same_state(const frames_t *f, size_t frame, size_t count, bool free) {
    size_t end = f->n_blocks * FRAMES_PER_BLOCK;
    size_t done = 0;
    count = smaller(count, end - frame);
    while (done < count) {
        const frames_word_t *word = word_of_frame(f, frame + done);
        unsigned bit = (frame + done) % WORD_FRAMES;
        size_t n = smaller(count - done, WORD_FRAMES - bit);
        uint64_t wanted = free ? word->free : word->managed & ~word->free;
        uint64_t others = ~wanted & ones(bit, (unsigned)n);
        if (others != 0) {
            return done + lowest_bit(others) - bit;
        }
        done += n;
    }
    return done;
}

// Exactly these frames.
static int alloc_at(frames_t *f, size_t count, const frames_request_t *req) {
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
        mem_pa_t pa = req->at + ((mem_pa_t)free << MEM_PAGE_SHIFT);
        return frames_state(f, pa, NULL) == FRAMES_STATE_UNMANAGED ? MEM_EFAULT : MEM_EBUSY;
    }
    take(f, frame, count);
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

int frames_alloc(frames_t *f, size_t count, const frames_request_t *req, mem_pa_t *pa) {
    size_t hi = f->n_blocks * FRAMES_PER_BLOCK;
    size_t align = 1;
    if (count == 0) {
        return MEM_EINVAL;
    }
    if (req != NULL) {
        align = req->align;
        if (!is_power_of_two(align)) {
            return MEM_EINVAL;
        }
        if (req->at != MEM_ADDR_NONE) {
            int result = alloc_at(f, count, req);
            if (result == MEM_OK) {
                *pa = req->at;
            }
            return result;
        }
        if (req->below != MEM_ADDR_NONE) {
            hi = frames_below(f, req->below);
        }
    }
    size_t frame = find(f, count, align, hi);
    if (frame == NOT_FOUND) {
        return MEM_ENOMEM;
    }
    take(f, frame, count);
    *pa = pa_of_frame(f, frame);
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

int frames_free(frames_t *f, mem_pa_t pa, size_t count, frames_error_t *why) {
    size_t frame;
    if (!mem_is_aligned(pa, MEM_PAGE_SIZE)) {
        return frames_fail(why, MEM_EINVAL, FRAMES_MISALIGNED, pa, NULL);
    }
    if (count == 0) {
        return frames_fail(why, MEM_EINVAL, FRAMES_WRONG_COUNT, pa, NULL);
    }
    size_t used = frame_of_pa(f, pa, &frame) ? frames_same_state(f, frame, count, false) : 0;
    if (used < count) {
        return refuse_free(f, pa + ((mem_pa_t)used << MEM_PAGE_SHIFT), used == 0, why);
    }
    give(f, frame, count);
    return MEM_OK;
}
