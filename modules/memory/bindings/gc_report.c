// SPDX-License-Identifier: MIT
// gc_report(): what is in Python's heap, by area and by type, and the times of the last collection; gc_used(). Nothing
// is allocated while the heap is walked, so that all numbers are of one moment. What is damaged is counted as it looks.

#include <string.h>

#include "common.h"
#include "gc_collect.h"
#include "gc_report.h"

#define TYPES (64)          // types that are counted apart, the first three kinds included
#define RUNS_AT_ONCE (256)  // between two looks for Ctrl-C

// What has no type of its own.
enum { PLAIN, DATA, OTHERS, FIRST_TYPE };

typedef struct _type_count_t {
    uintptr_t type;         // address of the mp_obj_type_t
    size_t objects, blocks;
} type_count_t;

typedef struct _area_count_t {
    uintptr_t pool;
    size_t size, used, free, longest_free, objects;
} area_count_t;

// A block of the heap, too large for the stack: the collector finds the types in it.
typedef struct _walk_t {
    uintptr_t rodata, rodata_end;
    size_t areas, types, last;
    area_count_t area[COLLECTOR_AREAS];
    type_count_t type[TYPES];
} walk_t;

static void find_rodata(walk_t *w) {
    for (size_t i = 0; i < boot_info.section_count; ++i) {
        const boot_section_t *s = &boot_info.sections[i];
        if (strcmp(s->name, "rodata") == 0) {
            w->rodata = s->va;
            w->rodata_end = s->va + s->size;
        }
    }
}

static uintptr_t first_word(uintptr_t address) {
    return *(const uintptr_t *)address;
}

// Types are constants of the image, or objects of the heap.
static bool is_type(const walk_t *w, uintptr_t word) {
    if (word % sizeof(uintptr_t) != 0) {
        return false;
    }
    bool is_constant = word >= w->rodata && word < w->rodata_end;
    return (is_constant || collector_length(&gc_heap, (void *)word) != 0)
           && first_word(word) == (uintptr_t)&mp_type_type;
}

static size_t type_at(walk_t *w, uintptr_t start) {
    uintptr_t word = first_word(start);
    if (collector_flags(&gc_heap, (void *)start) & COLLECTOR_PLAIN) {
        return PLAIN;
    }
    if (word == w->type[w->last].type) {
        return w->last;
    }
    size_t i = FIRST_TYPE;
    while (i < w->types && w->type[i].type != word) {
        ++i;
    }
    if (i == w->types) {
        if (!is_type(w, word)) {
            return DATA;
        }
        if (i == TYPES) {
            return OTHERS;
        }
        w->type[w->types++].type = word;
    }
    return w->last = i;
}

static void count_chain(walk_t *w, area_count_t *count, const collector_run_t *run) {
    type_count_t *type = &w->type[type_at(w, count->pool + run->block * COLLECTOR_BLOCK)];
    type->objects += 1;
    type->blocks += run->length;
    count->objects += 1;
    count->used += run->length;
}

static void walk_area(walk_t *w, const collector_area_t *area) {
    area_count_t *count = &w->area[w->areas++];
    *count = (area_count_t) {.pool = area->pool, .size = area->size};
    size_t n = 0;
    for (collector_run_t run = {0}; collector_next_run(area, &run);) {
        if (++n % RUNS_AT_ONCE == 0) {
            bind_raise_interrupt();
        }
        if (!run.is_free) {
            count_chain(w, count, &run);
            continue;
        }
        count->free += run.length;
        count->longest_free = MAX(count->longest_free, run.length);
    }
}

static mp_obj_t new_numbers(const size_t *numbers, size_t count) {
    mp_obj_t tuple = mp_obj_new_tuple(count, NULL);
    mp_obj_tuple_t *self = MP_OBJ_TO_PTR(tuple);
    for (size_t i = 0; i < count; ++i) {
        self->items[i] = bind_new_u64(numbers[i]);
    }
    return tuple;
}

static mp_obj_t area_list(const walk_t *w) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < w->areas; ++i) {
        const area_count_t *a = &w->area[i];
        size_t numbers[] = {
            a->pool, a->size, a->used * COLLECTOR_BLOCK, a->free * COLLECTOR_BLOCK, a->longest_free * COLLECTOR_BLOCK,
            a->objects,
        };
        mp_obj_list_append(list, new_numbers(numbers, MP_ARRAY_SIZE(numbers)));
    }
    return list;
}

static mp_obj_t type_name(const type_count_t *count, size_t i) {
    static const char *const kinds[] = {"<plain>", "<data>", "<others>"};
    if (i < FIRST_TYPE) {
        return bind_new_text(kinds[i]);
    }
    // A damaged block may look like a type.
    size_t names = MP_STATE_VM(last_pool)->total_prev_len + MP_STATE_VM(last_pool)->len;
    const mp_obj_type_t *type = (const void *)count->type;
    qstr name = type->name;
    return name > MP_QSTR_ && name < names ? MP_OBJ_NEW_QSTR(name) : bind_new_text("<unnamed>");
}

static mp_obj_t type_list(const walk_t *w) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < w->types; ++i) {
        const type_count_t *type = &w->type[i];
        mp_obj_t items[] = {
            type_name(type, i), bind_new_u64(type->objects), bind_new_u64(type->blocks * COLLECTOR_BLOCK),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    return list;
}

// gc_report() -> (areas, types, ticks by part, collections)
static mp_obj_t memory_gc_report(void) {
    walk_t *w = m_new0(walk_t, 1);
    gc_times_t times = gc_times;
    w->types = FIRST_TYPE;
    find_rodata(w);
    for (size_t i = 0; i < gc_heap.count; ++i) {
        walk_area(w, &gc_heap.area[i]);
    }
    mp_obj_t items[] = {
        area_list(w), type_list(w), new_numbers(times.ticks, GC_PARTS), bind_new_u64(times.count),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_gc_report_obj, memory_gc_report);

// gc_used(start, size): bytes in use of a range.
static mp_obj_t memory_gc_used(mp_obj_t start_in, mp_obj_t size_in) {
    uint64_t start = bind_get_u64(start_in, "start");
    uint64_t size = bind_get_size(size_in, "size");
    if (!mem_range_ok(start, size)) {
        bind_raise_value(MP_ERROR_TEXT("size 0x%lx at 0x%016lx passes the end of memory"), size, start);
    }
    size_t used = 0;
    for (size_t i = 0; i < gc_heap.count; ++i) {
        const collector_area_t *area = &gc_heap.area[i];
        uint64_t low = MAX(start, area->pool);
        uint64_t end = MIN(start + size, area->pool + area->blocks * COLLECTOR_BLOCK);
        if (low < end) {
            size_t block = (low - area->pool) / COLLECTOR_BLOCK;
            used += collector_used(area, block, (end - area->pool + COLLECTOR_BLOCK - 1) / COLLECTOR_BLOCK - block);
        }
    }
    return bind_new_u64(used * COLLECTOR_BLOCK);
}
MP_DEFINE_CONST_FUN_OBJ_2(memory_gc_used_obj, memory_gc_used);
