// SPDX-License-Identifier: MIT
// For sequences that can be repeated: length times count may wrap, and the callers have allocated only what is left
// then.

#ifndef PORTS_RPI_AARCH64_GUARD_REPEAT_H
#define PORTS_RPI_AARCH64_GUARD_REPEAT_H

#include "py/runtime.h"

static inline void guard_seq_multiply(const void *items, size_t item_size, size_t len, size_t times, void *dest) {
    size_t count;
    if (__builtin_mul_overflow(len, times, &count) || guard_size(0, count, item_size) == GUARD_TOO_LARGE) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("repeated sequence too long"));
    }
    mp_seq_multiply(items, item_size, len, times, dest);
}

#define mp_seq_multiply guard_seq_multiply

#endif // PORTS_RPI_AARCH64_GUARD_REPEAT_H
