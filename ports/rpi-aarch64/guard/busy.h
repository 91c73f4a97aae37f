// SPDX-License-Identifier: MIT
// Block devices whose method runs: that method may be Python code, which may call the filesystem that called it, while
// that one is half way through a change. Such calls end with OSError(EBUSY).

#ifndef PORTS_RPI_AARCH64_GUARD_BUSY_H
#define PORTS_RPI_AARCH64_GUARD_BUSY_H

struct _mp_vfs_blockdev_t;

// Raises OSError(EBUSY) if a method runs that was called by the filesystem of this device, or for the same device
// object by another one.
void guard_busy_refuse(const struct _mp_vfs_blockdev_t *device);

// For the collector: while a filesystem is busy, marks the open files of all, whose finalisers would be refused, so
// that what they have not written yet would be lost; and the files and listings that a busy littlefs has in its list,
// which would refer to memory that is free. A later collection finalises them.
void guard_busy_collect(void);

// Of extmod/vfs_lfs.c; nothing if the device is of another filesystem.
void guard_lfs_collect(struct _mp_vfs_blockdev_t *device);
void guard_lfs_exception(struct _mp_vfs_blockdev_t *device);

#endif // PORTS_RPI_AARCH64_GUARD_BUSY_H
