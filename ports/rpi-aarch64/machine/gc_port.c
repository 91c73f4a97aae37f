// SPDX-License-Identifier: MIT
// The collector's roots on this CPU: registers and the thread's stack. Its areas are the bindings' (gc_areas.c).

#include "py/gc.h"
#include "py/mpstate.h"

#include "hooks.h"

uintptr_t gc_helper_registers(uintptr_t registers[20]);

size_t gc_get_max_new_split(void) {
    return gc_areas_available();
}

static unsigned block_kind(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_alloc_table_start[block / 4] >> 2 * (block & 3) & 3;
}

// Where the memory begins into which p points; NULL for objects with a finaliser, which are to be found by their start.
static void *head_of(const mp_state_mem_area_t *area, uintptr_t p) {
    enum { HEAD = 1, TAIL = 2, FOUR_TAILS = 0xaa }; // of py/gc.c
    size_t block = (p - (uintptr_t)area->gc_pool_start) / MICROPY_BYTES_PER_GC_BLOCK;
    while (block != 0 && block_kind(area, block) == TAIL) {
        block -= (block & 3) == 3 && area->gc_alloc_table_start[block / 4] == FOUR_TAILS ? 4 : 1;
    }
    bool has_finaliser = area->gc_finaliser_table_start[block / 8] >> (block & 7) & 1;
    return block_kind(area, block) == HEAD && !has_finaliser
        ? area->gc_pool_start + block * MICROPY_BYTES_PER_GC_BLOCK : NULL;
}

// C code works with pointers into arrays and tables while Python code that it calls makes their owner drop them: such a
// pointer keeps what it points into, like one to its start (guard/keep.h).
static void collect_inside(const uintptr_t *from, const uintptr_t *to) {
    for (; from != to; from++) {
        for (const mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
            if (*from >= (uintptr_t)area->gc_pool_start && *from < (uintptr_t)area->gc_pool_end) {
                void *head = head_of(area, *from);
                if (head != NULL && (uintptr_t)head != *from) {
                    gc_collect_root(&head, 1);
                }
                break;
            }
        }
    }
}

static MP_NOINLINE void collect_registers_and_stack(void) {
    uintptr_t registers[20];
    uintptr_t sp = gc_helper_registers(registers);
    uintptr_t top = (uintptr_t)MP_STATE_THREAD(stack_top);
    gc_collect_root((void **)sp, (top - sp) / sizeof(uintptr_t)); // the array is on the stack too
    collect_inside((const uintptr_t *)sp, (const uintptr_t *)top);
}

static void collect_once(void) {
    gc_collect_start();
    collect_registers_and_stack();
    gc_collect_end();
    gc_areas_collected();
}

// A finaliser that runs Python code may ask for a collection: there is one. Such a finaliser may drop objects that the
// collection has marked already, so another one follows; finalisers cannot make objects, so that this ends.
void gc_collect(void) {
    if (MP_STATE_THREAD(gc_lock_depth) & GC_COLLECT_FLAG) {
        return;
    }
    size_t before;
    size_t left = gc_areas_python_finalisers();
    do {
        before = left;
        collect_once();
        left = gc_areas_python_finalisers();
    } while (left < before);
}
