// SPDX-License-Identifier: MIT
// The collector's roots on this CPU, and its areas: memory that is added when Python needs more and
// given back when it is empty. Runs inside gc_alloc and gc_collect: no Python object may be made.

#include "py/gc.h"
#include "py/mpstate.h"

#include "bindings/gc_areas.h"

uintptr_t gc_helper_registers(uintptr_t registers[20]);

// Areas that the collector took out of its list although their first block is live (see below).
static mp_state_mem_area_t *kept_areas;

size_t gc_get_max_new_split(void) {
    return gc_areas_available();
}

void *gc_port_alloc_area(size_t size) {
    return gc_areas_alloc(size);
}

// The collector (py/gc.c, 1.25 to 1.29) frees an area when the highest block in use is number 0,
// but that block may be live: the area is set aside and linked in again after the collection.
void gc_port_free_area(void *start) {
    mp_state_mem_area_t *area = start;
    bool block0_in_use = (area->gc_alloc_table_start[0] & 3) != 0;
    if (block0_in_use) {
        area->next = kept_areas;
        kept_areas = area;
    } else {
        gc_areas_free(start);
    }
}

static void link_kept_areas(void) {
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
}

static MP_NOINLINE void collect_registers_and_stack(void) {
    uintptr_t registers[20];
    uintptr_t sp = gc_helper_registers(registers);
    uintptr_t top = (uintptr_t)MP_STATE_THREAD(stack_top);
    gc_collect_root((void **)sp, (top - sp) / sizeof(uintptr_t)); // the array is on the stack too
}

void gc_collect(void) {
    gc_collect_start();
    collect_registers_and_stack();
    gc_collect_end();
    link_kept_areas();
}
