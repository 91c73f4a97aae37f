// SPDX-License-Identifier: MIT
// The collector's areas beyond its first arena: runs of frames, mapped in the window "gc" of the kernel half. Runs
// inside gc_alloc and gc_collect, so nothing here makes or reads a Python object.

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"

#include "gc_areas.h"
#include "hooks.h"
#include "memory_system.h"

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

// Areas that the collector took out of its list although their first block is live (see gc_areas_free()).
static mp_state_mem_area_t *kept_areas;

static mp_state_mem_area_t *least_area; // NULL: there is none
static size_t least_size;               // bytes

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

void *gc_areas_alloc(size_t size) {
    spaces_t *s = memory_system_spaces();
    uint64_t bytes = mem_align_up(size, MEM_PAGE_SIZE);
    window_t *window = memory_system_is_switched() ? window_named(s, "gc") : NULL;
    window_request_t place = {.size = bytes, .align = MEM_BLOCK2M_SIZE, .guard = MEM_PAGE_SIZE};
    mem_va_t start;
    if (window == NULL || bytes < size || window_alloc(s, window, &place, &start, NULL) != MEM_OK) {
        return NULL;
    }
    mem_va_t end = start + bytes;
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

static void add_least_area(void) {
    if (least_area != NULL) {
        return;
    }
    size_t share = gc_areas_available() / LEAST_SHARE >> MEM_PAGE_SHIFT;
    least_size = MIN(share, LEAST_FRAMES) / LEAST_STEP * LEAST_STEP << MEM_PAGE_SHIFT;
    if (least_size != 0 && (least_area = gc_areas_alloc(least_size)) != NULL) {
        gc_add(least_area, (byte *)least_area + least_size);
    }
}

static bool keeps_least_area(void) {
    return gc_areas_available() >= LEAST_KEPT * least_size;
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

// The collector (py/gc.c, 1.25 to 1.29) frees an area when the highest block in use is number 0, but that block may be
// live: the area is set aside, and linked in again after the collection. So is the least area while memory is plenty.
void gc_areas_free(void *start) {
    mp_state_mem_area_t *area = start;
    bool block0_in_use = (area->gc_alloc_table_start[0] & 3) != 0;
    if (block0_in_use || (area == least_area && keeps_least_area())) {
        area->next = kept_areas;
        kept_areas = area;
        return;
    }
    unmap_area(start);
    if (area == least_area) {
        least_area = NULL;
    }
}

// The finaliser of a stream closes it: a file is written to its block device, which may be a Python object.
static bool may_run_python(const mp_obj_base_t *obj) {
    return obj->type != NULL && MP_OBJ_TYPE_HAS_SLOT(obj->type, protocol);
}

// How many objects have a finaliser that may run Python code; with `mark`, they are marked.
static size_t python_finalisers(bool mark) {
    size_t count = 0;
    for (const mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        // A bit for each block, as in py/gc.c; behind the table, which may end within the last 64, is the area's pool.
        for (size_t i = 0; i <= area->gc_last_used_block; i += 64) {
            uint64_t bits;
            memcpy(&bits, area->gc_finaliser_table_start + i / 8, sizeof(bits));
            for (; bits != 0; bits &= bits - 1) {
                size_t block = i + __builtin_ctzll(bits);
                void *obj = area->gc_pool_start + block * MICROPY_BYTES_PER_GC_BLOCK;
                if (block > area->gc_last_used_block || !may_run_python(obj)) {
                    continue;
                }
                count++;
                if (mark) {
                    gc_collect_root(&obj, 1);
                }
            }
        }
    }
    return count;
}

size_t gc_areas_python_finalisers(void) {
    return python_finalisers(false);
}

void gc_areas_keep_python_finalisers(void) {
    python_finalisers(true);
}

void gc_areas_collected(void) {
    mp_state_mem_area_t *last = &MP_STATE_MEM(area);
    while (last->next != NULL) {
        last = last->next;
    }
    while (kept_areas != NULL) {
        mp_state_mem_area_t *area = kept_areas;
        kept_areas = area->next;
        area->next = NULL;
        last->next = area;
        last = area;
    }
    add_least_area();
}

void gc_areas_reset(void) {
    while (kept_areas != NULL) {
        mp_state_mem_area_t *area = kept_areas;
        kept_areas = area->next;
        unmap_area(area);
    }
    least_area = NULL;
}
