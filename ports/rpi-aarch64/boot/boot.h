// SPDX-License-Identifier: MIT
// Filling boot_info (port.h): what boot finds out about the machine, once, before MicroPython starts.

#ifndef PORTS_RPI_AARCH64_BOOT_BOOT_H
#define PORTS_RPI_AARCH64_BOOT_BOOT_H

#include <stdbool.h>

#include "port.h"

// Adds a reservation. When the table is full the last entry is widened to cover the new range too:
// RAM may be wasted, but nothing reserved is handed out. Empty ranges are ignored; the name is cut
// to BOOT_NAME_SIZE - 1 bytes.
void boot_reserve(uint64_t start, uint64_t end, const char *name);

// Reads RAM banks, reservations, model and cores from the device tree at info->dtb, whose header
// has been checked. Returns false when it has no usable memory node.
bool boot_fdt_read(boot_info_t *info);

// Where the image, its stacks and the windows of the kernel half are, and what must stay at its address when the boot
// map is replaced. Needs soc and boot_map.
void boot_describe(void);

#endif // PORTS_RPI_AARCH64_BOOT_BOOT_H
