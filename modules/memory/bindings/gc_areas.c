// SPDX-License-Identifier: MIT
// The collector's areas beyond its first arena: runs of frames, mapped in the window "gc" of the kernel half. Runs
// inside gc_alloc and gc_collect, so nothing here makes or reads a Python object.

#include "py/gc.h"
#include "py/obj.h"

#include "gc_areas.h"
#include "gc_collect.h"
#include "gc_views.h"
#include "hooks.h"
#include "memory_system.h"
#include "stack.h"

// Frames that stay free for tables and records of later mappings.
#define HELD_BACK_FRAMES (128)

// The least area: the first collection adds it to the arena of the image, which suffices for boot. With the arena
// alone a program with few live objects would collect all the time.
#define LEAST_FRAMES (DESC_ENTRIES) // a block of 2 MiB
#define LEAST_STEP (16)             // its size is a multiple of so many frames
#define LEAST_SHARE (384)           // of the free memory it takes at most one part in so many,
#define LEAST_KEPT (64)             // and it stays, empty, while so many times its size are free

size_t gc_areas_limit;

static size_t area_frames; // in all areas

static void *least_area; // NULL: there is none
static size_t least_size; // bytes

size_t gc_areas_frames(void) {
    return area_frames;
}

// Tables for n pages: one level 3 table per 512, and a few above it.
static size_t tables_for(size_t frames) {
    return frames / DESC_ENTRIES + 4;
}

size_t gc_areas_available(void) {
    if (!memory_system_is_switched()) {
        return 0;
    }
    size_t free = frames_available(memory_system_frames());
    size_t kept = HELD_BACK_FRAMES + tables_for(free);
    size_t available = free > kept ? (free - kept) << MEM_PAGE_SHIFT : 0;
    size_t taken = area_frames << MEM_PAGE_SHIFT;
    if (gc_areas_limit != 0) {
        size_t left = gc_areas_limit > taken ? gc_areas_limit - taken : 0;
        available = available < left ? available : left;
    }
    return available;
}

// Unmaps [start, end) and frees its frames, run by run: an area consists of the runs that
// the frame allocator had.
static void take_back(mem_va_t start, mem_va_t end) {
    space_t *kernel = memory_system_kernel();
    const region_t *region;
    while (start < end && (region = region_find(kernel, start)) != NULL) {
        mem_va_t next = region->last + 1;
        mem_pa_t pa = region->pa;
        size_t count = (next - start) >> MEM_PAGE_SHIFT;
        if (space_unmap(memory_system_spaces(), kernel, start, next - start, SPACE_FORCE, NULL) != MEM_OK) {
            return; // cannot be: it is mapped, whole and ours
        }
        frames_free(memory_system_frames(), pa, count, NULL);
        area_frames -= count;
        start = next;
    }
}

// Maps the next run of frames at va; returns its length in bytes, 0 when something ran out.
static uint64_t add_run(mem_va_t va, size_t max_count) {
    mem_pa_t pa;
    size_t count = frames_alloc_some(memory_system_frames(), max_count, &pa);
    if (count == 0) {
        return 0;
    }
    space_request_t request = {
        .va = va,
        .pa = pa,
        .size = count * MEM_PAGE_SIZE,
        .attrs = MEM_PROT_R | MEM_PROT_W | MEM_TYPE_NORMAL,
        .flags = REGION_LOCKED | SPACE_BLOCKS,
        .name = "gc",
    };
    if (space_map(memory_system_spaces(), memory_system_kernel(), &request, NULL) != MEM_OK) {
        frames_free(memory_system_frames(), pa, count, NULL);
        return 0;
    }
    area_frames += count;
    return request.size;
}

// Whole pages, not cleared; NULL when frames or addresses run out, with nothing taken.
static void *map_area(uint64_t size) {
    spaces_t *s = memory_system_spaces();
    window_t *window = memory_system_is_switched() ? window_named(s, "gc") : NULL;
    window_request_t place = {.size = size, .align = MEM_BLOCK2M_SIZE, .guard = MEM_PAGE_SIZE};
    mem_va_t start;
    if (window == NULL || window_alloc(s, window, &place, &start, NULL) != MEM_OK) {
        return NULL;
    }
    mem_va_t end = start + size;
    for (mem_va_t va = start; va < end;) {
        uint64_t mapped = add_run(va, (end - va) >> MEM_PAGE_SHIFT);
        if (mapped == 0) {
            take_back(start, va);
            return NULL;
        }
        va += mapped;
    }
    return (void *)(uintptr_t)start;
}

static void unmap_area(void *area) {
    // An area's end is where its guard begins: regions follow each other without a gap up to there.
    mem_va_t start = (uintptr_t)area;
    mem_va_t end = start;
    for (const region_t *r = region_find(memory_system_kernel(), start); r != NULL && r->start == end; r = r->next) {
        end = r->last + 1;
    }
    take_back(start, end);
}

static void *add_area(uint64_t size) {
    void *area = gc_heap.count < COLLECTOR_AREAS ? map_area(size) : NULL;
    if (area != NULL && collector_add(&gc_heap, area, size) == NULL) {
        unmap_area(area);
        return NULL;
    }
    return area;
}

static void remove_area(collector_area_t *area) {
    void *memory = area->memory;
    least_area = memory == least_area ? NULL : least_area;
    collector_remove(&gc_heap, area);
    unmap_area(memory);
}

bool gc_areas_grow(size_t blocks) {
    size_t available = gc_areas_available();
    if (blocks > available / COLLECTOR_BLOCK) {
        return false;
    }
    // The heap doubles; near the end it takes what there is.
    uint64_t needed = mem_align_up(collector_area_size(blocks), MEM_PAGE_SIZE);
    uint64_t size = 0;
    for (size_t i = 0; i < gc_heap.count; i++) {
        size += gc_heap.area[i].size;
    }
    size = MIN(MAX(size, needed), available);
    return size >= needed && add_area(size) != NULL;
}

static void add_least_area(void) {
    if (least_area != NULL) {
        return;
    }
    size_t share = gc_areas_available() / LEAST_SHARE >> MEM_PAGE_SHIFT;
    least_size = MIN(share, LEAST_FRAMES) / LEAST_STEP * LEAST_STEP << MEM_PAGE_SHIFT;
    if (least_size != 0) {
        least_area = add_area(least_size);
    }
}

static bool keeps_least_area(void) {
    return gc_areas_available() >= LEAST_KEPT * least_size;
}

// The first area is part of the image.
void gc_areas_collected(void) {
    for (size_t i = gc_heap.count; i-- > 1;) {
        collector_area_t *area = &gc_heap.area[i];
        if (collector_is_empty(area) && !(area->memory == least_area && keeps_least_area())) {
            remove_area(area);
        }
    }
    add_least_area();
    stack_collected();
    gc_views_collected();
    gc_times_add(GC_AREAS);
}

void gc_areas_reset(void) {
    for (size_t i = gc_heap.count; i-- > 1;) {
        remove_area(&gc_heap.area[i]);
    }
}
