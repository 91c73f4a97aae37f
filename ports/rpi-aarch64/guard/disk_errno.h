// SPDX-License-Identifier: MIT
// Errors of FatFs that come from its disk: the errno of the last one, so that a card that is gone is ENODEV.

#ifndef PORTS_RPI_AARCH64_GUARD_DISK_ERRNO_H
#define PORTS_RPI_AARCH64_GUARD_DISK_ERRNO_H

#include "lib/oofatfs/ff.h"

// Sets the errno of a FatFs error to -result, if the result is a negative errno of a device; to what MicroPython has
// for it, if it is another one than 0.
void guard_disk_errno(FRESULT error, long result);

#endif // PORTS_RPI_AARCH64_GUARD_DISK_ERRNO_H
