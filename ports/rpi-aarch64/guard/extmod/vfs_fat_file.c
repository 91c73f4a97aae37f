// SPDX-License-Identifier: MIT
// An open file of a FAT refers to its filesystem. All that FatFs has of it is an address inside that object, which the
// collector does not follow: the filesystem's memory would be free while the file is open.

#include "guard/window.h"
#include "extmod/vfs_fat.h"
#include "py/mperrno.h"
#include "guard/disk_errno.h"

// Constant for the fetched code, but in memory that can be written.
extern const byte fresult_to_errno_table[20] __attribute__((section(".data.fresult_to_errno_table")));

void guard_disk_errno(FRESULT error, long result) {
    if (result != 0) {
        int other = error == FR_NOT_READY ? MP_EBUSY : MP_EIO;
        // -EINVAL: the device answered a number above 0 (extmod/vfs_blockdev.c).
        bool told = result < 0 && result >= -0xff && result != -MP_EINVAL;
        ((volatile byte *)fresult_to_errno_table)[error] = (byte)(told ? -result : other);
    }
}

#define FIL mp_obj_t guard_filesystem; FIL
#define f_open(fs, file, ...) (o->guard_filesystem = MP_OBJ_FROM_PTR(self), (f_open)((fs), (file), __VA_ARGS__))

#include "extmod/vfs_fat_file.c"
