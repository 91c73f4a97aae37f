// SPDX-License-Identifier: MIT
// vfs.rom_ioctl(): without flash the ROMFS is in a file, which Python code (modules/_romfs.py) reads and writes.

#include "py/builtin.h"
#include "py/runtime.h"
#include "extmod/vfs.h"

// A list of pairs (ROMFS, next pair) of those with a file that was opened (guard/extmod/vfs_rom_file.c).
MP_REGISTER_ROOT_POINTER(mp_obj_t guard_rom_opened);

mp_obj_t mp_vfs_rom_ioctl(size_t n_args, const mp_obj_t *args) {
    mp_obj_t module = mp_import_name(MP_QSTR__romfs, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    return mp_call_function_n_kw(mp_load_attr(module, MP_QSTR_ioctl), n_args, 0, args);
}
