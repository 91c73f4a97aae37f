// SPDX-License-Identifier: MIT
// Drawing: it can be left anywhere (fault/thread_fault.h), and a polygon also where the next point is taken. Filled
// ones keep something on the stack for each point.

#include "py/cstack.h"
#include "py/binary.h"
#include "py/runtime.h"

#include "hooks.h"

enum { GUARD_POINT_SIZE = sizeof(mp_int_t), GUARD_LEAVE = MICROPY_STACK_CHECK_MARGIN };

static mp_obj_t framebuf_poly(size_t n_args, const mp_obj_t *args_in);

#define framebuf_poly(...) fetched_framebuf_poly(__VA_ARGS__)
#define mp_binary_get_val_array(...) (mp_cstack_check(), (mp_binary_get_val_array)(__VA_ARGS__))
#include "extmod/modframebuf.c"
#undef framebuf_poly

static mp_obj_t framebuf_poly(size_t n_args, const mp_obj_t *args_in) {
    mp_buffer_info_t points;
    mp_get_buffer_raise(args_in[3], &points, MP_BUFFER_READ);
    size_t count = points.len / (2 * mp_binary_get_size('@', points.typecode, NULL));
    size_t room = bind_stack_grow();
    room -= room < GUARD_LEAVE ? room : GUARD_LEAVE;
    if (n_args > 5 && mp_obj_is_true(args_in[5]) && count > room / GUARD_POINT_SIZE) {
        mp_raise_ValueError(MP_ERROR_TEXT("too many points to fill"));
    }
    return fetched_framebuf_poly(n_args, args_in);
}
