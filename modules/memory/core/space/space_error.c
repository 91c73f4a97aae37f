// SPDX-License-Identifier: MIT
// The result of each kind of error of the space layer. This file is the lowest of the layer: it calls no other.

#include "space_internal.h"

int space_fail(space_error_t *why, space_error_t error) {
    static const int8_t results[] = {
        [SPACE_NO_ERROR] = MEM_OK,
        [SPACE_MISALIGNED] = MEM_EINVAL,
        [SPACE_BAD_SIZE] = MEM_EINVAL,
        [SPACE_BAD_ATTRS] = MEM_EINVAL,
        [SPACE_OUT_OF_HALF] = MEM_ERANGE,
        [SPACE_OUT_OF_PA] = MEM_ERANGE,
        [SPACE_NOT_RAM] = MEM_ERANGE,
        [SPACE_NOT_MMIO] = MEM_EPERM,
        [SPACE_NOT_DMA] = MEM_EPERM,
        [SPACE_NOT_HELD] = MEM_EINVAL,
        [SPACE_MAPPED] = MEM_EEXIST,
        // The errno of a translation fault: a missing page is the same error however it is found.
        [SPACE_UNMAPPED] = MEM_EFAULT,
        [SPACE_LOCKED] = MEM_EPERM,
        [SPACE_NO_WINDOW] = MEM_EPERM,
        [SPACE_PROTECTED] = MEM_EPERM,
        [SPACE_WRITE_EXECUTE] = MEM_EPERM,
        [SPACE_SPLIT] = MEM_EPERM,
        [SPACE_NO_TABLES] = MEM_ENOMEM,
        [SPACE_NO_ASID] = MEM_ENOMEM,
        [SPACE_NO_ADDRESS] = MEM_ENOMEM,
        [SPACE_ACTIVE] = MEM_EBUSY,
        [SPACE_KERNEL] = MEM_EPERM,
        [SPACE_HELD] = MEM_EBUSY,
        [SPACE_TABLE_FULL] = MEM_ENOMEM,
        [SPACE_NOT_KEPT] = MEM_EFAULT,
        [SPACE_NOT_PAGED] = MEM_EFAULT,
        [SPACE_TOO_MUCH] = MEM_EPERM,
        [SPACE_KERNEL_OPEN] = MEM_EEXIST,
        [SPACE_USER] = MEM_EPERM,
        [SPACE_NEVER_CODE] = MEM_EPERM,
        [SPACE_TAKEN] = MEM_EEXIST,
    };
    if (why != NULL) {
        *why = error;
    }
    return results[error.kind];
}
