// SPDX-License-Identifier: MIT
// What is in Python's heap: gc.mem_free(), micropython.mem_info().

#include "py/gc.h"
#include "py/runtime.h"

#include "gc_collect.h"
#include "hooks.h"

void gc_info(gc_info_t *info) {
    collector_stats_t stats = {0};
    for (size_t i = 0; i < gc_heap.count; i++) {
        collector_area_stats(&gc_heap.area[i], &stats);
    }
    *info = (gc_info_t) {
        .total = stats.total * COLLECTOR_BLOCK,
        .used = stats.used * COLLECTOR_BLOCK,
        .free = stats.free * COLLECTOR_BLOCK,
        .max_free = stats.longest_free,
        .num_1block = stats.singles,
        .num_2block = stats.doubles,
        .max_block = stats.longest,
        .max_new_split = gc_areas_available(),
    };
}

void gc_dump_info(const mp_print_t *print) {
    gc_info_t info;
    gc_info(&info);
    mp_printf(print, "GC: total: %lu, used: %lu, free: %lu, max new split: %lu\n", info.total, info.used, info.free,
        info.max_new_split);
    mp_printf(print, " No. of 1-blocks: %lu, 2-blocks: %lu, max blk sz: %lu, max free sz: %lu\n", info.num_1block,
        info.num_2block, info.max_block, info.max_free);
}

// The letters of MicroPython's other ports.
static char letter_of(const collector_area_t *area, size_t block) {
    static const struct {
        const mp_obj_type_t *type;
        char letter;
    } letters[] = {
        {&mp_type_tuple, 'T'}, {&mp_type_list, 'L'}, {&mp_type_dict, 'D'}, {&mp_type_str, 'S'}, {&mp_type_bytes, 'S'},
        {&mp_type_bytearray, 'A'}, {&mp_type_array, 'A'}, {&mp_type_float, 'F'}, {&mp_type_fun_bc, 'B'},
        {&mp_type_module, 'M'},
    };
    collector_kind_t kind = collector_kind(area, block);
    if (kind != COLLECTOR_HEAD) {
        return kind == COLLECTOR_FREE ? '.' : '=';
    }
    const mp_obj_base_t *object = (const void *)(area->pool + block * COLLECTOR_BLOCK);
    for (size_t i = 0; i < MP_ARRAY_SIZE(letters); i++) {
        if (object->type == letters[i].type) {
            return letters[i].letter;
        }
    }
    return 'h';
}

enum { LINE_BLOCKS = 64 };

// Lines without an object are counted, if they are two at least.
static size_t dump_free_lines(const mp_print_t *print, const collector_area_t *area, size_t block) {
    size_t free = collector_free_from(area, block, area->blocks) / LINE_BLOCKS;
    if (free < 2) {
        return 0;
    }
    mp_printf(print, "\n       (%lu lines all free)", free);
    return free * LINE_BLOCKS;
}

static void dump_area(const mp_print_t *print, const collector_area_t *area) {
    mp_printf(print, "GC memory layout; from %p:", (void *)area->pool);
    for (size_t block = 0; block < area->blocks; block++) {
        if (block % LINE_BLOCKS == 0) {
            block += dump_free_lines(print, area, block);
            if (block >= area->blocks) {
                break;
            }
            mp_printf(print, "\n%08lx: ", block * COLLECTOR_BLOCK);
        }
        mp_printf(print, "%c", letter_of(area, block));
    }
    mp_print_str(print, "\n");
}

void gc_dump_alloc_table(const mp_print_t *print) {
    for (size_t i = 0; i < gc_heap.count; i++) {
        dump_area(print, &gc_heap.area[i]);
    }
}
