// SPDX-License-Identifier: MIT
// FatFs asks for the state of its disk before it begins anything: see busy.h. What a device answers in place of 0 is
// the errno of the OSError that follows, where the fetched code has one errno for all: see disk_errno.h.

#include "guard/window.h"
#include "lib/oofatfs/diskio.h"
#include "extmod/vfs_fat.h"
#include "guard/busy.h"
#include "guard/disk_errno.h"
#include "hooks.h"

DRESULT fetched_disk_ioctl(void *disk, BYTE command, void *buffer);

// Notes a result of a transfer, and passes it on.
static int guard_transferred(int result) {
    guard_disk_errno(FR_DISK_ERR, result);
    return result;
}

// The same of an operation, which may be any object.
static mp_obj_t guard_operated(uintptr_t operation, mp_obj_t result) {
    if (operation == MP_BLOCKDEV_IOCTL_INIT && mp_obj_is_small_int(result)) {
        guard_disk_errno(FR_NOT_READY, MP_OBJ_SMALL_INT_VALUE(result));
    }
    return result;
}

#define disk_ioctl(...) fetched_disk_ioctl(__VA_ARGS__)
#define mp_vfs_blockdev_read(...) guard_transferred((mp_vfs_blockdev_read)(__VA_ARGS__))
#define mp_vfs_blockdev_write(...) guard_transferred((mp_vfs_blockdev_write)(__VA_ARGS__))
#define mp_vfs_blockdev_ioctl(device, operation, argument) \
    guard_operated((operation), (mp_vfs_blockdev_ioctl)((device), (operation), (argument)))
#include "extmod/vfs_fat_diskio.c"
#undef disk_ioctl

DRESULT disk_ioctl(void *disk, BYTE command, void *buffer) {
    if (disk != NULL) {
        guard_busy_refuse(&disk_get_device(disk)->blockdev);
    }
    if (disk != NULL && command == CTRL_TRIM) {
        const DWORD *range = buffer;
        bind_ramdisk_discard(disk_get_device(disk)->blockdev.readblocks[1], range[0], range[1]);
        return RES_OK;
    }
    return fetched_disk_ioctl(disk, command, buffer);
}
