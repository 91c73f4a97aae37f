// SPDX-License-Identifier: MIT
// Finding free frames.

#include "frames_runs.h"

// The blocks of a group that are in an index and not used up: those stay in the indexes of their orders.
static inline uint64_t index_word(const frames_t *f, unsigned index, size_t group) {
    uint64_t blocks = f->index[index][group];
    return index == FRAMES_INDEX_WHOLE ? blocks : blocks & f->index[FRAMES_INDEX_PARTIAL][group];
}

// The lowest block of the groups >= `from` in an index other than that of partly free blocks, or NOT_FOUND.
static size_t next_group(frames_t *f, unsigned index, size_t from) {
    for (size_t word = from / 64; word < FRAMES_TOP_WORDS; ++word) {
        uint64_t groups = f->top[index][word] & (word == from / 64 ? ALL_FREE << (from % 64) : ALL_FREE);
        for (; groups != 0; groups &= groups - 1) {
            size_t group = word * 64 + lowest_bit(groups);
            uint64_t blocks = index_word(f, index, group);
            if (blocks != 0) {
                return group * 64 + lowest_bit(blocks);
            }
            if (f->index[index][group] == 0) {
                f->top[index][word] ^= groups & -groups;
            }
        }
    }
    return NOT_FOUND;
}

// The lowest block >= `from`, which is a block, in an index, or NOT_FOUND.
static inline size_t index_next(frames_t *f, unsigned index, size_t from) {
    if (index == FRAMES_INDEX_PARTIAL) {
        return next_partial(f, from);
    }
    uint64_t blocks = index_word(f, index, from / 64) & ALL_FREE << (from % 64);
    return blocks != 0 ? from / 64 * 64 + lowest_bit(blocks) : next_group(f, index, from / 64 + 1);
}

// The lowest frame of a partly free block at which an aligned chunk of 2^order starts, order 0 to 5.
static inline size_t find_in_words(const frames_t *f, size_t block, unsigned order) {
    const uint64_t *words = f->free_map[block].word;
    for (uint32_t words_left = f->states[block] & STATE_ANY_MASK; words_left != 0; words_left &= words_left - 1) {
        size_t i = lowest_bit(words_left);
        uint64_t ends = ends_of_chunks(words[i], order);
        if (ends != 0) {
            return block * FRAMES_PER_BLOCK + i * WORD_FRAMES + lowest_bit(ends) + 1 - ((size_t)1 << order);
        }
    }
    return NOT_FOUND;
}

// The lowest frame of a partly free block at which an aligned chunk of 2^order starts.
static inline size_t find_in_block(const frames_t *f, size_t block, unsigned order) {
    if (order < 6) {
        return find_in_words(f, block, order);
    }
    uint32_t starts = chunks_of_words(f->states[block], order);
    if (starts == 0) {
        return NOT_FOUND;
    }
    return block * FRAMES_PER_BLOCK + lowest_bit(starts) * WORD_FRAMES;
}

// A block without a chunk of this order has none of the higher ones either. Taking frames leaves
// the index too optimistic on purpose: it is put right here, once for each time it was wrong.
static void forget_orders(frames_t *f, size_t block, unsigned order) {
    uint32_t from_order = STATE_ORDERS & ~(STATE_INDEX(order) - 1);
    uint32_t state = f->states[block] & ~from_order & ~STATE_FLOOR_MASK;
    state_write(f, block, state | frames_runs_floor(f, block, state));
}

size_t frames_next_whole_block(frames_t *f, size_t from) {
    return index_next(f, FRAMES_INDEX_WHOLE, from);
}

static inline unsigned most_misses(const frames_t *f) {
    return f->tracked == f->n_blocks ? FRAMES_MOST_MISSES_TRACKED : FRAMES_MOST_MISSES;
}

// Takes the lowest of the chunks of `count` frames in word `i` of a partly free block, which end at `ends`.
static inline mem_pa_t take_lowest(frames_t *f, size_t block, size_t i, uint64_t ends, size_t count) {
    uint64_t *word = &f->free_map[block].word[i];
    uint64_t end = ends & -ends;
    *word -= 2 * end - (end >> (count - 1)); // its frames, from the last down to the first
    update_after_take(f, block, f->states[block], i, *word);
    f->used += count;
    size_t frame = block * FRAMES_PER_BLOCK + i * WORD_FRAMES + lowest_bit(ends) + 1 - count;
    if (block < f->tracked) {
        frames_runs_changed(f, frame, count);
    }
    return pa_of_frame(f, frame);
}

