// SPDX-License-Identifier: MIT
// Callbacks of interrupts; see callback.h. All use one node of the scheduler, so a queue full of other scheduled
// functions cannot displace one.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "callback.h"
#include "port.h"

static callback_t *first, **last = &first; // callbacks with due calls, which take turns
static mp_sched_node_t node;
static bool allowed;
static uint64_t dropped;

static void append(callback_t *callback) {
    callback->next = NULL;
    *last = callback;
    last = &callback->next;
}

static void run_first(mp_sched_node_t *self) {
    mp_uint_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    callback_t *callback = first;
    if (callback == NULL) {
        MICROPY_END_ATOMIC_SECTION(state);
        return;
    }
    first = callback->next;
    if (first == NULL) {
        last = &first;
    }
    if (--callback->due != 0) {
        append(callback);
    }
    if (first != NULL) {
        mp_sched_schedule_node(self, run_first);
    }
    MICROPY_END_ATOMIC_SECTION(state);
    callback->run(callback);
}

bool callback_due(callback_t *callback, uint64_t calls) {
    if (callback->due == 0) {
        append(callback);
    }
    uint64_t room = CALLBACK_MAX_DUE - callback->due;
    uint64_t beyond = calls > room ? calls - room : 0;
    callback->due += (uint32_t)(calls - beyond);
    dropped += beyond;
    mp_sched_schedule_node(&node, run_first);
    return beyond == 0;
}

uint64_t port_dropped_calls(void) {
    return dropped;
}

void callback_cancel(callback_t *callback) {
    mp_uint_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    if (callback->due != 0) {
        callback_t **link = &first;
        while (*link != callback) {
            link = &(*link)->next;
        }
        *link = callback->next;
        if (*link == NULL) {
            last = link;
        }
        callback->due = 0;
    }
    MICROPY_END_ATOMIC_SECTION(state);
}

void callback_allow(bool allow) {
    allowed = allow;
}

static bool ends_program(mp_obj_t exception) {
    mp_obj_t type = MP_OBJ_FROM_PTR(mp_obj_get_type(exception));
    return mp_obj_is_subclass_fast(type, MP_OBJ_FROM_PTR(&mp_type_KeyboardInterrupt))
           || mp_obj_is_subclass_fast(type, MP_OBJ_FROM_PTR(&mp_type_SystemExit));
}

void callback_call(mp_obj_t function, mp_obj_t argument) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_1(function, argument);
        nlr_pop();
    } else if (ends_program(MP_OBJ_FROM_PTR(nlr.ret_val))) {
        mp_sched_exception(MP_OBJ_FROM_PTR(nlr.ret_val));
    } else {
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

void callback_check_allowed(void) {
    if (!allowed) {
        mp_raise_OSError(MP_EPERM); // the heap is locked: without a text
    }
}

void callback_check(mp_obj_t function, bool hard) {
    if (function != mp_const_none && !mp_obj_is_callable(function)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("a callback is a function, not %s"),
            mp_obj_get_type_str(function));
    }
    if (hard) {
        mp_raise_ValueError(MP_ERROR_TEXT("hard=True: this port calls callbacks from the scheduler, with hard=False"));
    }
    callback_check_allowed();
}
