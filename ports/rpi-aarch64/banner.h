// SPDX-License-Identifier: MIT
// What the banner says after MicroPython's version. Included by the compiler's options before shared/runtime/pyexec.c,
// and nowhere else: sys.version and sys.implementation are MicroPython's own.

#ifndef PORTS_RPI_AARCH64_BANNER_H
#define PORTS_RPI_AARCH64_BANNER_H

#include "genhdr/pimem_version.h"

#define MICROPY_BANNER_MACHINE "pimem " PIMEM_VERSION ", " MICROPY_HW_BOARD_NAME " with " MICROPY_HW_MCU_NAME

#endif // PORTS_RPI_AARCH64_BANNER_H
