// SPDX-License-Identifier: MIT
// The longest free runs of each block and of each node of 32 blocks: by them a search finds any run of up to a block
// that starts in a tracked block, or knows that there is none, in a bounded number of steps.
//
// All blocks are tracked, or while some are free as a whole, where any request of up to a block fits, only so many that
// the others are few for each of those: taking a whole block then makes a few more tracked.

#include "frames_runs.h"

#define SHORT_RUN (8) // runs of fewer frames are collected for the whole block at once

// --- the runs of a block, by its words ---

// Frames free from the first of a block on.
static size_t frames_at_start(const frames_t *f, size_t block) {
    const uint64_t *words = f->free_map[block].word;
    for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
        if (words[i] != ALL_FREE) {
            return i * WORD_FRAMES + lowest_bit(~words[i]);
        }
    }
    return FRAMES_PER_BLOCK;
}

// How many frames of a run that reaches the end of a block count of the next one: none of one that is free as a whole,
// where every request of up to a block fits. So blocks that are taken and freed as a whole change no notes.
static size_t frames_after(const frames_t *f, size_t block) {
    ++block;
    bool ends = block == f->n_blocks || block == f->tracked || (f->states[block] & STATE_WHOLE) != 0;
    return ends ? 0 : frames_at_start(f, block);
}

// Enters the runs of a word that do not reach its end: those of 2 to 7 frames by the places where they start.
static void add_word(frames_runs_t *runs, uint64_t *starts, uint64_t word) {
    uint64_t left = word & word >> 1;
    for (unsigned n = 2; n < SHORT_RUN && left != 0; ++n) {
        starts[n] |= left;
        left &= word >> n;
    }
    while (left != 0) {
        unsigned start = lowest_bit(left);
        unsigned n = lowest_bit(~(word >> start));
        runs_add(runs, start, start + n);
        left &= ~ones(start, n);
    }
}

static void add_short_runs(frames_runs_t *runs, const uint64_t *starts) {
    for (unsigned n = 2; n < SHORT_RUN && starts[n] != 0; ++n) {
        for (unsigned k = 0; ((size_t)1 << k) <= n && (starts[n] & every(k)) != 0; ++k) {
            if (n > runs_field(runs, k)) {
                runs_set_field(runs, k, n);
            }
        }
    }
}

frames_runs_t frames_runs_by_words(const frames_t *f, size_t block) {
    const uint64_t *words = f->free_map[block].word;
    uint32_t state = f->states[block];
    frames_runs_t runs = { { 0 } };
    uint64_t starts[SHORT_RUN] = { 0 };
    if ((state & STATE_WHOLE) || !(state & STATE_ANY_MASK)) {
        return runs;
    }
    size_t after = words[BLOCK_WORDS - 1] >> 63 ? frames_after(f, block) : 0;
    for (unsigned i = BLOCK_WORDS; i-- > 0;) {
        uint64_t word = words[i];
        size_t end = (i + 1) * WORD_FRAMES + after;
        if (word == ALL_FREE) {
            if (i == 0 || !(words[i - 1] >> 63)) {
                runs_add(&runs, i * WORD_FRAMES, end);
            }
            after += WORD_FRAMES;
            continue;
        }
        if (i > 0 && words[i - 1] >> 63) {
            word &= word + 1; // the run that begins in the word before counts
        }
        if (word >> 63) {
            unsigned start = highest_bit(~word) + 1;
            runs_add(&runs, i * WORD_FRAMES + start, end);
            word &= ~(ALL_FREE << start);
        }
        add_word(&runs, starts, word);
        after = lowest_bit(~words[i]);
    }
    add_short_runs(&runs, starts);
    return runs;
}

// --- what is noted of them ---

// The node over a block by the blocks under it.
static frames_runs_t node_by_blocks(const frames_t *f, size_t node) {
    frames_runs_t runs = { { 0 } };
    size_t end = smaller((node + 1) * FRAMES_NODE_BLOCKS, f->n_blocks);
    for (size_t block = node * FRAMES_NODE_BLOCKS; block < end; ++block) {
        runs.word[0] = runs_larger(runs.word[0], f->runs[block].word[0]);
        runs.word[1] = runs_larger(runs.word[1], f->runs[block].word[1]);
    }
    return runs;
}

// Whether some field of `before`, which is the node's, is larger than that of `after`.
static bool lowers_node(uint64_t node, uint64_t before, uint64_t after) {
    return (runs_not_less(before, node) & ~runs_not_less(after, before)) != 0;
}

