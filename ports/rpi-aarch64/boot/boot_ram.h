// SPDX-License-Identifier: MIT
// The banks of RAM while boot finds them out. No state: tested on the host.

#ifndef PORTS_RPI_AARCH64_BOOT_BOOT_RAM_H
#define PORTS_RPI_AARCH64_BOOT_BOOT_RAM_H

#include "port.h"

// Takes `cut` out of each of the first *count banks. Their order stays.
void boot_ram_cut(mem_range_t banks[BOOT_MAX_BANKS], size_t *count, mem_range_t cut);

#endif // PORTS_RPI_AARCH64_BOOT_BOOT_RAM_H
