// SPDX-License-Identifier: MIT

#include "probe.h"

extern char probe_accesses[], probe_accesses_end[], probe_failed[];

bool probe_recover(exception_frame_t *frame) {
    if (frame->elr < (uintptr_t)probe_accesses || frame->elr >= (uintptr_t)probe_accesses_end) {
        return false;
    }
    frame->elr = (uintptr_t)probe_failed;
    return true;
}
