// SPDX-License-Identifier: MIT
// Out of memory only after a collection.

#include "py/gc.h"

#include "core/mem_types.h"
#include "retry.h"

int bind_retry(int (*attempt)(void *args), void *args) {
    int result = attempt(args);
    if (result == MEM_ENOMEM && !gc_is_locked()) {
        gc_collect();
        result = attempt(args);
    }
    return result;
}
