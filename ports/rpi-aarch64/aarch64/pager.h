// SPDX-License-Identifier: MIT
// The thread's stack while a pager resolves a fault (pager.S, fault/pager_entry.c).

#ifndef PORTS_RPI_AARCH64_AARCH64_PAGER_H
#define PORTS_RPI_AARCH64_AARCH64_PAGER_H

#define PAGER_STACK_TRAP        32

#ifndef __ASSEMBLER__

#include "fault/exception.h"

// AAPCS64 6.4.6.
typedef struct _frame_record_t {
    uint64_t next, return_address;
} frame_record_t;

typedef struct _pager_stack_t {
    frame_record_t pc, lr;     // of the interrupted code
    trap_frame_t trap;
} pager_stack_t;

// Entered by an exception return with SP = a pager_stack_t, X0 = its trap frame, X29 = its first record.
void pager_entry(void);

#endif // __ASSEMBLER__
#endif // PORTS_RPI_AARCH64_AARCH64_PAGER_H
