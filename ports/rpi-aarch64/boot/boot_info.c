// SPDX-License-Identifier: MIT
// What boot finds out about the machine. At the bottom of boot/: boot.c and boot_fdt.c both fill it.

#include <string.h>

#include "boot.h"

boot_info_t boot_info;

void boot_reserve(uint64_t start, uint64_t end, const char *name) {
    if (end <= start) {
        return;
    }
    if (boot_info.reserved_count == BOOT_MAX_RESERVED) {
        mem_range_t *last = &boot_info.reserved[BOOT_MAX_RESERVED - 1].range;
        last->start = start < last->start ? start : last->start;
        last->end = end > last->end ? end : last->end;
        return;
    }
    boot_reserved_t *entry = &boot_info.reserved[boot_info.reserved_count++];
    entry->range = (mem_range_t) {start, end};
    strncpy(entry->name, name, BOOT_NAME_SIZE - 1);
}