// The lowest chunk of an order from 1 to 5.
static NOINLINE bool search_chunk(frames_t *f, unsigned order, mem_pa_t *pa) {
    unsigned misses = 0;
    size_t count = (size_t)1 << order;
    size_t from = next_partial(f, f->dma_blocks);
    if (from == NOT_FOUND) {
        return false;
    }
    size_t group = from / 64;
    uint64_t blocks = index_word(f, order, group) & ALL_FREE << (from % 64);
    for (;;) {
        while (blocks == 0) {
            if (++group == f->n_groups) {
                return false;
            }
            blocks = index_word(f, order, group);
        }
        size_t block = group * 64 + lowest_bit(blocks);
        blocks &= blocks - 1;
        const uint64_t *words = f->free_map[block].word;
        for (uint32_t words_left = f->states[block] & STATE_ANY_MASK; words_left != 0; words_left &= words_left - 1) {
            size_t i = lowest_bit(words_left);
            uint64_t ends = ends_of_chunks(words[i], order);
            if (ends != 0) {
                if ((ends & (ends - 1)) != 0) {
                    push_recent(f, count, block * BLOCK_WORDS + i);
                }
                *pa = take_lowest(f, block, i, ends, count);
                return true;
            }
        }
        forget_orders(f, block, order);
        if (++misses == 2 * most_misses(f)) {
            return false;
        }
    }
}

bool frames_take_chunk(frames_t *f, size_t count, mem_pa_t *pa) {
    unsigned order = lowest_bit(count);
    frames_recent_t *recent = recent_chunks(f, count);
    while (recent->n != 0) {
        size_t word = recent->word[recent->n - 1];
        uint64_t free = *word_at(f->free_map, word);
        uint64_t ends = ends_of_chunks(free, order);
        bool last = (ends & (ends - 1)) == 0;
        recent->n -= last | (free == ALL_FREE);
        if (ends != 0 && free != ALL_FREE) { // a word that is all free is part of something larger
            *pa = take_lowest(f, word / BLOCK_WORDS, word % BLOCK_WORDS, ends, count);
            return true;
        }
    }
    return search_chunk(f, order, pa);
}

// Whether `count` frames from `frame` on end by `hi`; also false for NOT_FOUND.
static bool ends_by(size_t frame, size_t count, size_t hi) {
    return frame < hi && count <= hi - frame;
}

// The lowest aligned free chunk of 2^order (0 to 9) frames, of which `count` must end by `hi`.
static size_t search_order(frames_t *f, unsigned order, size_t count, size_t lo, size_t hi) {
    size_t block = lo / FRAMES_PER_BLOCK;
    unsigned misses = 0;
    while (order < FRAMES_INDEX_WHOLE) {
        block = misses < most_misses(f) ? index_next(f, order, block)
            : frames_runs_find(f, order, (size_t)1 << order, block, f->n_blocks);
        if (block == NOT_FOUND || block * FRAMES_PER_BLOCK >= hi) {
            break;
        }
        size_t frame = find_in_block(f, block, order);
        if (ends_by(frame, count, hi)) {
            return frame;
        }
        if (frame != NOT_FOUND) {
            // Beyond the limit, and with it everything that is higher.
            break;
        }
        forget_orders(f, block, order);
        if (++misses > most_misses(f)) {
            break;
        }
    }
    block = index_next(f, FRAMES_INDEX_WHOLE, lo / FRAMES_PER_BLOCK);
    if (block == NOT_FOUND || !ends_by(block * FRAMES_PER_BLOCK, count, hi)) {
        return NOT_FOUND;
    }
    return block * FRAMES_PER_BLOCK;
}

// A search for a run, and where it has got to.
typedef struct _run_search_t {
    const frames_t *f;
    size_t count;
    size_t align;
    uint64_t align_bits; // the bits of a word that can be aligned starts, none for align >= 64
    size_t run;          // free frames right before the place reached
} run_search_t;

// Frame numbers keep the alignment of physical addresses up to a block; beyond that it depends on
// where the extent lies.
static size_t align_frame(const run_search_t *s, size_t frame) {
    size_t offset = 0;
    if (s->align > FRAMES_PER_BLOCK) {
        const frames_extent_t *extent = extent_of_frame(s->f, frame);
        offset = (size_t)(extent->base >> MEM_PAGE_SHIFT) - extent->first_frame;
    }
    return ((frame + offset + s->align - 1) & ~(s->align - 1)) - offset;
}

// The start of an aligned run of enough frames within the `run` frames before `end`.
static size_t fit(const run_search_t *s, size_t run, size_t end) {
    if (run < s->count) {
        return NOT_FOUND;
    }
    size_t start = align_frame(s, end - run);
    return ends_by(start, s->count, end) ? start : NOT_FOUND;
}

