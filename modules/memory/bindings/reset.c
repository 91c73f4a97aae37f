// SPDX-License-Identifier: MIT
// What the port calls after mp_init() and before mp_deinit() of each life of MicroPython.

#include "py/gc.h"
#include "py/mpprint.h"

#include "frames.h"
#include "heap.h"
#include "pager.h"
#include "space.h"
#include "user.h"
#include "gc_areas.h"
#include "stack.h"
#include "hooks.h"
#include "memory_system.h"

void memory_binding_init(void) {
    stack_start();
    bind_user_reset();
    const char *error = memory_system_error();
    if (error != NULL) {
        mp_printf(&mp_plat_print, "memory: %s\n", error);
        port_safe_mode_enter(error);
    }
}

// Spaces go before frames, so that no mapping holds frames any more; heaps before the view window starts again.
void memory_binding_deinit(void) {
    bind_space_leave();
    bind_pager_reset();
    gc_sweep_all();
    gc_areas_reset();
    stack_collected();
    size_t spaces = bind_space_reset();
    size_t blocks = bind_heap_reset();
    size_t frames = bind_frames_reset();
    size_t gc = gc_areas_frames();
    if ((spaces | blocks | frames | gc) != 0) {
        mp_printf(&mp_plat_print,
            "memory: leaked by finalisers: %lu address spaces, %lu blocks, %lu frames, %lu frames of the collector\n",
            spaces, blocks, frames, gc);
    }
}
