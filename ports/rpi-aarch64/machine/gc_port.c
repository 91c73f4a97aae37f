// SPDX-License-Identifier: MIT
// The collector's roots on this CPU: registers and the thread's stack. Its areas are the bindings' (gc_areas.c).

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"

#include "guard/busy.h"
#include "hooks.h"

uintptr_t gc_helper_registers(uintptr_t registers[20]);

size_t gc_get_max_new_split(void) {
    return gc_areas_available();
}

enum { HEAD = 1, TAIL = 2, FOUR_TAILS = 0xaa }; // of py/gc.c: two bits for each block
#define EIGHT_BYTES_OF_TAILS (0xaaaaaaaaaaaaaaaa)

static unsigned block_kind(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_alloc_table_start[block / 4] >> 2 * (block & 3) & 3;
}

static bool has_finaliser(const mp_state_mem_area_t *area, size_t block) {
    return area->gc_finaliser_table_start[block / 8] >> (block & 7) & 1;
}

// The first block of the memory to which a block belongs; the block itself if it is free.
static size_t first_block(const mp_state_mem_area_t *area, size_t block) {
    const byte *table = area->gc_alloc_table_start;
    while (block != 0 && block_kind(area, block) == TAIL) {
        block--;
        if ((block & 3) == 3) { // large memory: its bytes of the table are passed whole, and eight at a time
            size_t end = block / 4 + 1;
            uint64_t eight;
            while (end >= sizeof(eight) && memcpy(&eight, table + end - sizeof(eight), sizeof(eight))
                   && eight == EIGHT_BYTES_OF_TAILS) {
                end -= sizeof(eight);
            }
            while (end > 1 && table[end - 1] == FOUR_TAILS) {
                end--;
            }
            block = 4 * end - 1;
        }
    }
    return block;
}

// Marks what p points to. C code works with pointers into arrays and tables while Python code that it calls makes their
// owner drop them: such a pointer keeps what it points into, like one to its start (guard/keep.h). Objects with a
// finaliser are to be found by their start.
static MP_NOINLINE void collect_pointer(uintptr_t p) {
    const mp_state_mem_area_t *area = &MP_STATE_MEM(area);
    while (p < (uintptr_t)area->gc_pool_start || p >= (uintptr_t)area->gc_pool_end) {
        if ((area = area->next) == NULL) {
            return;
        }
    }
    size_t block = (p - (uintptr_t)area->gc_pool_start) / MICROPY_BYTES_PER_GC_BLOCK;
    unsigned kind = block_kind(area, block);
    if (kind == TAIL) {
        block = first_block(area, block);
        kind = block_kind(area, block);
    }
    if (kind == HEAD) {
        void *start = area->gc_pool_start + block * MICROPY_BYTES_PER_GC_BLOCK;
        if ((uintptr_t)start == p || !has_finaliser(area, block)) {
            gc_collect_root(&start, 1);
        }
    }
}

// In place of gc_collect_root(), which does not look for pointers into something. Most words point nowhere near the
// heap: a comparison with the bounds of all areas leaves them out, two words at a time, as the stack is aligned.
static void collect_words(const uintptr_t *from, const uintptr_t *to) {
    uintptr_t low = UINTPTR_MAX;
    uintptr_t high = 0;
    for (const mp_state_mem_area_t *area = &MP_STATE_MEM(area); area != NULL; area = area->next) {
        low = MIN(low, (uintptr_t)area->gc_pool_start);
        high = MAX(high, (uintptr_t)area->gc_pool_end);
    }
    for (; from < to; from += 2) {
        uintptr_t first = from[0], second = from[1];
        if ((first - low < high - low) | (second - low < high - low)) {
            collect_pointer(first);
            collect_pointer(second);
        }
    }
}

static MP_NOINLINE void collect_registers_and_stack(void) {
    uintptr_t registers[20];
    uintptr_t sp = gc_helper_registers(registers);
    // The array is on the stack too.
    collect_words((const uintptr_t *)sp, (const uintptr_t *)MP_STATE_THREAD(stack_top));
}

static void collect_once(void) {
    gc_collect_start();
    collect_registers_and_stack();
    guard_busy_collect();
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
