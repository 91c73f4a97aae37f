// SPDX-License-Identifier: MIT
// machine.SDCard and machine.Partition: block devices of the board's SD card.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_SDCARD_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_SDCARD_H

#include "py/obj.h"

extern const mp_obj_type_t machine_sdcard_type;
extern const mp_obj_type_t machine_partition_type;

// Soft reset: forgets the SDCard object, not the card.
void machine_sdcard_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_SDCARD_H
