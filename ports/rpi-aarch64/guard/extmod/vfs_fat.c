// SPDX-License-Identifier: MIT
// The object of a FAT gets a separate window (window.h). A directory listing keeps a reference to its filesystem, as an
// open file does (vfs_fat_file.c). A path with a separator at its end can be made, removed and renamed, as on littlefs.

#include <string.h>

#include "guard/window.h"
#include "guard/plain.h"
#include "extmod/vfs_fat.h"

static fs_user_mount_t *guard_new_mount(const mp_obj_type_t *type) {
    fs_user_mount_t *mount = mp_obj_malloc(fs_user_mount_t, type);
    guard_window_set(&mount->fatfs, guard_plain_malloc(FF_MAX_SS));
    return mount;
}

// The path without the separators at its end. FatFs takes what is behind the last one for the name to make or remove;
// that a path to remove names a directory was tested before, on the whole path.
static const char *guard_entry_path(const char *path) {
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        --size;
    }
    return path[size] == '\0' ? path : mp_obj_str_get_str(mp_obj_new_str(path, size));
}

// A file has no separator behind its name.
static FRESULT guard_rename(FATFS *fs, const char *old_path, const char *new_path) {
    const char *old_entry = guard_entry_path(old_path);
    const char *new_entry = guard_entry_path(new_path);
    FILINFO info;
    if ((old_entry != old_path || new_entry != new_path)
        && f_stat(fs, old_entry, &info) == FR_OK && (info.fattrib & AM_DIR) == 0) {
        return FR_NO_PATH;
    }
    return f_rename(fs, old_entry, new_entry);
}

#undef mp_obj_malloc
#define mp_obj_malloc(struct_type, type) guard_new_mount(type)

#define FF_DIR mp_obj_t guard_filesystem; FF_DIR
#define f_opendir(fs, dir, path) (iter->guard_filesystem = MP_OBJ_FROM_PTR(self), (f_opendir)((fs), (dir), (path)))
#define f_mkdir(fs, path) (f_mkdir)((fs), guard_entry_path(path))
#define f_rename(fs, old_path, new_path) guard_rename((fs), (old_path), (new_path))
#define f_unlink(fs, path) (f_unlink)((fs), guard_entry_path(path))

#include "extmod/vfs_fat.c"
