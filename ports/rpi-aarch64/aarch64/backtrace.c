// SPDX-License-Identifier: MIT

#include "aarch64/backtrace.h"
#include "arch_mmu.h"

bool backtrace_peek(uint64_t va, uint64_t *value) {
    if ((va & 7) != 0 || (arch_at_s1e1r(va) & 1) != 0) {
        return false;
    }
    *value = *(const volatile uint64_t *)va;
    return true;
}

void backtrace_start(backtrace_t *b, const exception_frame_t *frame, unsigned max) {
    *b = (backtrace_t) {.record = frame->x[29], .left = max, .frame = frame};
}

static bool next_record(backtrace_t *b, uint64_t *address) {
    uint64_t next;
    if (b->record == 0 || !backtrace_peek(b->record, &next) || !backtrace_peek(b->record + 8, address)
        || *address == 0) {
        return false;
    }
    b->record = next > b->record ? next : 0;
    return true;
}

bool backtrace_next(backtrace_t *b, uint64_t *address) {
    if (b->left == 0) {
        return false;
    }
    --b->left;
    switch (b->state) {
        case 0:
            b->state = 1;
            *address = b->frame->elr;
            return true;
        case 1:
            b->state = 2;
            *address = b->frame->x[30];
            return true;
        default:
            return next_record(b, address);
    }
}
