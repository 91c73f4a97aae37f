// SPDX-License-Identifier: MIT
// The object of a FAT gets a separate window (window.h). A directory listing keeps a reference to its filesystem, as an
// open file does (vfs_fat_file.c).

#include "guard/window.h"
#include "guard/plain.h"
#include "extmod/vfs_fat.h"

static fs_user_mount_t *guard_new_mount(const mp_obj_type_t *type) {
    fs_user_mount_t *mount = mp_obj_malloc(fs_user_mount_t, type);
    guard_window_set(&mount->fatfs, guard_plain_malloc(FF_MAX_SS));
    return mount;
}

#undef mp_obj_malloc
#define mp_obj_malloc(struct_type, type) guard_new_mount(type)

#define FF_DIR mp_obj_t guard_filesystem; FF_DIR
#define f_opendir(fs, dir, path) (iter->guard_filesystem = MP_OBJ_FROM_PTR(self), (f_opendir)((fs), (dir), (path)))

#include "extmod/vfs_fat.c"
