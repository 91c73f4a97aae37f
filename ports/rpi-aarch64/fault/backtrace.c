// SPDX-License-Identifier: MIT
// Reads a chain of frame records that may be damaged, without causing a fault.

#include "backtrace.h"
#include "core/arch.h"
#include "core/fault/fault.h"
#include "boot/layout.h"
#include "hooks.h"

bool backtrace_peek(uint64_t va, uint64_t *value) {
    if ((va & 7) != 0) {
        return false;
    }
    uint64_t par = arch_at_s1e1r(va);
    if (!fault_par_is_mapped(par) || !fault_par_is_normal(par)) {
        return false;
    }
    *value = *(const volatile uint64_t *)va;
    return true;
}

// The lowest address of the thread's stack that is mapped; before boot has said it, that of the part in the image.
static uint64_t stack_low(void) {
    uint64_t low = bind_stack_low();
    return low != 0 ? low : LAYOUT_THREAD_STACK_PART;
}

// Whether there may be a frame record of the thread, in the part of its stack that is mapped.
static bool is_on_thread_stack(uint64_t va) {
    return va >= stack_low() && va <= LAYOUT_THREAD_STACK_TOP - 16 && va % 8 == 0;
}

void backtrace_start(backtrace_t *b, const trap_frame_t *trap, unsigned max) {
    *b = (backtrace_t) {.record = trap->x[29], .left = max, .trap = trap};
}

static bool read_record(uint64_t va, uint64_t *next, uint64_t *address) {
    if (is_on_thread_stack(va)) {
        const volatile uint64_t *record = (const volatile uint64_t *)va;
        *next = record[0];
        *address = record[1];
        return true;
    }
    return backtrace_peek(va, next) && backtrace_peek(va + 8, address);
}

// Up the stack, or from the exceptions' stack, which is above it, to the thread's.
static bool leads_on(uint64_t from, uint64_t to) {
    return to > from || (!is_on_thread_stack(from) && is_on_thread_stack(to));
}

static bool next_record(backtrace_t *b, uint64_t *address) {
    uint64_t next;
    if (b->record == 0) {
        return false;
    }
    b->off_stack |= !is_on_thread_stack(b->record);
    if (!read_record(b->record, &next, address)) {
        b->broken = true;
        return false;
    }
    if (next != 0 && !leads_on(b->record, next)) {
        b->broken = true;
        next = 0;
    }
    b->record = next;
    return *address != 0;
}

bool backtrace_next(backtrace_t *b, uint64_t *address) {
    if (b->left == 0) {
        b->broken = true;
        return false;
    }
    --b->left;
    switch (b->state) {
        case 0:
            b->state = 1;
            *address = b->trap->elr;
            return true;
        case 1:
            b->state = 2;
            *address = b->trap->x[30];
            return true;
        default:
            return next_record(b, address);
    }
}
