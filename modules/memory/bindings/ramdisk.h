// SPDX-License-Identifier: MIT
// Block devices in frames that survive soft resets.

#ifndef MODULES_MEMORY_BINDINGS_RAMDISK_H
#define MODULES_MEMORY_BINDINGS_RAMDISK_H

#include "py/obj.h"

extern const mp_obj_type_t memory_ramdisk_type;            // RamDisk, made by the functions only
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_obj);  // ramdisk(size=None) -> RamDisk or None
MP_DECLARE_CONST_FUN_OBJ_0(memory_root_disk_obj);          // root_disk() -> RamDisk: what is at / without a card

// Frames of the disks.
size_t bind_ramdisk_frames(void);

#endif // MODULES_MEMORY_BINDINGS_RAMDISK_H
