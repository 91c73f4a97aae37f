// SPDX-License-Identifier: MIT
// Memory of a program at EL0, copied for it by the kernel: exactly what the program could access itself.
// The copy goes through the linear map, so the space need not be in TTBR0.

#ifndef MODULES_MEMORY_USER_COPY_H
#define MODULES_MEMORY_USER_COPY_H

#include "core/space/space.h"

// Copies [va, va + size) of the space to or from a buffer. MEM_EFAULT when a page of it is not mapped for EL0, not
// normal memory or, for user_copy_to(), not writable: *where is the first such address, and nothing was copied.
// size may be 0.
int user_copy_from(space_t *space, void *to, mem_va_t va, uint64_t size, mem_va_t *where);
int user_copy_to(space_t *space, mem_va_t va, const void *from, uint64_t size, mem_va_t *where);

#endif // MODULES_MEMORY_USER_COPY_H
