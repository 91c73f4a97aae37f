// SPDX-License-Identifier: MIT
// Included by extmod/modos.c: os.urandom(), where that file does not define it itself.

#include "py/mphal.h"
#include "py/runtime.h"

#include "mp_release.h"

#if !MP_RELEASE_HAS_URANDOM
static mp_obj_t mp_os_urandom(mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("cannot make %d random bytes"), (int)count);
    }
    vstr_t vstr;
    vstr_init_len(&vstr, count);
    mp_hal_get_random(count, (uint8_t *)vstr.buf);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);
#endif
