// SPDX-License-Identifier: MIT
// Files in memory: positions that wrap, and a seek in a closed one.

#include "guard/guard.h"
#include "py/mperrno.h"
#include "py/objstringio.h"
#include "py/stream.h"

static mp_uint_t stringio_write(mp_obj_t o_in, const void *buf, mp_uint_t size, int *errcode);
static mp_uint_t stringio_ioctl(mp_obj_t o_in, mp_uint_t request, uintptr_t arg, int *errcode);

#define stringio_write(...) fetched_stringio_write(__VA_ARGS__)
#define stringio_ioctl(...) fetched_stringio_ioctl(__VA_ARGS__)
#include "py/objstringio.c"
#undef stringio_write
#undef stringio_ioctl

static mp_uint_t stringio_write(mp_obj_t o_in, const void *buf, mp_uint_t size, int *errcode) {
    mp_obj_stringio_t *self = MP_OBJ_TO_PTR(o_in);
    if (self->vstr != NULL && guard_size(self->pos, size, 1) == GUARD_TOO_LARGE) {
        *errcode = MP_EFBIG;
        return MP_STREAM_ERROR;
    }
    // The memory first: the fetched function changes the length before it asks for it.
    if (self->vstr != NULL && !self->vstr->fixed_buf && self->pos + size > self->vstr->alloc) {
        vstr_hint_size(self->vstr, self->pos + size - self->vstr->len);
    }
    return fetched_stringio_write(o_in, buf, size, errcode);
}

static mp_uint_t stringio_ioctl(mp_obj_t o_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    if (request == MP_STREAM_SEEK) {
        check_stringio_is_open((mp_obj_stringio_t *)MP_OBJ_TO_PTR(o_in));
    }
    return fetched_stringio_ioctl(o_in, request, arg, errcode);
}
