// SPDX-License-Identifier: MIT
// From a fault in a range with a pager to the pager, and back to the instruction that faulted.

#ifndef PORTS_RPI_AARCH64_FAULT_PAGER_ENTRY_H
#define PORTS_RPI_AARCH64_FAULT_PAGER_ENTRY_H

#include <stdbool.h>

#include "exception.h"

// For a fault that may be raised (thread_fault_refusal() is NULL). Moves the trap frame to the thread's stack, where
// the collector sees it, and lets the thread go on in pager_entry (aarch64/pager.S), which calls the pager and then
// resumes from that trap frame. False when no pager is concerned.
bool pager_redirect(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_FAULT_PAGER_ENTRY_H
