// SPDX-License-Identifier: MIT
// An empty FAT16 filesystem that nothing has to write: what of it is not zero are the first bytes of the disk.
//
// Clusters have the size of a frame and lie on frames, so that a file of n frames takes n. The table has room for the
// largest disk; a smaller one uses the begin of it.

#ifndef MODULES_MEMORY_CORE_DISK_BLANK_FAT_H
#define MODULES_MEMORY_CORE_DISK_BLANK_FAT_H

#include <stddef.h>
#include <stdint.h>

#define BLANK_FAT_BLOCK (512)
// Bytes that are not all zero: the boot sector and the begin of the table.
#define BLANK_FAT_BYTES (BLANK_FAT_BLOCK + 4)
// FAT16 has at least 4085 clusters.
#define BLANK_FAT_MIN_SIZE ((uint64_t)17 << 20)
#define BLANK_FAT_MAX_SIZE ((uint64_t)64 << 20)

// The first bytes of an empty filesystem of `size` bytes, which is in the range above.
void blank_fat_bytes(uint64_t size, uint8_t bytes[BLANK_FAT_BYTES]);

#endif // MODULES_MEMORY_CORE_DISK_BLANK_FAT_H
