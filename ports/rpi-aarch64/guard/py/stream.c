// SPDX-License-Identifier: MIT
// Streams: the slot "protocol" of a type does not tell of which kind its protocol is. That of a pin, a bus or a
// filesystem has other functions where that of a stream has read(), write() and ioctl().

#include "guard/guard.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "extmod/modmachine.h"
#include "extmod/vfs_fat.h"
#include "extmod/vfs_lfs.h"
#include "extmod/vfs_rom.h"

#include "machine/machine_pin.h"

#define mp_get_stream_raise(...) fetched_mp_get_stream_raise(__VA_ARGS__)
const mp_stream_p_t *fetched_mp_get_stream_raise(mp_obj_t self_in, int flags);
#include "py/stream.c"
#undef mp_get_stream_raise

static const mp_obj_type_t *const guard_no_streams[] = {
    &machine_pin_type, &machine_signal_type, &mp_fat_vfs_type, &mp_type_vfs_lfs2, &mp_type_vfs_rom,
    #if MICROPY_PY_MACHINE_I2C
    &machine_i2c_type, &machine_spi_type, &mp_machine_soft_i2c_type, &mp_machine_soft_spi_type,
    #endif
};

const mp_stream_p_t *mp_get_stream_raise(mp_obj_t self_in, int flags) {
    const void *protocol = MP_OBJ_TYPE_GET_SLOT_OR_NULL(mp_obj_get_type(self_in), protocol);
    for (size_t i = 0; i < MP_ARRAY_SIZE(guard_no_streams); ++i) {
        if (protocol == MP_OBJ_TYPE_GET_SLOT(guard_no_streams[i], protocol)) {
            self_in = mp_const_none; // is refused, as all that has no protocol
        }
    }
    return fetched_mp_get_stream_raise(self_in, flags);
}
