// SPDX-License-Identifier: MIT
// Figures about the frames, and the check of all invariants.

#include "frames_private.h"

static size_t count_ones(uint64_t word) {
    // In plain integers: the compiler's builtin would use FP registers or call a library.
    word -= word >> 1 & every(1);
    word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (size_t)(word * every(3) >> 56);
}

// --- figures ---

// Counts the free chunks of orders 0 to 5 of a word that is not all free.
static void count_word(uint64_t word, size_t *by_order) {
    for (unsigned order = 0; order < 5 && word != 0; ++order) {
        uint64_t merged = merge_chunks(word, order + 1);
        by_order[order] += count_ones(word) - 2 * count_ones(merged);
        word = merged;
    }
    by_order[5] += count_ones(word);
}

// Counts the free chunks of a partly free block.
static void count_block(const frames_block_t *block, uint32_t state, size_t *by_order) {
    for (uint32_t words_left = state & STATE_ANY_MASK & ~(state >> 8); words_left != 0; words_left &= words_left - 1) {
        count_word(block->word[lowest_bit(words_left)], by_order);
    }
    size_t chunks = count_ones(chunks_of_words(state, 6));
    for (unsigned order = 6; order <= 8; ++order) {
        size_t merged = order < 8 ? count_ones(chunks_of_words(state, order + 1)) : 0;
        by_order[order] += chunks - 2 * merged;
        chunks = merged;
    }
}

// Whether a block and the next are both free and together aligned to their size.
static bool is_pair(const frames_t *f, size_t block) {
    mem_pa_t pa = pa_of_frame(f, block * FRAMES_PER_BLOCK);
    return mem_is_aligned(pa, 2 * MEM_BLOCK2M_SIZE) && block + 1 < f->n_blocks
           && (f->states[block + 1] & STATE_WHOLE) != 0;
}

size_t frames_total(const frames_t *f) {
    return f->total;
}

size_t frames_used(const frames_t *f) {
    return f->used;
}

size_t frames_available(const frames_t *f) {
    return f->managed - f->used;
}

bool frames_bank(const frames_t *f, size_t i, mem_range_t *bank) {
    if (i >= f->n_banks) {
        return false;
    }
    *bank = f->banks[i];
    return true;
}

void frames_stats(const frames_t *f, frames_stats_t *s) {
    *s = (frames_stats_t) {
        .total = f->total,
        .free = frames_available(f),
        .used = f->used,
        .reserved = f->total - f->managed,
        .peak_used = f->used > f->peak_used ? f->used : f->peak_used,
        .largest_run = frames_largest_run(f, SIZE_MAX),
    };
    for (size_t block = 0; block < f->n_blocks; ++block) {
        uint32_t state = f->states[block];
        if (!(state & STATE_WHOLE)) {
            count_block(&f->free_map[block], state, s->free_by_order);
        } else if (is_pair(f, block)) {
            ++s->free_by_order[10];
            ++block;
        } else {
            ++s->free_by_order[9];
        }
    }
}

// --- check ---

// A block's state against its words: exact, but that it may be in indexes of orders it has lost, down to none.
static unsigned check_state(const frames_t *f, size_t block) {
    uint32_t exact = frames_state_by_words(f, block);
    uint32_t state = f->states[block] & ~STATE_FLOOR_MASK;
    uint32_t lost = state & ~exact;
    bool may_lose = (exact & STATE_WHOLE) == 0;
    return ((exact & ~state) != 0) + ((lost & ~(may_lose ? STATE_ORDERS : 0)) != 0);
}

// The index bitmaps of a block against its state.
static unsigned check_index(const frames_t *f, size_t block) {
    unsigned faults = 0;
    for (unsigned index = 0; index < FRAMES_INDEXES; ++index) {
        bool in = (f->states[block] & STATE_INDEX(index)) != 0;
        faults += in != (f->index[index][block / 64] >> (block % 64) & 1);
    }
    return faults;
}

