// SPDX-License-Identifier: MIT
// What is in Python's heap, for memory.gc_report() and memory.gc_map().

#ifndef MODULES_MEMORY_BINDINGS_GC_REPORT_H
#define MODULES_MEMORY_BINDINGS_GC_REPORT_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_0(memory_gc_report_obj);   // gc_report() -> (areas, types, ticks by part, collections)
MP_DECLARE_CONST_FUN_OBJ_2(memory_gc_used_obj);     // gc_used(start, size) -> bytes in use of a range

#endif // MODULES_MEMORY_BINDINGS_GC_REPORT_H
