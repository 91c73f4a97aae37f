// SPDX-License-Identifier: MIT
// Files of a ROMFS are used in place: views of them, and names and strings of their code, point into that memory, which
// the collector does not trace. A ROMFS with a file that was opened is therefore kept until the soft reset. A
// refused seek() leaves the position of a file unchanged.

#include "py/objtuple.h"
#include "py/runtime.h"
#include "extmod/vfs_rom.h"

static void guard_keep(mp_obj_t romfs) {
    mp_obj_t next = MP_STATE_VM(guard_rom_opened);
    for (mp_obj_t pair = next; pair != MP_OBJ_NULL; pair = ((mp_obj_tuple_t *)MP_OBJ_TO_PTR(pair))->items[1]) {
        if (((mp_obj_tuple_t *)MP_OBJ_TO_PTR(pair))->items[0] == romfs) {
            return;
        }
    }
    mp_obj_t items[] = {romfs, next};
    MP_STATE_VM(guard_rom_opened) = mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

static mp_uint_t vfs_rom_file_ioctl(mp_obj_t o_in, mp_uint_t request, uintptr_t arg, int *errcode);

#define mp_vfs_rom_search_filesystem(self, ...) \
    (guard_keep(MP_OBJ_FROM_PTR(self)), mp_vfs_rom_search_filesystem((self), __VA_ARGS__))
#define vfs_rom_file_ioctl(...) fetched_ioctl(__VA_ARGS__)
#include "extmod/vfs_rom_file.c"
#undef vfs_rom_file_ioctl

static mp_uint_t vfs_rom_file_ioctl(mp_obj_t o_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    mp_obj_vfs_rom_file_t *self = MP_OBJ_TO_PTR(o_in);
    size_t before = self->file_offset;
    mp_uint_t result = fetched_ioctl(o_in, request, arg, errcode);
    if (result == MP_STREAM_ERROR) {
        self->file_offset = before;
    }
    return result;
}