// The words over the index bitmaps, and index bits beyond the last block.
static unsigned check_tops(const frames_t *f) {
    unsigned faults = 0;
    for (unsigned index = 0; index < FRAMES_INDEXES; ++index) {
        for (size_t group = 0; group < FRAMES_TOP_WORDS * 64; ++group) {
            bool in = f->top[index][group / 64] >> (group % 64) & 1;
            bool wanted = group < f->n_groups && f->index[index][group] != 0;
            faults += wanted ? !in : in && group >= f->n_groups;
        }
        size_t last = f->n_blocks % 64;
        if (last != 0) {
            faults += (f->index[index][f->n_groups - 1] >> last) != 0;
        }
    }
    return faults;
}

// The cursor is a word above the DMA zone.
static unsigned check_cursor(const frames_t *f) {
    size_t block = f->cursor / BLOCK_WORDS;
    if (block < f->dma_blocks || block >= f->n_blocks) {
        return 1;
    }
    unsigned faults = f->cursor_pa != pa_of_frame(f, f->cursor * WORD_FRAMES);
    return faults + (f->cursor_word != word_at(f->free_map, f->cursor));
}

// Hints are words above the DMA zone.
static unsigned check_recent(const frames_t *f) {
    unsigned faults = 0;
    for (unsigned i = 0; i < FRAMES_RECENT_ORDERS; ++i) {
        const frames_recent_t *recent = &f->recent[i];
        if (recent->n > FRAMES_RECENT_WORDS) {
            return 1;
        }
        for (uint32_t at = 0; at < recent->n; ++at) {
            size_t block = recent->word[at] / BLOCK_WORDS;
            faults += block < f->dma_blocks || block >= f->n_blocks;
        }
    }
    return faults;
}

// No free frame that is not managed; the counters.
static unsigned check_counts(const frames_t *f) {
    size_t free = 0;
    size_t managed = 0;
    unsigned faults = 0;
    for (size_t frame = 0; frame < f->n_blocks * FRAMES_PER_BLOCK; frame += WORD_FRAMES) {
        uint64_t free_word = *word_of_frame(f->free_map, frame);
        uint64_t managed_word = *word_of_frame(f->managed_map, frame);
        free += count_ones(free_word);
        managed += count_ones(managed_word);
        faults += (free_word & ~managed_word) != 0;
    }
    faults += managed != f->managed || f->managed > f->total;
    faults += free != f->managed - f->used || f->used > f->managed;
    return faults + (f->peak_used > f->total);
}

// Regions sorted and disjoint; each run of the banks reserved in a region or managed, which with
// the number of managed frames leaves none managed outside the banks.
static unsigned check_runs(const frames_t *f) {
    unsigned faults = 0;
    size_t total = 0;
    size_t managed = 0;
    frames_run_t run = { 0 };
    for (size_t i = 0; i < f->n_regions; ++i) {
        const frames_region_t *region = &f->regions[i];
        faults += region->start >= region->end || region->name == NULL;
        faults += i > 0 && f->regions[i - 1].end > region->start;
    }
    while (frames_next_run(f, run.end, &run)) {
        size_t frames = (size_t)((run.end - run.start) >> MEM_PAGE_SHIFT);
        bool in_region = frames_find_region(f, run.start) != NULL;
        faults += (run.state == FRAMES_STATE_RESERVED) != in_region;
        faults += run.state == FRAMES_STATE_UNMANAGED;
        total += frames;
        managed += run.state == FRAMES_STATE_RESERVED ? 0 : frames;
    }
    return faults + (managed != f->managed) + (total != f->total);
}

unsigned frames_check(const frames_t *f) {
    unsigned faults = check_counts(f) + check_tops(f) + check_runs(f) + check_cursor(f) + check_recent(f);
    faults += frames_runs_check(f);
    for (size_t block = 0; block < f->n_blocks; ++block) {
        faults += check_state(f, block) + check_index(f, block);
    }
    return faults;
}
