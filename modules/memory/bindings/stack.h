// SPDX-License-Identifier: MIT
// The thread's stack: a window of addresses whose pages come on first touch. hooks.h has what the port calls.

#ifndef MODULES_MEMORY_BINDINGS_STACK_H
#define MODULES_MEMORY_BINDINGS_STACK_H

#include <stddef.h>

// After the kernel map is in use: the window gets its tables. Without memory for them the stack stays as boot made it.
// The reserve gets its frames at the first collection, or when the stack that boot made is nearly used up.
void stack_open(void);

// After mp_init(), which has set the limit for the stack that boot made.
void stack_start(void);

// After a collection and before a soft reset: gives the pages below the caller back.
void stack_collected(void);

// Frames of the window's pages and of the reserve.
size_t stack_frames(void);

#endif // MODULES_MEMORY_BINDINGS_STACK_H
