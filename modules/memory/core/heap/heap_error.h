// SPDX-License-Identifier: MIT
// Private to core/heap: how a call of the heap fails. Each function fills in *why, which may be NULL, and returns the
// result of the kind.

#ifndef MODULES_MEMORY_CORE_HEAP_HEAP_ERROR_H
#define MODULES_MEMORY_CORE_HEAP_HEAP_ERROR_H

#include "heap_block.h"

// Fails as `error` says; its `result` is filled in.
int heap_fail(heap_error_t *why, heap_error_t error);

// HEAP_DAMAGED, with the first damaged block that heap_check() names. `value` is the size asked for, or 0.
int heap_fail_damaged(const heap_t *h, uint64_t value, heap_error_t *why);

// Says why b is not the address of a live block.
int heap_fail_pointer(const heap_t *h, uintptr_t b, heap_error_t *why);

#endif // MODULES_MEMORY_CORE_HEAP_HEAP_ERROR_H
