// SPDX-License-Identifier: MIT
// What boot finds out about the machine. At the bottom of boot/: boot.c and boot_fdt.c both fill it.

#include "boot.h"

#define BOOT_MAX_PA ((uint64_t)1 << 48)

boot_info_t boot_info;

static uint64_t size_of(const mem_range_t *range) {
    return range->end - range->start;
}

static mem_range_t joined(const mem_range_t *a, const mem_range_t *b) {
    return (mem_range_t) {a->start < b->start ? a->start : b->start, a->end > b->end ? a->end : b->end};
}

// Bytes that are in neither range, and would be kept back with both if they were one.
static uint64_t wasted(const mem_range_t *a, const mem_range_t *b) {
    mem_range_t both = joined(a, b);
    uint64_t sum = size_of(a) + size_of(b);
    return size_of(&both) > sum ? size_of(&both) - sum : 0;
}

// Makes one of those two of the full table and `more` that waste least. Returns the entry that is free then; NULL when
// `more` is one of the two.
static boot_reserved_t *join_nearest(const mem_range_t *more) {
    boot_reserved_t *table = boot_info.reserved;
    boot_reserved_t *into = &table[0], *from = NULL;
    uint64_t least = wasted(&table[0].range, more);
    for (size_t i = 0; i < BOOT_MAX_RESERVED; ++i) {
        for (size_t j = i + 1; j <= BOOT_MAX_RESERVED; ++j) {
            boot_reserved_t *other = j < BOOT_MAX_RESERVED ? &table[j] : NULL;
            uint64_t waste = wasted(&table[i].range, other != NULL ? &other->range : more);
            if (waste < least) {
                least = waste;
                into = &table[i];
                from = other;
            }
        }
    }
    into->range = joined(&into->range, from != NULL ? &from->range : more);
    return from;
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
    boot_reserved_t *entry;
    if (boot_info.reserved_count < BOOT_MAX_RESERVED) {
        entry = &boot_info.reserved[boot_info.reserved_count++];
    } else if ((entry = join_nearest(&range)) == NULL) {
        return;
    }
    entry->range = range;
    boot_copy_name(entry->name, name, BOOT_NAME_SIZE);
}
