// SPDX-License-Identifier: MIT
// deflate: a stream in Python that uses the object by which it is read or written, and one that fails before there is
// a window.

#include "guard/guard.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

static mp_uint_t deflateio_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode);
static mp_uint_t deflateio_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode);
static mp_uint_t deflateio_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode);

#define deflateio_read(...) fetched_deflateio_read(__VA_ARGS__)
#define deflateio_write(...) fetched_deflateio_write(__VA_ARGS__)
#define deflateio_ioctl(...) fetched_deflateio_ioctl(__VA_ARGS__)
#include "extmod/moddeflate.c"
#undef deflateio_read
#undef deflateio_write
#undef deflateio_ioctl

// The objects that are in use, the latest first.
typedef struct guard_use {
    nlr_jump_callback_node_t on_exception;
    mp_obj_deflateio_t *self;
    const struct guard_use *outer;
} guard_use_t;

static const guard_use_t *guard_in_use;

// A decompressor whose header could not be read has no window: the next read makes another.
static void guard_end_use(void *use_in) {
    const guard_use_t *use = use_in;
    mp_obj_deflateio_t *self = use->self;
    guard_in_use = use->outer;
    if (self->read != NULL && self->read->decomp.dict_ring == NULL) {
        self->read = NULL;
    }
}

static bool guard_begin_use(guard_use_t *use, mp_obj_t self_in, int *errcode) {
    use->self = MP_OBJ_TO_PTR(self_in);
    use->outer = guard_in_use;
    for (const guard_use_t *other = guard_in_use; other != NULL; other = other->outer) {
        if (other->self == use->self) {
            *errcode = MP_EBUSY;
            return false;
        }
    }
    guard_in_use = use;
    nlr_push_jump_callback(&use->on_exception, guard_end_use);
    return true;
}

static mp_uint_t deflateio_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    guard_use_t use;
    if (!guard_begin_use(&use, self_in, errcode)) {
        return MP_STREAM_ERROR;
    }
    mp_uint_t moved = fetched_deflateio_read(self_in, buf, size, errcode);
    nlr_pop_jump_callback(true);
    return moved;
}

static mp_uint_t deflateio_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    guard_use_t use;
    if (!guard_begin_use(&use, self_in, errcode)) {
        return MP_STREAM_ERROR;
    }
    mp_uint_t moved = fetched_deflateio_write(self_in, buf, size, errcode);
    nlr_pop_jump_callback(true);
    return moved;
}

static mp_uint_t deflateio_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    guard_use_t use;
    if (!guard_begin_use(&use, self_in, errcode)) {
        return MP_STREAM_ERROR;
    }
    mp_uint_t result = fetched_deflateio_ioctl(self_in, request, arg, errcode);
    nlr_pop_jump_callback(true);
    return result;
}
