// SPDX-License-Identifier: MIT
// Which attributes physical memory may be mapped with. Nothing here changes tables: rights.c does, after these checks.

#ifndef MODULES_MEMORY_CORE_SPACE_WX_H
#define MODULES_MEMORY_CORE_SPACE_WX_H

#include "space.h"

// Whether the memory of a mapping may get its attributes: type against RAM, read-only ranges.
int wx_check_memory(const spaces_t *s, const space_request_t *mapping, space_error_t *why);

// The addresses that a call changes: what they map at the moment does not count.
typedef struct _wx_change_t {
    const space_t *space;
    mem_va_t va, last;
} wx_change_t;

// Whether a judged mapping would make a frame writable and executable over all spaces.
int wx_check_aliases(const spaces_t *s, const wx_change_t *change, const space_request_t *mapping, space_error_t *why);

#endif // MODULES_MEMORY_CORE_SPACE_WX_H
