// SPDX-License-Identifier: MIT
// machine.SPI: the SoC's SPI masters. There is one object for each number.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_SPI_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_SPI_H

#include "py/obj.h"

extern const mp_obj_type_t machine_spi_type;

// Called at soft reset: disables the masters. Their pins are released with all others.
void machine_spi_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_SPI_H
