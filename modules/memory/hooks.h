// SPDX-License-Identifier: MIT
// The memory system and MicroPython's life: what the port calls at each start and at each soft reset.

#ifndef MODULES_MEMORY_MEMORY_BINDING_H
#define MODULES_MEMORY_MEMORY_BINDING_H

// After mp_init(), before any Python runs.
void memory_binding_init(void);

// Before mp_deinit(): the identity space goes into TTBR0, every finaliser runs, then whatever the user left is closed:
// spaces, mappings, frames, blocks, heaps. The kernel map, the kernel heap's memory and the ramdisk stay. Prints a line
// about what no finaliser gave back, which would be a mistake of the bindings. No Python object may be used after it.
void memory_binding_deinit(void);

#endif // MODULES_MEMORY_MEMORY_BINDING_H
