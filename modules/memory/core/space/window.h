// SPDX-License-Identifier: MIT
// Windows: the parts of the kernel half in which mappings come and go.

#ifndef MODULES_MEMORY_CORE_SPACE_WINDOW_H
#define MODULES_MEMORY_CORE_SPACE_WINDOW_H

#include "space_error.h"

#define WINDOW_OPEN (1u)       // map() may use it; others take mappings with REGION_LOCKED only
#define WINDOW_ONCE (2u)       // window_alloc() never gives an address twice until window_reset()

typedef struct _window_t {
    const char *name;
    mem_va_t start, end;
    mem_va_t cursor;           // WINDOW_ONCE: no address from here on was handed out yet
    uint32_t flags;
} window_t;

// Declares address space of the kernel half. MEM_EEXIST when it overlaps another window or a region.
int window_add(spaces_t *s, mem_range_t range, uint32_t flags, const char *name, space_error_t *why);

typedef struct _window_request_t {
    uint64_t size;
    uint64_t align;            // 0: of a page
    uint64_t guard;            // unmapped bytes on both sides
} window_request_t;

// An address for such a range: the lowest gap, or the next address with WINDOW_ONCE. The address stays free until
// space_map() takes it; with WINDOW_ONCE it is taken at once.
int window_alloc(spaces_t *s, window_t *window, const window_request_t *request, mem_va_t *va, space_error_t *why);

// Makes a WINDOW_ONCE window hand out addresses from its start again; nothing may be mapped in it (MEM_EBUSY).
int window_reset(spaces_t *s, window_t *window);

// The window with this name, or NULL; the window that contains va, or NULL.
window_t *window_named(spaces_t *s, const char *name);
window_t *window_of(spaces_t *s, mem_va_t va);

#endif // MODULES_MEMORY_CORE_SPACE_WINDOW_H
