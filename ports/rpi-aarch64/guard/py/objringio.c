// SPDX-License-Identifier: MIT
// Ring buffers: one byte of their memory is never used, so that there must be one.

#include "guard/guard.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "py/stream.h"

static mp_obj_t micropython_ringio_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args);

#define micropython_ringio_make_new(...) fetched_micropython_ringio_make_new(__VA_ARGS__)
#include "py/objringio.c"
#undef micropython_ringio_make_new

static mp_obj_t micropython_ringio_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_obj_t ring = fetched_micropython_ringio_make_new(type, n_args, n_kw, args);
    if (((const micropython_ringio_obj_t *)MP_OBJ_TO_PTR(ring))->ringbuffer.size == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("a ring buffer has 1 to 65535 bytes of memory"));
    }
    return ring;
}
