// SPDX-License-Identifier: MIT
// The collector's roots on this CPU: registers and the thread's stack. All else of it is in the bindings (gc.c).

#include "py/gc.h"
#include "py/mpstate.h"

#include "guard/busy.h"
#include "hooks.h"

uintptr_t gc_helper_registers(uintptr_t registers[20]);

static MP_NOINLINE void collect_registers_and_stack(void) {
    uintptr_t registers[20];
    uintptr_t sp = gc_helper_registers(registers);
    // The array is on the stack too.
    gc_mark_stack((const uintptr_t *)sp, (const uintptr_t *)MP_STATE_THREAD(stack_top));
}

static void collect_once(void) {
    gc_views_collect();
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
    gc_collect_time();
    do {
        collect_once();
    } while (gc_collect_ran_python());
}