// Goes on over a word whose first frame is `base`.
static size_t search_word(run_search_t *s, uint64_t word, size_t base) {
    if (word == ALL_FREE) {
        s->run += WORD_FRAMES;
        return fit(s, s->run, base + WORD_FRAMES);
    }
    unsigned head = lowest_bit(~word);
    size_t start = fit(s, s->run + head, base + head);
    if (start == NOT_FOUND && s->count < WORD_FRAMES) {
        uint64_t starts = starts_of_runs(word, s->count) & s->align_bits;
        if (starts != 0) {
            start = base + lowest_bit(starts);
        }
    }
    s->run = 63 - highest_bit(~word);
    return start;
}

static size_t search_words(run_search_t *s, size_t block) {
    size_t base = block * FRAMES_PER_BLOCK;
    for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
        size_t start = search_word(s, s->f->free_map[block].word[i], base + i * WORD_FRAMES);
        if (start != NOT_FOUND) {
            return start;
        }
    }
    return NOT_FOUND;
}

// Goes on over a partly free block for a run that is longer than a block: only its two ends count.
static size_t search_ends(run_search_t *s, size_t block, uint32_t state) {
    const uint64_t *words = s->f->free_map[block].word;
    uint32_t partial = ~state >> 8 & STATE_ANY_MASK; // words that are not all free
    unsigned i = lowest_bit(partial);
    size_t head = i * WORD_FRAMES + lowest_bit(~words[i]);
    size_t start = fit(s, s->run + head, block * FRAMES_PER_BLOCK + head);
    i = highest_bit(partial);
    s->run = (BLOCK_WORDS - 1 - i) * WORD_FRAMES + 63 - highest_bit(~words[i]);
    return start;
}

// The lowest run there is, by reading the partly free blocks: all their words, or the ends alone where no block can
// hold it. Rare and long: not inlined, so that the common requests do not pay for its registers.
static NOINLINE size_t search_run(const frames_t *f, size_t count, size_t align, size_t lo, size_t hi) {
    run_search_t s = { .f = f, .count = count, .align = align };
    if (align < WORD_FRAMES) {
        s.align_bits = every(lowest_bit(align));
    }
    for (size_t block = lo / FRAMES_PER_BLOCK; block * FRAMES_PER_BLOCK < hi; ++block) {
        size_t start = NOT_FOUND;
        uint32_t state = f->states[block];
        if (state & STATE_WHOLE) {
            s.run += FRAMES_PER_BLOCK;
            start = fit(&s, s.run, (block + 1) * FRAMES_PER_BLOCK);
        } else if (state & STATE_ANY_MASK) {
            start = count > FRAMES_PER_BLOCK ? search_ends(&s, block, state) : search_words(&s, block);
        } else {
            s.run = 0;
        }
        if (start != NOT_FOUND) {
            return ends_by(start, count, hi) ? start : NOT_FOUND;
        }
    }
    return NOT_FOUND;
}

// The first of the cells of `align` frames, 2 to 32, of a partly free block that begins with `count` free frames, fewer
// than a cell has. One addition to a word does it: it carries beyond `count` ones.
static size_t small_cell(const frames_t *f, size_t block, size_t count, size_t align) {
    const uint64_t *words = f->free_map[block].word;
    uint64_t firsts = every(lowest_bit(align));
    uint64_t wanted = firsts * ones(0, (unsigned)count);
    uint64_t ends = 0;
    // Most blocks have none: all words at once, without branches.
    for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
        ends |= (words[i] & wanted) + firsts;
    }
    if ((ends & firsts << count) == 0) {
        return NOT_FOUND;
    }
    unsigned i = 0;
    do {
        ends = ((words[i++] & wanted) + firsts) & firsts << count;
    } while (ends == 0);
    return block * FRAMES_PER_BLOCK + (i - 1) * WORD_FRAMES + lowest_bit(ends) - count;
}

// The same for cells of one word to a block.
static size_t large_cell(const frames_t *f, size_t block, size_t count, size_t align) {
    const uint64_t *words = f->free_map[block].word;
    uint32_t all_free = (f->states[block] & STATE_ALL_MASK) >> 8;
    uint32_t full = ((uint32_t)1 << (count / WORD_FRAMES)) - 1;
    uint64_t rest = ((uint64_t)1 << (count % WORD_FRAMES)) - 1;
    for (size_t i = 0; i < BLOCK_WORDS; i += align / WORD_FRAMES) {
        if ((full & ~(all_free >> i)) == 0 && (rest & ~words[i + count / WORD_FRAMES]) == 0) {
            return block * FRAMES_PER_BLOCK + i * WORD_FRAMES;
        }
    }
    return NOT_FOUND;
}

// Whether a partly free block has no run of `count` frames, by what is noted of it.
static inline bool lacks_run(const frames_t *f, size_t block, size_t count) {
    return count > 1 && block < f->tracked && runs_field(&f->runs[block], 0) < count;
}

