// SPDX-License-Identifier: MIT
// What a call of the space layer refused: its kind, from which the result follows, and the values for a message.

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_ERROR_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_ERROR_H

#include "core/mem_types.h"

// The types that the headers of this layer name before they define them.
typedef struct _spaces_t spaces_t;
typedef struct _space_t space_t;
typedef struct _region_t region_t;

typedef enum {
    SPACE_NO_ERROR,
    SPACE_MISALIGNED,          // va, pa or size (value) is not a multiple of 4096           EINVAL
    SPACE_BAD_SIZE,            // size (value) is 0 or wraps                                 EINVAL
    SPACE_BAD_ATTRS,           // protection or memory type (value) is not possible          EINVAL
    SPACE_OUT_OF_HALF,         // va is not in this half                                     ERANGE
    SPACE_OUT_OF_PA,           // pa is beyond the processor's address size                  ERANGE
    SPACE_NOT_RAM,             // pa is not RAM but the type is normal                       ERANGE
    SPACE_NOT_MMIO,            // pa is RAM but the type is device                           EPERM
    SPACE_NOT_DMA,             // non-cacheable mappings are made by boot only               EPERM
    SPACE_NOT_HELD,            // pa is not inside the frames of owner                       EINVAL
    SPACE_MAPPED,              // va is mapped: name, pa                                     EEXIST
    SPACE_UNMAPPED,            // va is not mapped                                           EFAULT
    SPACE_LOCKED,              // va is in the locked region `name`                          EPERM
    SPACE_NO_WINDOW,           // va is in no window that map() may use; name of its window  EPERM
    SPACE_PROTECTED,           // pa is in the read-only range `name`                        EPERM
    SPACE_WRITE_EXECUTE,       // pa is mapped at other_va in other_space with the other right EPERM
    SPACE_SPLIT,               // va is inside a block of the upper half                     EPERM
    SPACE_NO_TABLES,           // no frame for a table or record                             ENOMEM
    SPACE_NO_ASID,             // all 65,535 ASIDs are in use                                ENOMEM
    SPACE_NO_ADDRESS,          // window `name` has no gap of `value` bytes                  ENOMEM
    SPACE_ACTIVE,              // the space is in use by TTBR0                               EBUSY
    SPACE_KERNEL,              // not possible with the kernel half                          EPERM
    SPACE_HELD,                // frames at pa are mapped (value times) at other_va          EBUSY
    SPACE_TABLE_FULL,          // a fixed table of spaces_t is full (value = its size)       ENOMEM
    SPACE_NOT_KEPT,            // va would not mean the same memory after the switch         EFAULT
    SPACE_NOT_PAGED,           // va is not in a range with a pager                          EFAULT
    SPACE_TOO_MUCH,            // va would get more than its range allows                    EPERM
    SPACE_KERNEL_OPEN,         // there is a kernel half already: name                       EEXIST
    SPACE_USER,                // va of the kernel half would be open to EL0                 EPERM
    SPACE_NEVER_CODE,          // pa is in the range `name`, which the kernel writes         EPERM
    SPACE_TAKEN,               // va is in a reserved range or a window: name                EEXIST
} space_error_kind_t;

typedef struct _space_error_t {
    space_error_kind_t kind;
    mem_va_t va;               // this and the following: 0 or NULL where the kind does not name them
    mem_pa_t pa;
    uint64_t value;
    const char *name;          // of the region, range or window concerned; NULL when it has none
    const space_t *other_space;
    mem_va_t other_va;
} space_error_t;

// Fills in *why unless it is NULL; returns the result of the error's kind.
int space_fail(space_error_t *why, space_error_t error);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_ERROR_H
