// SPDX-License-Identifier: MIT
// A listing of a FAT's directory refers to its filesystem, as an open file does (vfs_fat_file.c).

#include "lib/oofatfs/ff.h"
#include "extmod/vfs_fat.h"

#define FF_DIR mp_obj_t guard_filesystem; FF_DIR
#define f_opendir(fs, dir, path) (iter->guard_filesystem = MP_OBJ_FROM_PTR(self), (f_opendir)((fs), (dir), (path)))

#include "extmod/vfs_fat.c"
