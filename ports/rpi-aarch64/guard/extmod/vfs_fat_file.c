// SPDX-License-Identifier: MIT
// An open file of a FAT keeps a reference to its filesystem. FatFs has only an address inside that object, which the
// collector does not trace: it would free the filesystem while the file is open. A failed seek is an error; the fetched
// code ignores its result.

#include "guard/window.h"
#include "extmod/vfs_fat.h"
#include "py/mperrno.h"
#include "py/stream.h"
#include "guard/disk_errno.h"

// The error of FatFs that stands for a full disk (guard/lib/oofatfs/ff.c), and its errno in the fetched table.
#undef MP_EMFILE
#define MP_EMFILE MP_ENOSPC
#define GUARD_FULL FR_TOO_MANY_OPEN_FILES

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

// The result of the last seek.
static FRESULT guard_seek_result;

// A position before the file or beyond 4 GiB would wrap in the 32 bits of FatFs. A writable file grows up to the
// position, as far as the disk has room.
static FRESULT guard_seek(FIL *file, long long place) {
    if (place < 0 || place > UINT32_MAX) {
        return FR_INVALID_PARAMETER;
    }
    FRESULT result = (f_lseek)(file, (FSIZE_t)place);
    bool there = (file->flag & FA_WRITE) == 0 || f_tell(file) == (FSIZE_t)place;
    return result == FR_OK && !there ? GUARD_FULL : result;
}

#define FIL mp_obj_t guard_filesystem; FIL
#define f_open(fs, file, ...) (o->guard_filesystem = MP_OBJ_FROM_PTR(self), (f_open)((fs), (file), __VA_ARGS__))
#define f_lseek(file, place) (guard_seek_result = guard_seek((file), (long long)(place)))

// The definition has parentheses, its uses in tables have none.
static mp_uint_t file_obj_ioctl(mp_obj_t file, mp_uint_t request, uintptr_t arg, int *error);
#define file_obj_ioctl(file, request, arg, error) guard_ioctl(file, request, arg, error)

#include "extmod/vfs_fat_file.c"

#undef file_obj_ioctl

static mp_uint_t file_obj_ioctl(mp_obj_t file, mp_uint_t request, uintptr_t arg, int *error) {
    mp_uint_t result = guard_ioctl(file, request, arg, error);
    if (request == MP_STREAM_SEEK && guard_seek_result != FR_OK) {
        *error = fresult_to_errno_table[guard_seek_result];
        return MP_STREAM_ERROR;
    }
    return result;
}