// The lowest run of up to a block with an alignment larger than itself: it lies at the beginning of a cell.
static NOINLINE size_t search_cells(const frames_t *f, size_t count, size_t align, size_t lo, size_t hi) {
    run_search_t s = { .f = f, .count = count, .align = align };
    size_t cell = smaller(align, FRAMES_PER_BLOCK);
    for (size_t block = lo / FRAMES_PER_BLOCK; block * FRAMES_PER_BLOCK < hi; ++block) {
        size_t start = block * FRAMES_PER_BLOCK;
        uint32_t state = f->states[block];
        if (!(state & STATE_ANY_MASK) || (align > FRAMES_PER_BLOCK && align_frame(&s, start) != start)) {
            continue;
        }
        if (!(state & STATE_WHOLE)) {
            if (count == FRAMES_PER_BLOCK || lacks_run(f, block, count)) {
                continue;
            }
            start = cell < WORD_FRAMES ? small_cell(f, block, count, cell) : large_cell(f, block, count, cell);
        }
        if (start != NOT_FOUND) {
            return ends_by(start, count, hi) ? start : NOT_FOUND;
        }
    }
    return NOT_FOUND;
}

// Where a run may start that ends in the block of `hi`, which keeps the request from the rest of that block.
static size_t block_before_limit(const frames_t *f, size_t from, size_t hi) {
    size_t last = hi / FRAMES_PER_BLOCK;
    bool cuts = hi % FRAMES_PER_BLOCK != 0 && last > from && (f->states[last] & STATE_WHOLE) != 0;
    return cuts ? last - 1 : NOT_FOUND;
}

// A run of up to a block, aligned to no more than its length: it starts in a tracked block, or it may start in one that
// is not tracked, which are searched only if `hi` keeps the request from the blocks that are free as a whole.
static size_t search_tracked(frames_t *f, size_t count, size_t align, size_t lo, size_t hi) {
    size_t from = lo / FRAMES_PER_BLOCK;
    size_t block = frames_runs_find(f, lowest_bit(align), count, from, (hi + FRAMES_PER_BLOCK - 1) / FRAMES_PER_BLOCK);
    if (block == NOT_FOUND) {
        block = f->tracked * FRAMES_PER_BLOCK >= hi ? block_before_limit(f, from, hi)
            : f->tracked > from ? f->tracked - 1 : from;
    }
    return block == NOT_FOUND ? NOT_FOUND : search_run(f, count, align, block * FRAMES_PER_BLOCK, hi);
}

size_t frames_search(frames_t *f, size_t count, size_t align, size_t lo, size_t hi) {
    size_t chunk = count > align ? count : align;
    if (chunk <= FRAMES_PER_BLOCK) {
        unsigned order = chunk == 1 ? 0 : highest_bit(chunk - 1) + 1;
        size_t frame = search_order(f, order, count, lo, hi);
        if (frame != NOT_FOUND || chunk == 1 || (count == align && count == FRAMES_PER_BLOCK)) {
            // Indexes 0 and 9 know every block.
            return frame;
        }
    }
    if (count <= FRAMES_PER_BLOCK) {
        return align <= count ? search_tracked(f, count, align, lo, hi) : search_cells(f, count, align, lo, hi);
    }
    return search_run(f, count, align, lo, hi);
}

// The longest run of ones inside `word`, but no less than `best`.
static size_t longest_in_word(uint64_t word, size_t best) {
    while (best < WORD_FRAMES && starts_of_runs(word, best + 1) != 0) {
        ++best;
    }
    return best;
}

// Goes on over a word: the longest run that ends in it, or starts and ends in it.
static size_t longest_with_word(uint64_t word, size_t *run, size_t best) {
    if (word == ALL_FREE) {
        *run += WORD_FRAMES;
        return best > *run ? best : *run;
    }
    size_t joined = *run + lowest_bit(~word);
    *run = 63 - highest_bit(~word);
    return longest_in_word(word, best > joined ? best : joined);
}

size_t frames_largest_run(const frames_t *f, size_t enough) {
    size_t run = 0;
    size_t best = 0;
    for (size_t block = 0; block < f->n_blocks && best < enough; ++block) {
        uint32_t state = f->states[block];
        if (state & STATE_WHOLE) {
            run += FRAMES_PER_BLOCK;
            best = best > run ? best : run;
        } else if (state & STATE_ANY_MASK) {
            for (unsigned i = 0; i < BLOCK_WORDS; ++i) {
                best = longest_with_word(f->free_map[block].word[i], &run, best);
            }
        } else {
            run = 0;
        }
    }
    return smaller(best, enough);
}
