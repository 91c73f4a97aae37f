// SPDX-License-Identifier: MIT
// A block device in frames that survives soft resets.

#ifndef MODULES_MEMORY_BINDINGS_RAMDISK_H
#define MODULES_MEMORY_BINDINGS_RAMDISK_H

#include "py/obj.h"

extern const mp_obj_type_t memory_ramdisk_type;                 // RamDisk, made by ramdisk() only
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_ramdisk_obj);  // ramdisk(size=None) -> RamDisk or None

// Frames of the disk, 0 when there is none.
size_t bind_ramdisk_frames(void);

#endif // MODULES_MEMORY_BINDINGS_RAMDISK_H
