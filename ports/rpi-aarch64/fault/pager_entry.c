// SPDX-License-Identifier: MIT

#include <stddef.h>

#include "py/mpconfig.h"

#include "aarch64/pager.h"
#include "bindings/pager.h"
#include "pager_entry.h"
#include "thread_fault.h"

#define EC_FETCH_ABORT (0x20)  // of EL0 (Arm ARM D17.2.37), one more of the same EL
#define EC_DATA_ABORT (0x24)
#define ISS_FNV (1 << 10)      // FAR says nothing
#define STATUS_KIND (0x3c)     // of the fault status code; the rest is the level
#define STATUS_TRANSLATION (0x04)
#define STATUS_PERMISSION (0x0c)

// For the frame, and for the first calls towards Python, which looks after the stack itself then.
#define ROOM (sizeof(pager_stack_t) + MICROPY_STACK_CHECK_MARGIN)

_Static_assert(offsetof(pager_stack_t, frame) == PAGER_STACK_FRAME, "pager.S knows it");
_Static_assert(sizeof(exception_frame_t) % 32 == 0 && sizeof(pager_stack_t) % 16 == 0, "pager.S copies 32 bytes each");

bool pager_is_missing_page(const exception_frame_t *frame) {
    unsigned ec = frame->esr >> 26 & ~1;
    unsigned kind = frame->esr & STATUS_KIND;
    return (ec == EC_DATA_ABORT || ec == EC_FETCH_ABORT) && !(frame->esr & ISS_FNV)
        && (kind == STATUS_TRANSLATION || kind == STATUS_PERMISSION);
}

bool pager_redirect(exception_frame_t *frame) {
    if (!pager_is_missing_page(frame) || !bind_pager_wants(frame->far)) {
        return false;
    }
    if (frame->sp % 16 != 0 || thread_fault_is_off_stack(frame)) {
        return false; // where the registers would go
    }
    if (!thread_fault_has_room(frame, ROOM)) {
        thread_fault_redirect_overflow(frame);
        return true;
    }
    pager_stack_t *stack = (pager_stack_t *)frame->sp - 1;
    stack->frame = *frame;
    // The chain of frame records leads through here into the interrupted code: PC, LR, then its callers.
    stack->pc = (frame_record_t) {(uintptr_t)&stack->lr, frame->elr};
    stack->lr = (frame_record_t) {frame->x[29], frame->x[30]};
    thread_fault_enter(frame, (uintptr_t)pager_entry, (uintptr_t)&stack->frame, (uintptr_t)stack);
    frame->x[29] = (uintptr_t)&stack->pc;
    frame->x[30] = stack->frame.elr;
    return true;
}
