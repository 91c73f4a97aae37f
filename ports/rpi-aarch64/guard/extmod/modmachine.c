// SPDX-License-Identifier: MIT
// enable_irq() takes what disable_irq() returned: other numbers would mask or unmask more than interrupts.

#include "guard/guard.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

static mp_obj_t machine_enable_irq(mp_obj_t state_in);

#define machine_enable_irq(...) fetched_machine_enable_irq(__VA_ARGS__)
#include "extmod/modmachine.c"
#undef machine_enable_irq

static mp_obj_t machine_enable_irq(mp_obj_t state_in) {
    mp_int_t state = mp_obj_get_int(state_in);
    if ((state | PSTATE_I) != (mp_int_t)(cpu_irq_state() | PSTATE_I)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("state %ld is none that disable_irq() returned"),
            (long)state);
    }
    return fetched_machine_enable_irq(state_in);
}
