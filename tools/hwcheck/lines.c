// SPDX-License-Identifier: MIT
// Rules 1 to 4: what the caches may hold of each line of RAM.
#include "lines.h"

#include <stdlib.h>
#include <sys/mman.h>

lines_t *lines_new(const hw_t *hw) {
    lines_t *lines = calloc(1, sizeof *lines);
    if (lines) {
        lines->count = hw->ram_size / HW_LINE;
        lines->line = mmap(NULL, lines->count * sizeof(line_t), PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (lines->line == MAP_FAILED) {
            free(lines);
            return NULL;
        }
    }
    return lines;
}

void lines_free(lines_t *lines) {
    if (lines) {
        munmap(lines->line, lines->count * sizeof(line_t));
        free(lines);
    }
}

static bool cacheable(const hw_map_t *map) {
    return map->memory == HW_NORMAL_WB || map->memory == HW_NORMAL_WT;
}

static void access_line(hw_t *hw, const hw_event_t *event, uint64_t pa, uint32_t size) {
    line_t *line = lines_at(hw, pa);
    uint64_t mask = line_mask(pa, size);
    if (cacheable(&event->map)) {
        line->flags |= LINE_TOUCHED;
        if (event->store) {
            line->dirty |= mask;
            line->writer = event->insn;
            line->flags |= LINE_WRITTEN;
        }
    } else if (!event->store && line->dirty & mask) {
        hw_report(hw, event, "4a", line->writer, "memory is read that the cache has newer bytes of");
    }
}

static void access(hw_t *hw, const hw_event_t *event) {
    if (event->insn && event->insn->op == HW_OP_EXCLUSIVE && event->map.memory != HW_NORMAL_WB) {
        hw_report(hw, event, "1-exclusive-not-cacheable", NULL, "an exclusive access to memory that is not cached");
    }
    uint64_t pa = event->pa;
    for (uint32_t left = event->size; left && hw_is_ram(hw, pa);) {
        uint32_t size = HW_LINE - pa % HW_LINE;
        size = size < left ? size : left;
        access_line(hw, event, pa, size);
        pa += size;
        left -= size;
    }
}

static void cache_operation(hw_t *hw, const hw_event_t *event) {
    if (event->pa == HW_NOWHERE || !hw_is_ram(hw, event->pa)) {
        return;
    }
    line_t *line = lines_at(hw, event->pa);
    switch (event->insn->sys) {
        case HW_SYS(1, 3, 7, 10, 1): // DC CVAC
        case HW_SYS(1, 3, 7, 14, 1): // DC CIVAC
            line->dirty = 0;
            break;
    }
}

static void fetch(hw_t *hw, const hw_event_t *event) {
    uint64_t end = event->pa + event->size;
    for (uint64_t pa = event->pa & ~(HW_LINE - 1ull); pa < end && hw_is_ram(hw, pa); pa += HW_LINE) {
        lines_at(hw, pa)->flags |= LINE_CODE;
    }
}

void lines_event(hw_t *hw, const hw_event_t *event) {
    switch (event->kind) {
        case HW_ACCESS:
        case HW_ZVA:
            access(hw, event);
            break;
        case HW_CACHE:
            cache_operation(hw, event);
            break;
        case HW_FETCH:
            fetch(hw, event);
            break;
        default:
            break;
    }
}
