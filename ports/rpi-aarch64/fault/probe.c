// SPDX-License-Identifier: MIT
// Resumes a probe whose access faulted (aarch64/probe_access.S).

#include "probe.h"

extern char probe_accesses[], probe_accesses_end[], probe_failed[];

bool probe_recover(trap_frame_t *trap) {
    if (trap->elr < (uintptr_t)probe_accesses || trap->elr >= (uintptr_t)probe_accesses_end) {
        return false;
    }
    trap->elr = (uintptr_t)probe_failed;
    return true;
}
