// SPDX-License-Identifier: MIT
// Collections find out which addresses of closed views and heaps nothing points to any more: these are given out again.
// Like gc_areas.c it makes and reads no Python object.

#include "gc_collect.h"
#include "gc_views.h"
#include "hooks.h"
#include "memory_system.h"

static void see(uintptr_t word) {
    quarantine_see(memory_system_quarantine(), word);
}

void gc_views_collect(void) {
    quarantine_t *quarantine = memory_system_quarantine();
    quarantine_begin(quarantine);
    mem_range_t hull = quarantine_hull(quarantine);
    collector_watch(&gc_heap, hull.start, hull.end, see);
}

// Finalisers have run: what they unmapped is in quarantine for the next collection.
void gc_views_collected(void) {
    quarantine_end(memory_system_quarantine());
}
