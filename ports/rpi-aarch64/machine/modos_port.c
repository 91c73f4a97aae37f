// SPDX-License-Identifier: MIT
// Included by extmod/modos.c: os.urandom().

#include "py/mphal.h"
#include "py/runtime.h"

// Not for secrets: the source is the counter, whitened (SplitMix64). A hardware generator exists
// on the boards but not on every machine this image runs on.
static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("cannot make %d random bytes"), (int)count);
    }
    static uint64_t state;
    vstr_t vstr;
    vstr_init_len(&vstr, count);
    for (mp_int_t i = 0; i < count; ++i) {
        state += 0x9e3779b97f4a7c15 + timer_ticks();
        uint64_t z = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        vstr.buf[i] = (char)(z >> 56);
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
