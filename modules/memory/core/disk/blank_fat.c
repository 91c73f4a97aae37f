// SPDX-License-Identifier: MIT
// The boot sector of an empty FAT16 filesystem, and the two reserved entries of its table.

#include "blank_fat.h"

#include <string.h>

#define TOTAL_SECTORS   (32)
#define SIGNATURE       (510)

// 64 sectors of table for 16384 entries, then 63 of the root directory: the clusters begin on a frame, at sector 128.
static const uint8_t boot_sector[] =
    "\xeb\xfe\x90" "MICROPY "       // a jump to itself, and what made it
    "\x00\x02" "\x08" "\x01\x00"    // bytes of a sector, sectors of a cluster, sectors before the table
    "\x01" "\xf0\x03" "\x00\x00"    // tables, entries of the root directory, sectors if they are less than 65536
    "\xf8" "\x40\x00"               // a fixed disk, sectors of the table
    "\x3f\x00" "\xff\x00"           // geometry
    "\x00\x00\x00\x00"              // sectors before the volume
    "\x00\x00\x00\x00"              // sectors
    "\x80" "\x00" "\x29"            // drive, flags, the three fields that follow are there
    "\x00\x00\x00\x00"              // serial number
    "NO NAME    " "FAT16   ";       // label, type

void blank_fat_bytes(uint64_t size, uint8_t bytes[BLANK_FAT_BYTES]) {
    uint32_t sectors = (uint32_t)(size / BLANK_FAT_BLOCK);
    memset(bytes, 0, BLANK_FAT_BYTES);
    memcpy(bytes, boot_sector, sizeof(boot_sector) - 1);
    memcpy(bytes + TOTAL_SECTORS, &sectors, sizeof(sectors));
    bytes[SIGNATURE] = 0x55;
    bytes[SIGNATURE + 1] = 0xaa;
    memcpy(bytes + BLANK_FAT_BLOCK, "\xf8\xff\xff\xff", 4);
}
