// SPDX-License-Identifier: MIT
// Streams in Python; see lend.h.

#include "guard/guard.h"
#include "guard/iobase.h"
#include "guard/lend.h"
#include "py/stream.h"

static mp_uint_t iobase_read(mp_obj_t obj, void *buf, mp_uint_t size, int *errcode);
static mp_uint_t iobase_write(mp_obj_t obj, const void *buf, mp_uint_t size, int *errcode);

#define iobase_read(...) fetched_iobase_read(__VA_ARGS__)
#define iobase_write(...) fetched_iobase_write(__VA_ARGS__)
#pragma GCC diagnostic ignored "-Wunused-function" // those that ours replace
#include "py/modio.c"
#undef iobase_read
#undef iobase_write

const void *guard_iobase_protocol(void) {
    return &iobase_p;
}

// How many bytes the method says it moved, or an error: it may say anything.
static mp_uint_t guard_moved(mp_obj_t result, mp_uint_t size, int *errcode) {
    if (result == mp_const_none) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    mp_int_t count = mp_obj_get_int(result);
    if (count < 0 || (mp_uint_t)count > size) {
        *errcode = count < 0 ? -count : MP_EIO;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t iobase_read(mp_obj_t obj, void *buf, mp_uint_t size, int *errcode) {
    mp_obj_t method[3];
    mp_load_method(obj, MP_QSTR_readinto, method);
    return guard_moved(guard_call_with_buffer(1, method, 2, buf, size), size, errcode);
}

static mp_uint_t iobase_write(mp_obj_t obj, const void *buf, mp_uint_t size, int *errcode) {
    mp_obj_t method[3];
    mp_load_method(obj, MP_QSTR_write, method);
    return guard_moved(guard_call_with_buffer(1, method, 2, (void *)buf, size), size, errcode);
}