static void set_runs(frames_t *f, size_t block, frames_runs_t runs) {
    frames_runs_t before = f->runs[block];
    frames_runs_t *node = &f->node_runs[block / FRAMES_NODE_BLOCKS];
    f->runs[block] = runs;
    if (lowers_node(node->word[0], before.word[0], runs.word[0])
        || lowers_node(node->word[1], before.word[1], runs.word[1])) {
        *node = node_by_blocks(f, block / FRAMES_NODE_BLOCKS);
    } else {
        node->word[0] = runs_larger(node->word[0], runs.word[0]);
        node->word[1] = runs_larger(node->word[1], runs.word[1]);
    }
}

uint32_t frames_runs_floor(const frames_t *f, size_t block, uint32_t state) {
    uint32_t by_orders = orders_floor(state);
    if (block >= f->tracked) {
        return by_orders;
    }
    const frames_runs_t *runs = &f->runs[block];
    size_t longest = runs_field(runs, 0);
    size_t floor = smaller((by_orders >> STATE_FLOOR_SHIFT) + 1, longest > 1 ? longest : 1);
    for (unsigned k = 1; ((size_t)1 << k) <= floor; ++k) {
        size_t run = runs_field(runs, k);
        floor = run >= (size_t)1 << k ? smaller(floor, run) : ((size_t)1 << k) - 1;
    }
    return (uint32_t)(floor - 1) << STATE_FLOOR_SHIFT;
}

static void note_floor(frames_t *f, size_t block) {
    uint32_t state = f->states[block] & ~STATE_FLOOR_MASK;
    f->states[block] = state | frames_runs_floor(f, block, state);
}

static void refresh(frames_t *f, size_t block) {
    if (block < f->tracked) {
        set_runs(f, block, frames_runs_by_words(f, block));
        note_floor(f, block);
    }
}

// --- changes ---

// Enters the free run [start, end) of a block, in frames of it, which makes nothing shorter.
static void raise_runs(frames_t *f, size_t block, size_t start, size_t end) {
    frames_runs_t *runs = &f->runs[block];
    frames_runs_t *node = &f->node_runs[block / FRAMES_NODE_BLOCKS];
    runs_add(runs, start, end);
    node->word[0] = runs_larger(node->word[0], runs->word[0]);
    node->word[1] = runs_larger(node->word[1], runs->word[1]);
}

// How many frames right before frame `at` of a block are free.
static size_t free_before(const frames_t *f, size_t block, size_t at) {
    const uint64_t *words = f->free_map[block].word;
    size_t start = at;
    while (start > 0) {
        unsigned bits = (start - 1) % WORD_FRAMES + 1; // those of this word before `start`
        uint64_t used = ~(words[(start - 1) / WORD_FRAMES] << (WORD_FRAMES - bits));
        unsigned n = used != 0 ? WORD_FRAMES - 1 - highest_bit(used) : WORD_FRAMES;
        start -= smaller(n, bits);
        if (n < bits) {
            break;
        }
    }
    return at - start;
}

// How many frames from frame `at` of a block on are free, with those at the beginning of the next block.
static size_t free_after(const frames_t *f, size_t block, size_t at) {
    const uint64_t *words = f->free_map[block].word;
    size_t end = at;
    while (end < FRAMES_PER_BLOCK) {
        uint64_t used = ~(words[end / WORD_FRAMES] >> (end % WORD_FRAMES));
        unsigned bits = WORD_FRAMES - end % WORD_FRAMES;
        unsigned n = used != 0 ? lowest_bit(used) : WORD_FRAMES;
        end += smaller(n, bits);
        if (n < bits) {
            return end - at;
        }
    }
    return end - at + frames_after(f, block);
}

// Whether a run of a block is no longer than what is noted.
static bool is_noted(const frames_runs_t *noted, size_t start, size_t end) {
    uint64_t low = runs_of_one(start, end, RUNS_ONES_LOW, RUNS_SIZES_LOW);
    uint64_t high = runs_of_one(start, end, RUNS_ONES_HIGH, RUNS_SIZES_HIGH);
    return runs_not_less(noted->word[0], low) == RUNS_SPARE && runs_not_less(noted->word[1], high) == RUNS_SPARE;
}

bool frames_runs_is_noted(const frames_t *f, size_t frame) {
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t at = frame % FRAMES_PER_BLOCK;
    size_t start = at - free_before(f, block, at);
    size_t end = at + 1 + free_after(f, block, at + 1);
    uint32_t state = f->states[block];
    if (end - start <= (state >> STATE_FLOOR_SHIFT) + 1) {
        return start != 0;
    }
    uint64_t free = *word_of_frame(f->free_map, frame) | (uint64_t)1 << (frame % WORD_FRAMES);
    return start != 0 && free != ALL_FREE && (orders_around(free, frame % WORD_FRAMES) & ~state) == 0
           && (block >= f->tracked || is_noted(&f->runs[block], start, end));
}

