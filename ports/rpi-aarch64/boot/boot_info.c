// SPDX-License-Identifier: MIT
// What boot finds out about the machine. At the bottom of boot/: boot.c and boot_fdt.c both fill it.

#include "boot.h"

#define BOOT_MAX_PA ((uint64_t)1 << 48)

boot_info_t boot_info;

// Bytes that a range grows by when it is widened to cover another too.
static uint64_t growth(const mem_range_t *range, const mem_range_t *more) {
    uint64_t below = more->start < range->start ? range->start - more->start : 0;
    uint64_t above = more->end > range->end ? more->end - range->end : 0;
    return below + above;
}

static void widen_nearest(const mem_range_t *more) {
    mem_range_t *nearest = &boot_info.reserved[0].range;
    for (size_t i = 1; i < boot_info.reserved_count; ++i) {
        mem_range_t *range = &boot_info.reserved[i].range;
        nearest = growth(range, more) < growth(nearest, more) ? range : nearest;
    }
    nearest->start = more->start < nearest->start ? more->start : nearest->start;
    nearest->end = more->end > nearest->end ? more->end : nearest->end;
}

void boot_copy_name(char *to, const char *from, size_t size) {
    size_t i = 0;
    for (; i < size - 1 && from[i] != '\0'; ++i) {
        to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
    }
    to[i] = '\0';
}

void boot_reserve(uint64_t start, uint64_t end, const char *name) {
    mem_range_t range = {start, end < BOOT_MAX_PA ? end : BOOT_MAX_PA};
    if (range.end <= range.start) {
        return;
    }
    if (boot_info.reserved_count == BOOT_MAX_RESERVED) {
        widen_nearest(&range);
        return;
    }
    boot_reserved_t *entry = &boot_info.reserved[boot_info.reserved_count++];
    entry->range = range;
    boot_copy_name(entry->name, name, BOOT_NAME_SIZE);
}
