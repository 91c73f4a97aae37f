// SPDX-License-Identifier: MIT
// Python's heaps: _memory.Heap, _memory.Block and the kernel heap.

#ifndef MODULES_MEMORY_BINDINGS_HEAP_H
#define MODULES_MEMORY_BINDINGS_HEAP_H

#include "py/obj.h"

#include "memory_system.h"

// For the module's table of names.
extern const mp_obj_type_t memory_heap_type;               // Heap(size)
extern const mp_obj_type_t memory_block_type;              // Block, made by Heap.alloc() only
MP_DECLARE_CONST_FUN_OBJ_0(memory_kernel_heap_obj);         // kernel_heap() -> Heap or None
MP_DECLARE_CONST_FUN_OBJ_2(memory_heap_make_kernel_obj);    // heap_make_kernel(va, size): for boot, once

// The methods that make and change blocks (block.c).
MP_DECLARE_CONST_FUN_OBJ_KW(memory_block_alloc_obj);        // Heap.alloc(size, align=16) -> Block
MP_DECLARE_CONST_FUN_OBJ_3(memory_block_realloc_obj);       // Heap.realloc(block, size) -> the same Block

// The heap behind a Heap object. ValueError for a closed one.
memory_heap_t *bind_heap_get(mp_obj_t heap);

// Appends what heap_check() finds wrong to a list, as text.
void bind_heap_check(const memory_heap_t *heap, mp_obj_t list);

// Called when a block was freed: a closed heap gives its memory back with its last block.
void bind_heap_release(memory_heap_t *heap);

// Soft reset, after the finalisers: closes every heap but the kernel heap, and frees that one's blocks. Returns how
// many blocks were still live.
size_t bind_heap_reset(void);

#endif // MODULES_MEMORY_BINDINGS_HEAP_H
