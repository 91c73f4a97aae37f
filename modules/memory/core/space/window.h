// SPDX-License-Identifier: MIT
// Windows: the parts of the kernel half in which mappings come and go.

#ifndef MODULES_MEMORY_CORE_SPACE_WINDOW_H
#define MODULES_MEMORY_CORE_SPACE_WINDOW_H

#include "space_error.h"

#define WINDOW_OPEN (1u)       // map() may use it; others take mappings with REGION_LOCKED only
#define WINDOW_QUARANTINE (2u) // what was unmapped stays taken until a trace found no pointer to it

typedef struct _window_t {
    const char *name;
    mem_va_t start, end;
    mem_va_t cursor;           // WINDOW_QUARANTINE: where the search for a gap begins
    uint32_t flags;
} window_t;

// Declares address space of the kernel half. MEM_EEXIST when it overlaps another window or a region. WINDOW_QUARANTINE
// is for one window.
int window_add(spaces_t *s, mem_range_t range, uint32_t flags, const char *name, space_error_t *why);

typedef struct _window_request_t {
    uint64_t size;
    uint64_t align;            // 0: of a page
    uint64_t guard;            // unmapped bytes on both sides
} window_request_t;

// An address for such a range, free until space_map() takes it: the lowest gap; with WINDOW_QUARANTINE the next one
// after the range given out last, so that an address comes again as late as it can.
int window_alloc(spaces_t *s, window_t *window, const window_request_t *request, mem_va_t *va, space_error_t *why);

// For space_unmap(): [va, va + size) of the kernel half is not mapped any more.
void window_unmapped(spaces_t *s, mem_va_t va, uint64_t size);

// Ends the quarantine of a window, whose addresses are given out from its start on again. Nothing may be mapped in it
// (MEM_EBUSY).
int window_reset(spaces_t *s, window_t *window);

// The window with this name, or NULL; the window that contains va, or NULL.
window_t *window_named(spaces_t *s, const char *name);
window_t *window_of(spaces_t *s, mem_va_t va);

#endif // MODULES_MEMORY_CORE_SPACE_WINDOW_H
