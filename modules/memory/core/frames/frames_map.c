// SPDX-License-Identifier: MIT
// The maps of the frame allocator: frame numbers, words and block states, and the results of errors. The other
// frames*.c build on this file; it calls none of them.

#include "frames_private.h"

int frames_fail(frames_error_t *why, frames_error_t error) {
    static const int8_t results[] = {
        [FRAMES_NO_ERROR] = MEM_OK,
        [FRAMES_WRONG_COUNT] = MEM_EINVAL,
        [FRAMES_MISALIGNED] = MEM_EINVAL,
        [FRAMES_BAD_ALIGN] = MEM_EINVAL,
        [FRAMES_NO_NAME] = MEM_EINVAL,
        [FRAMES_TOO_HIGH] = MEM_ERANGE,
        [FRAMES_NOT_BELOW] = MEM_ERANGE,
        [FRAMES_NONE_FREE] = MEM_ENOMEM,
        [FRAMES_TABLE_FULL] = MEM_ENOMEM,
        [FRAMES_NEVER_MANAGED] = MEM_EFAULT,
        [FRAMES_RESERVED] = MEM_EBUSY,
        [FRAMES_IN_USE] = MEM_EBUSY,
        [FRAMES_ALREADY_FREE] = MEM_EALREADY,
    };
    error.result = results[error.kind];
    if (why != NULL) {
        *why = error;
    }
    return error.result;
}

size_t frames_below(const frames_t *f, mem_pa_t limit) {
    for (size_t i = 0; i < f->n_extents; ++i) {
        const frames_extent_t *extent = &f->extents[i];
        if (limit <= extent->base) {
            return extent->first_frame;
        }
        if (limit - extent->base < extent->size) {
            return extent->first_frame + (size_t)((limit - extent->base) >> MEM_PAGE_SHIFT);
        }
    }
    return f->n_blocks * FRAMES_PER_BLOCK;
}

uint32_t frames_state_by_words(const frames_t *f, size_t block) {
    uint32_t state = 0;
    uint64_t managed = ALL_FREE;
    for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
        uint64_t word = f->free_map[block].word[i];
        managed &= f->managed_map[block].word[i];
        if (word == ALL_FREE) {
            state |= STATE_ANY(i) | STATE_ALL(i);
        } else if (word != 0) {
            state |= STATE_ANY(i) | orders_of_word(word);
        }
    }
    if ((state & STATE_ALL_MASK) == STATE_ALL_MASK) {
        return STATE_FREE_BLOCK;
    }
    if (state != 0) {
        state |= STATE_PARTIAL | orders_of_block(state);
    }
    return managed == ALL_FREE ? state | STATE_MANAGED : state;
}

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
    for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
        block->word[i] = free ? ALL_FREE : 0;
    }
}

void frames_put_whole_block(frames_t *f, size_t block, bool free) {
    put_block(&f->free_map[block], free);
    state_write(f, block, free ? STATE_FREE_BLOCK : f->states[block] & STATE_MANAGED);
}

void frames_put_run(frames_t *f, size_t frame, size_t count, bool free) {
    while (count > 0) {
        size_t block = frame / FRAMES_PER_BLOCK;
        size_t n = smaller(count, FRAMES_PER_BLOCK - frame % FRAMES_PER_BLOCK);
        if (n == FRAMES_PER_BLOCK) {
            frames_put_whole_block(f, block, free);
        } else {
            put_bits(f, frame, n, free);
            state_write(f, block, frames_state_by_words(f, block));
        }
        frame += n;
        count -= n;
    }
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
