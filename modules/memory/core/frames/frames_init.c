// SPDX-License-Identifier: MIT
// Setting up a frame allocator: from banks to extents, words, states and indexes.

#include <string.h>

#include "frames_private.h"

// Copies the banks that are not empty, sorted by start. Returns their number or an error.
static int sort_banks(const mem_range_t *banks, size_t n_banks, mem_range_t *out) {
    int n = 0;
    for (size_t i = 0; i < n_banks; ++i) {
        mem_range_t bank = banks[i];
        if (bank.start > bank.end) {
            return MEM_EINVAL;
        }
        if (bank.end > FRAMES_MAX_PA) {
            return MEM_ERANGE;
        }
        if (bank.start == bank.end) {
            continue;
        }
        if (n == FRAMES_MAX_BANKS) {
            return MEM_ENOMEM;
        }
        int at = n++;
        for (; at > 0 && out[at - 1].start > bank.start; at--) {
            out[at] = out[at - 1];
        }
        out[at] = bank;
    }
    return n;
}

// Merges sorted banks that overlap or touch, then drops partial frames. Returns how many are left.
static size_t merge_banks(mem_range_t *banks, size_t n) {
    size_t merged = 0;
    for (size_t i = 0; i < n; ++i) {
        if (merged > 0 && banks[i].start <= banks[merged - 1].end) {
            if (banks[i].end > banks[merged - 1].end) {
                banks[merged - 1].end = banks[i].end;
            }
        } else {
            banks[merged++] = banks[i];
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < merged; ++i) {
        mem_pa_t start = mem_align_up(banks[i].start, MEM_PAGE_SIZE);
        mem_pa_t end = mem_align_down(banks[i].end, MEM_PAGE_SIZE);
        if (start < end) {
            banks[kept++] = (mem_range_t) { start, end };
        }
    }
    return kept;
}

// Adds a bank to the last extent or starts a new one, and numbers its blocks. A hole of one block
// is numbered too: it separates runs as well as the unused number between extents does.
static void add_extent(frames_t *f, const mem_range_t *bank) {
    mem_pa_t start = mem_align_down(bank->start, MEM_BLOCK2M_SIZE);
    mem_pa_t end = mem_align_up(bank->end, MEM_BLOCK2M_SIZE);
    frames_extent_t *extent = &f->extents[f->n_extents > 0 ? f->n_extents - 1 : 0];
    if (f->n_extents == 0 || start > extent->base + extent->size + MEM_BLOCK2M_SIZE) {
        size_t first_block = f->n_extents == 0 ? 0 : f->n_blocks + 1;
        extent = &f->extents[f->n_extents++];
        extent->base = start;
        extent->first_frame = first_block * FRAMES_PER_BLOCK;
    }
    extent->size = end - extent->base;
    f->n_blocks = extent->first_frame / FRAMES_PER_BLOCK + (size_t)(extent->size / MEM_BLOCK2M_SIZE);
}

// Fills in all that depends on the banks only.
static int plan(frames_t *f, const mem_range_t *banks, size_t n_banks) {
    int n = sort_banks(banks, n_banks, f->banks);
    if (n < 0) {
        return n;
    }
    f->n_banks = merge_banks(f->banks, (size_t)n);
    if (f->n_banks == 0) {
        return MEM_EINVAL;
    }
    f->n_extents = 0;
    f->n_blocks = 0;
    for (size_t i = 0; i < f->n_banks && f->n_blocks <= FRAMES_MAX_BLOCKS; ++i) {
        add_extent(f, &f->banks[i]);
    }
    f->n_groups = (f->n_blocks + 63) / 64;
    return f->n_blocks > FRAMES_MAX_BLOCKS ? MEM_ERANGE : MEM_OK;
}

static size_t metadata_size(const frames_t *f) {
    size_t states = (size_t)mem_align_up(f->n_blocks * sizeof(uint32_t), 8);
    size_t runs = (f->n_blocks + (f->n_blocks + FRAMES_NODE_BLOCKS - 1) / FRAMES_NODE_BLOCKS) * sizeof(frames_runs_t);
    return 2 * f->n_blocks * sizeof(frames_block_t) + FRAMES_INDEXES * f->n_groups * sizeof(uint64_t) + runs + states;
}

size_t frames_metadata_size(const mem_range_t *banks, size_t n_banks) {
    frames_t f;
    return plan(&f, banks, n_banks) == MEM_OK ? metadata_size(&f) : 0;
}

// Marks frames of one block managed and free.
static void add_frames(frames_t *f, size_t frame, size_t count) {
    while (count > 0) {
        unsigned bit = frame % WORD_FRAMES;
        size_t n = smaller(count, WORD_FRAMES - bit);
        *word_of_frame(f->managed_map, frame) |= ones(bit, (unsigned)n);
        *word_of_frame(f->free_map, frame) |= ones(bit, (unsigned)n);
        frame += n;
        count -= n;
    }
}

// Marks the frames of one bank managed and free; whole blocks, nearly all, at memset's speed.
static void add_bank(frames_t *f, const mem_range_t *bank) {
    size_t frame = 0;
    frame_of_pa(f, bank->start, &frame);
    size_t count = (size_t)((bank->end - bank->start) >> MEM_PAGE_SHIFT);
    f->total += count;
    size_t head = smaller(count, (FRAMES_PER_BLOCK - frame % FRAMES_PER_BLOCK) % FRAMES_PER_BLOCK);
    add_frames(f, frame, head);
    frame += head;
    count -= head;
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t end = block + count / FRAMES_PER_BLOCK;
    memset(&f->free_map[block], 0xff, (end - block) * sizeof(frames_block_t));
    memset(&f->managed_map[block], 0xff, (end - block) * sizeof(frames_block_t));
    for (; block < end; ++block) {
        f->states[block] = STATE_FREE_BLOCK;
    }
    add_frames(f, end * FRAMES_PER_BLOCK, count % FRAMES_PER_BLOCK);
}

// Derives the indexes, and the states of the blocks that add_bank() did not fill.
static void build_index(frames_t *f) {
    for (size_t block = 0; block < f->n_blocks; ++block) {
        if (f->states[block] == STATE_FREE_BLOCK) { // nearly all
            index_flip(f, FRAMES_INDEX_WHOLE, block);
            continue;
        }
        if (f->states[block] == 0) {
            f->states[block] = frames_state_by_words(f, block);
        }
        uint32_t in = (f->states[block] & STATE_INDEXES) >> STATE_INDEX_SHIFT;
        for (; in != 0; in &= in - 1) {
            index_flip(f, lowest_bit(in), block);
        }
    }
}

// Notes the runs of the DMA zone, which is tracked always, and of what else has to be.
static void track_zone(frames_t *f) {
    f->tracked = f->dma_blocks;
    for (size_t block = 0; block < f->dma_blocks; ++block) {
        if (!(f->states[block] & STATE_WHOLE)) {
            frames_runs_changed(f, block * FRAMES_PER_BLOCK, 1);
        }
    }
    frames_runs_settle(f);
}

int frames_init(frames_t *f, const mem_range_t *banks, size_t n_banks, void *metadata, size_t size) {
    memset(f, 0, sizeof(*f));
    int result = plan(f, banks, n_banks);
    if (result != MEM_OK) {
        return result;
    }
    if (!mem_is_aligned((uintptr_t)metadata, sizeof(uint64_t))) {
        return MEM_EINVAL;
    }
    if (metadata == NULL || size < metadata_size(f)) {
        return MEM_ENOMEM;
    }
    memset(metadata, 0, metadata_size(f));
    f->free_map = metadata;
    f->managed_map = f->free_map + f->n_blocks;
    uint64_t *words = (uint64_t *)(f->managed_map + f->n_blocks);
    for (unsigned index = 0; index < FRAMES_INDEXES; ++index) {
        f->index[index] = words;
        words += f->n_groups;
    }
    f->runs = (frames_runs_t *)words;
    f->node_runs = f->runs + f->n_blocks;
    f->states = (uint32_t *)(f->node_runs + (f->n_blocks + FRAMES_NODE_BLOCKS - 1) / FRAMES_NODE_BLOCKS);
    // Without memory above the zone there is no reason to spare the zone.
    size_t dma_blocks = frames_below(f, FRAMES_DMA_LIMIT) / FRAMES_PER_BLOCK;
    f->dma_blocks = dma_blocks < f->n_blocks ? dma_blocks : 0;
    f->cursor = f->dma_blocks * BLOCK_WORDS;
    f->cursor_word = word_at(f->free_map, f->cursor);
    f->cursor_pa = pa_of_frame(f, f->cursor * WORD_FRAMES);
    for (size_t i = 0; i < f->n_banks; ++i) {
        add_bank(f, &f->banks[i]);
    }
    f->managed = f->total;
    build_index(f);
    track_zone(f);
    return MEM_OK;
}