void frames_runs_freed(frames_t *f, size_t frame) {
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t at = frame % FRAMES_PER_BLOCK;
    if (f->states[block] & STATE_WHOLE) {
        frames_runs_changed(f, frame, 1);
        return;
    }
    size_t start = at - free_before(f, block, at);
    size_t end = at + free_after(f, block, at);
    raise_runs(f, block, start, end);
    note_floor(f, block);
    if (start == 0 && block > 0 && !(f->states[block - 1] & STATE_WHOLE)) {
        size_t before = free_before(f, block - 1, FRAMES_PER_BLOCK);
        if (before != 0) {
            raise_runs(f, block - 1, FRAMES_PER_BLOCK - before, FRAMES_PER_BLOCK + end);
        }
    }
}

void frames_runs_changed(frames_t *f, size_t frame, size_t count) {
    size_t block = frame / FRAMES_PER_BLOCK;
    size_t last = (frame + count - 1) / FRAMES_PER_BLOCK;
    if (block > 0 && f->free_map[block - 1].word[BLOCK_WORDS - 1] >> 63
        && frames_at_start(f, block) >= frame % FRAMES_PER_BLOCK) {
        refresh(f, block - 1);
    }
    for (; block <= last && block < f->tracked; ++block) {
        refresh(f, block);
    }
}

// --- which blocks are tracked ---

// Tracks one block more, and with it the run that goes on from the block before.
static void track(frames_t *f) {
    size_t block = f->tracked++;
    refresh(f, block);
    if (block > 0) {
        refresh(f, block - 1);
    }
}

void frames_runs_settle(frames_t *f) {
    if (f->whole * FRAMES_PLENTY >= f->n_blocks - f->dma_blocks) {
        if (f->tracked != f->dma_blocks) {
            f->tracked = f->dma_blocks;
            if (f->tracked != 0) {
                refresh(f, f->tracked - 1);
            }
        }
        return;
    }
    while (f->n_blocks - f->tracked > f->whole * FRAMES_UNTRACKED_PER_WHOLE) {
        track(f);
    }
}

// --- search and check ---

// Single frames are taken without a look at the runs: these are brought in line with the block that they come from.
static void settle_cursor(frames_t *f) {
    uint64_t word = *word_at(f->free_map, f->cursor);
    if (!f->cursor_known || f->cursor_seen != word) {
        frames_runs_changed(f, f->cursor / BLOCK_WORDS * FRAMES_PER_BLOCK, 1);
        f->cursor_known = true;
        f->cursor_seen = word;
    }
}

size_t frames_runs_find(frames_t *f, unsigned k, size_t count, size_t from, size_t to) {
    settle_cursor(f);
    to = smaller(to, f->tracked);
    for (size_t node = from / FRAMES_NODE_BLOCKS; node * FRAMES_NODE_BLOCKS < to; ++node) {
        if (runs_field(&f->node_runs[node], k) < count) {
            continue;
        }
        size_t end = smaller((node + 1) * FRAMES_NODE_BLOCKS, to);
        for (size_t block = from > node * FRAMES_NODE_BLOCKS ? from : node * FRAMES_NODE_BLOCKS; block < end; ++block) {
            if (runs_field(&f->runs[block], k) >= count) {
                return block;
            }
        }
    }
    return NOT_FOUND;
}

static bool same(const frames_runs_t *a, const frames_runs_t *b) {
    return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

// What is noted of a tracked block is exact; of the one that single frames come from and the one before, or more.
static bool is_wrong(const frames_t *f, size_t block) {
    const frames_runs_t *noted = &f->runs[block];
    frames_runs_t exact = frames_runs_by_words(f, block);
    size_t cursor = f->cursor / BLOCK_WORDS;
    if (block == cursor || block + 1 == cursor) {
        exact.word[0] = runs_larger(exact.word[0], noted->word[0]);
        exact.word[1] = runs_larger(exact.word[1], noted->word[1]);
    }
    bool unused = (noted->word[0] & ~RUNS_USED_LOW) != 0 || (noted->word[1] & ~RUNS_USED_HIGH) != 0;
    return unused || !same(noted, &exact);
}

unsigned frames_runs_check(const frames_t *f) {
    unsigned faults = f->tracked < f->dma_blocks || f->tracked > f->n_blocks;
    size_t whole = 0;
    for (size_t block = 0; block < f->n_blocks; ++block) {
        uint32_t state = f->states[block];
        whole += block >= f->dma_blocks && (state & STATE_WHOLE) != 0;
        faults += (state & STATE_FLOOR_MASK) > frames_runs_floor(f, block, state);
        faults += block < f->tracked && is_wrong(f, block);
    }
    for (size_t node = 0; node * FRAMES_NODE_BLOCKS < f->n_blocks; ++node) {
        frames_runs_t exact = node_by_blocks(f, node);
        faults += !same(&f->node_runs[node], &exact);
    }
    faults += whole != f->whole;
    return faults + (f->n_blocks - f->tracked > whole * FRAMES_UNTRACKED_PER_WHOLE);
}
