// SPDX-License-Identifier: MIT
// Filling boot_info (port.h): what boot finds out about the machine, once, before MicroPython starts.

#ifndef PORTS_RPI_AARCH64_BOOT_BOOT_H
#define PORTS_RPI_AARCH64_BOOT_BOOT_H

#include <stdbool.h>

#include "port.h"

// Adds a reservation. When the table is full the two that are nearest to each other become one, with what is between
// them: RAM may be wasted, but nothing reserved is handed out. Empty ranges, and what is beyond 48 bits of address, are
// ignored.
void boot_reserve(uint64_t start, uint64_t end, const char *name);

// Copies a text of the device tree, cut to size - 1 bytes. It is printed, and becomes a str of Python: a byte that is
// no printable ASCII becomes '?'.
void boot_copy_name(char *to, const char *from, size_t size);

// Reads RAM banks, reservations, model and cores from the device tree at info->dtb, whose header
// has been checked. Returns false when it has no usable memory node.
bool boot_fdt_read(boot_info_t *info);

// Bytes of the blob in use, of the `total` that its header claims; 0 when the header is no good. Copied alone and told
// their new size, they are the same tree.
size_t boot_fdt_used_size(const void *dtb, size_t total);

// Where the image, its stacks and the windows of the kernel half are, and what must stay at its address when the boot
// map is replaced. Needs soc and boot_map.
void boot_describe(void);

#endif // PORTS_RPI_AARCH64_BOOT_BOOT_H
