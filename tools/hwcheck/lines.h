// SPDX-License-Identifier: MIT
// What the caches may hold of each line of RAM: the part that every plain access needs, inline.
#ifndef HWCHECK_LINES_H
#define HWCHECK_LINES_H

#include "event.h"

enum {
    LINE_TOUCHED = 1, // a cacheable access brought it into the cache, and it was not invalidated since
    LINE_MAPPED = 2, // there was a cacheable access: speculation may bring it back at any time
    LINE_CLEANED = 4, // a clean was issued; `dirty` is what it covers, until a DSB follows
    LINE_INVALIDATED = 8, // the same for an invalidation
    LINE_NEWER = 16, // bytes of memory are newer than the cache's: lines_t.newer
    LINE_LOST = 32, // bytes were dirty at a reset: lines_t.lost
    LINE_FETCHED = 64, // as code, and not written since
    LINE_SYNCING = 128, // some of the steps from a store to a fetch were made: `step`
    LINE_SLOW = LINE_CLEANED | LINE_INVALIDATED | LINE_NEWER | LINE_LOST | LINE_SYNCING,
};

typedef struct line {
    uint64_t dirty; // a bit a byte: newer in the cache than in memory
    uint64_t written; // a bit a byte: newer than what the instruction cache may have
    const hw_insn_t *writer; // the last one
    uint32_t at; // sequence number of the last clean, invalidation or step
    union {
        struct {
            uint8_t flags;
            uint8_t step; // step_t
            uint8_t core; // whose DSB the last operation waits for
            uint8_t epoch; // number of resets before its last access
        };
        uint32_t state; // all of them, for one comparison
    };
} line_t;

#define LINE_STATE(flags, core, epoch) ((uint32_t)(flags) | (uint32_t)(core) << 16 | (uint32_t)(epoch) << 24)

typedef struct lines {
    line_t *line;
    uint64_t *newer, *lost; // by line, a bit a byte
    uint32_t *stored; // by page: hw->epoch of its last store
    uint64_t count;
    uint8_t epoch;
    uint32_t sequence; // one further with each maintenance operation and barrier
    uint32_t mmu_off; // when it was turned off last
    uint32_t dsb[HW_CORES]; // of its last complete DSB
    uint32_t synced[HW_CORES]; // of the last DSB that an ISB followed
    // IC IALLU: every line that a DSB before it made ready. Then DSB, then ISB make it effective.
    uint32_t all_ready[HW_CORES], all_done[HW_CORES], all_synced[HW_CORES];
} lines_t;

static inline line_t *lines_at(const hw_t *hw, uint64_t pa) {
    return &((const lines_t *)hw->lines)->line[(pa - hw->config.ram_base) / HW_LINE];
}

static inline uint32_t *lines_stored(const hw_t *hw, uint64_t pa) {
    return &((const lines_t *)hw->lines)->stored[(pa - hw->config.ram_base) / HW_PAGE];
}

static inline uint64_t line_mask(uint64_t pa, uint32_t size) {
    return (size >= HW_LINE ? UINT64_MAX : (1ull << size) - 1) << (pa % HW_LINE);
}

// A block runs: true if none of its bytes was written since its lines were fetched.
static inline bool lines_fetched(const hw_t *hw, const hw_block_t *block) {
    const line_t *line = block->line;
    uint64_t mask = block->first;
    uint32_t fetched = LINE_STATE(LINE_FETCHED, 0, ((const lines_t *)hw->lines)->epoch);
    for (unsigned left = block->lines; left; left--, line++) {
        mask = left == 1 ? mask & block->last : mask;
        if ((line->state & LINE_STATE(LINE_FETCHED, 0, 255)) != fetched || line->written & mask) {
            return false;
        }
        mask = UINT64_MAX;
    }
    return true;
}

// The state of a line that is in the cache, as of now.
static inline uint32_t lines_cached(const hw_t *hw) {
    return LINE_STATE(LINE_TOUCHED | LINE_MAPPED, 0, ((const lines_t *)hw->lines)->epoch);
}

// A cacheable access to this byte of a line, and no further: true if that is all. Otherwise it has
// to be an event. `cached` is lines_cached(); lines_stored() of the page is left to the caller.
static inline bool lines_plain(line_t *line, uint32_t cached, unsigned byte, uint32_t size,
    const hw_insn_t *writer) {
    if (!writer) {
        return (line->state & LINE_STATE((LINE_SLOW & ~LINE_SYNCING) | LINE_TOUCHED | LINE_MAPPED, 0, 255)) == cached &&
               byte + size <= HW_LINE;
    }
    uint32_t looked_at = LINE_STATE(LINE_SLOW | LINE_FETCHED | LINE_TOUCHED | LINE_MAPPED, 255, 255);
    if ((line->state & looked_at) != cached || byte + size > HW_LINE) {
        return false;
    }
    uint64_t mask = ((1ull << size) - 1) << byte; // size < 64: of a load or store
    line->dirty |= mask;
    line->written |= mask;
    line->writer = writer;
    return true;
}

// For lines_fetched(): the lines of a block.
void lines_of_block(const hw_t *hw, hw_block_t *block);

// The table walker reads these descriptors.
void lines_walked(hw_t *hw, const hw_event_t *event, const hw_map_t *map);

// A device reads or writes memory: rules 4a, 4b and 4c.
void lines_device_reads(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t size, const char *who);
void lines_device_writes(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t size, const char *who);
// The first line with bytes that memory does not have; NULL: there is none.
const line_t *lines_first_dirty(hw_t *hw, uint64_t pa, uint64_t end);

#endif
