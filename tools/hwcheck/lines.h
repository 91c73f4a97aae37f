// SPDX-License-Identifier: MIT
// The caches by line: the part that each plain access needs, inline.
#ifndef HWCHECK_LINES_H
#define HWCHECK_LINES_H

#include "event.h"

// Of a line of 64 bytes. Where none of HW_SLOW is set, a cacheable access changes `dirty` only.
enum {
    LINE_WRITTEN = 1, // newer than what the instruction cache may have
    LINE_CODE = 2, // was fetched
    LINE_NEWER = 4, // memory was written without the cache: newer than what the cache may have
    LINE_CLEANING = 8, // a clean was issued, no DSB yet
    LINE_LOST = 16, // was dirty at a reset
    LINE_TOUCHED = 32, // a cacheable access brought it into the cache
    LINE_TABLE = 64, // holds translation descriptors
    LINE_STEPS = 128, // some of the steps from WRITTEN to fetched were made
    LINE_SLOW = LINE_NEWER | LINE_CLEANING | LINE_LOST | LINE_TABLE | LINE_STEPS,
};

typedef struct {
    uint64_t dirty; // a bit a byte: newer in the cache than in memory
    const hw_insn_t *writer; // of those bytes, the last one
    uint16_t flags;
    uint16_t step;
} line_t;

typedef struct lines {
    line_t *line;
    uint64_t count;
} lines_t;

static inline line_t *lines_at(const hw_t *hw, uint64_t pa) {
    return &((const lines_t *)hw->lines)->line[(pa - hw->config.ram_base) / HW_LINE];
}

static inline uint64_t line_mask(uint64_t pa, uint32_t size) {
    return (size >= HW_LINE ? UINT64_MAX : (1ull << size) - 1) << (pa % HW_LINE);
}

// A block runs: true if none of its lines was written since it was fetched.
static inline bool lines_fetched(const hw_t *hw, const hw_block_t *block) {
    if (block->pa == HW_NOWHERE) {
        return true;
    }
    unsigned flags = 0;
    for (uint64_t pa = block->pa & ~(HW_LINE - 1ull); pa < block->pa + 4 * block->count; pa += HW_LINE) {
        flags |= lines_at(hw, pa)->flags ^ LINE_CODE;
    }
    return !(flags & (LINE_WRITTEN | LINE_CODE | LINE_STEPS));
}

// A cacheable access to RAM: true if that is all. Otherwise it has to be an event.
static inline bool lines_plain(const hw_t *hw, uint64_t pa, uint32_t size, bool store, const hw_insn_t *insn) {
    line_t *line = lines_at(hw, pa);
    if (line->flags & LINE_SLOW || pa % HW_LINE + size > HW_LINE) {
        return false;
    }
    if (store) {
        line->dirty |= line_mask(pa, size);
        line->writer = insn;
        line->flags |= LINE_WRITTEN | LINE_TOUCHED;
    } else {
        line->flags |= LINE_TOUCHED;
    }
    return true;
}

#endif
