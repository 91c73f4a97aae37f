// SPDX-License-Identifier: MIT
// The check for room on the stack is where the stack grows before MicroPython would raise (bindings/stack.c), and where
// a loop in C is interrupted: whatever goes on to the next item of an iterator, grows a string or a long integer, or
// calls itself comes here. Ctrl-C takes the room away (machine/uart.c), so that a check without Ctrl-C costs nothing
// more.

#include "py/cstack.h"
#include "py/runtime.h"

#include "hooks.h"

#define mp_cstack_check(...) fetched_mp_cstack_check(__VA_ARGS__)
void fetched_mp_cstack_check(void);
#include "py/cstack.c"
#undef mp_cstack_check

static MP_NOINLINE void guard_stop(void) {
    bool has_room = bind_stack_grow() != 0;
    mp_obj_t exception = MP_STATE_MAIN_THREAD(mp_pending_exception);
    if (exception != MP_OBJ_NULL) {
        // Callbacks and finalisers run undisturbed, as in the bytecode loop: the exception waits for their end.
        if (MP_STATE_VM(sched_state) == MP_SCHED_PENDING && MP_STATE_THREAD(nlr_top) != NULL) {
            MP_STATE_MAIN_THREAD(mp_pending_exception) = MP_OBJ_NULL;
            nlr_raise(exception);
        }
    }
    if (!has_room) {
        mp_raise_recursion_depth();
    }
}

void mp_cstack_check(void) {
    if (mp_cstack_usage() >= MP_STATE_THREAD(stack_limit)) {
        guard_stop();
    }
}
