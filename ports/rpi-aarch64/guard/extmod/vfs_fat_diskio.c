// SPDX-License-Identifier: MIT
// FatFs asks for the state of its disk before it begins anything: see busy.h.

#include "lib/oofatfs/ff.h"
#include "lib/oofatfs/diskio.h"
#include "extmod/vfs_fat.h"
#include "guard/busy.h"

DRESULT fetched_disk_ioctl(void *disk, BYTE command, void *buffer);

#define disk_ioctl(...) fetched_disk_ioctl(__VA_ARGS__)
#include "extmod/vfs_fat_diskio.c"
#undef disk_ioctl

DRESULT disk_ioctl(void *disk, BYTE command, void *buffer) {
    if (disk != NULL) {
        guard_busy_refuse(&disk_get_device(disk)->blockdev);
    }
    return fetched_disk_ioctl(disk, command, buffer);
}
