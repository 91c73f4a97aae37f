// SPDX-License-Identifier: MIT
// What the bindings do when memory ran out.

#ifndef MODULES_MEMORY_BINDINGS_RETRY_H
#define MODULES_MEMORY_BINDINGS_RETRY_H

// Calls attempt(args), a call of the mechanism, and returns its result. When memory ran out (MEM_ENOMEM), garbage is
// collected, whose objects may own frames, blocks and ASIDs, and it is called once more. Not in an interrupt handler or
// a finaliser, where the collector is locked.
int bind_retry(int (*attempt)(void *args), void *args);

#endif // MODULES_MEMORY_BINDINGS_RETRY_H
