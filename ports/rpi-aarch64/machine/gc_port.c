// SPDX-License-Identifier: MIT
// The collector's roots on this CPU: registers and the thread's stack. Its areas are the bindings' (gc_areas.c).

#include "py/gc.h"
#include "py/mpstate.h"

#include "hooks.h"

uintptr_t gc_helper_registers(uintptr_t registers[20]);

size_t gc_get_max_new_split(void) {
    return gc_areas_available();
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
    gc_areas_collected();
}
