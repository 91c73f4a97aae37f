// SPDX-License-Identifier: MIT
// RAM banks without what is no RAM: device windows, and the share of VideoCore. A device tree that no firmware has
// filled in has banks that include both.

#include <string.h>

#include "boot_ram.h"

static void remove_bank(mem_range_t *banks, size_t *count, size_t i) {
    --*count;
    memmove(&banks[i], &banks[i + 1], (*count - i) * sizeof(banks[0]));
}

// Makes two banks of one. Without room for another the larger stays: RAM may be wasted, but nothing else is taken for
// RAM.
static void split_bank(mem_range_t *banks, size_t *count, size_t i, mem_range_t cut) {
    mem_range_t below = {banks[i].start, cut.start};
    mem_range_t above = {cut.end, banks[i].end};
    if (*count == BOOT_MAX_BANKS) {
        banks[i] = below.end - below.start >= above.end - above.start ? below : above;
        return;
    }
    memmove(&banks[i + 1], &banks[i], (*count - i) * sizeof(banks[0]));
    banks[i] = below;
    banks[i + 1] = above;
    ++*count;
}

void boot_ram_cut(mem_range_t banks[BOOT_MAX_BANKS], size_t *count, mem_range_t cut) {
    for (size_t i = *count; i-- > 0;) { // backwards: a split or removal moves only the banks behind it
        mem_range_t *bank = &banks[i];
        bool has_below = bank->start < cut.start;
        bool has_above = cut.end < bank->end;
        if (cut.start >= cut.end || bank->end <= cut.start || cut.end <= bank->start) {
            continue;
        }
        if (has_below && has_above) {
            split_bank(banks, count, i, cut);
        } else if (has_below) {
            bank->end = cut.start;
        } else if (has_above) {
            bank->start = cut.end;
        } else {
            remove_bank(banks, count, i);
        }
    }
}
