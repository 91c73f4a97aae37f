// SPDX-License-Identifier: MIT
// Addresses of closed views and heaps; hooks.h has what the port calls.

#ifndef MODULES_MEMORY_BINDINGS_GC_VIEWS_H
#define MODULES_MEMORY_BINDINGS_GC_VIEWS_H

// After gc_collect_end(): addresses that marking met no pointer to can be given out again.
void gc_views_collected(void);

#endif // MODULES_MEMORY_BINDINGS_GC_VIEWS_H
