// SPDX-License-Identifier: MIT
// Translates addresses by the tables that memory has now: stage 1.
#include "event.h"

#define ADDRESS 0x0000ffffffffffffull
#define ROOT 0x0000fffffffffffeull // fewer than 512 descriptors are aligned to their size

unsigned hw_regime(const hw_core_t *core) {
    return core->el < 2 ? 1 : core->el;
}

bool hw_mmu_on(const hw_core_t *core) {
    return core->sctlr[hw_regime(core)] & 1;
}


static unsigned bits_of(const hw_core_t *core, unsigned regime, bool high) {
    unsigned size = core->tcr[regime] >> (high ? 16 : 0) & 63;
    return size < 16 ? 48 : 64 - size;
}

unsigned hw_granule(const hw_core_t *core, unsigned regime, bool high) {
    static const uint8_t low_bits[4] = {12, 16, 14, 12}, high_bits[4] = {12, 14, 12, 16};
    return high ? high_bits[core->tcr[regime] >> 30 & 3] : low_bits[core->tcr[regime] >> 14 & 3];
}

// How many bits of an address come below those that a descriptor of this level is found by.
static unsigned shift_of(unsigned granule, unsigned level) {
    return granule + (granule - 3) * (3 - level);
}

hw_root_t hw_root(const hw_core_t *core, unsigned regime, bool high) {
    unsigned bits = bits_of(core, regime, high), granule = hw_granule(core, regime, high);
    bool off = regime == 1 ? core->tcr[1] >> (high ? 23 : 7) & 1 : high;
    uint8_t level = 3;
    while (level && bits > shift_of(granule, level - 1)) {
        level--;
    }
    uint64_t entries = 1ull << (bits - shift_of(granule, level));
    uint64_t root = (high ? core->ttbr1 : core->ttbr0[regime]) & ROOT & ~(8 * entries - 1);
    return (hw_root_t) {root, high ? UINT64_MAX << bits : 0, entries, off ? 4 : level};
}

// Whether the address is one of those that the walk translates.
static bool in_half(const hw_core_t *core, unsigned regime, uint64_t va, bool high) {
    uint64_t tcr = core->tcr[regime];
    bool any_tag = regime == 1 ? tcr >> (high ? 38 : 37) & 1 : tcr >> 20 & 1;
    unsigned bits = bits_of(core, regime, high);
    uint64_t ones = (any_tag ? UINT64_MAX << 8 >> 8 : UINT64_MAX) >> bits;
    return ((any_tag ? va << 8 >> 8 : va) >> bits) == (high ? ones : 0);
}

static hw_memory_t memory_type(uint8_t mair) {
    if (mair >> 4 == 0) {
        return HW_DEVICE;
    }
    if (mair == 0x44) {
        return HW_NORMAL_NC;
    }
    return mair >> 4 >= 12 && (mair & 15) >= 12 ? HW_NORMAL_WB : HW_NORMAL_WT;
}

static void set_attributes(const hw_core_t *core, unsigned regime, hw_map_t *map) {
    unsigned index = map->descriptor >> 2 & 7;
    map->memory = memory_type(core->mair[regime] >> (8 * index) & 0xff);
    map->share = map->descriptor >> 8 & 3;
    if (map->memory == HW_DEVICE || map->memory == HW_NORMAL_NC) {
        map->share = HW_SH_OUTER;
    } else if (!(core->sctlr[regime] & 4)) { // SCTLR.C: nothing is cacheable
        map->memory = HW_NORMAL_NC;
        map->share = HW_SH_OUTER;
    }
}

hw_map_t hw_walk(const hw_t *hw, unsigned number, uint64_t va) {
    const hw_core_t *core = &hw->core[number];
    unsigned regime = hw_regime(core);
    hw_map_t map = {.valid = true, .mmu = hw_mmu_on(core), .pa = va, .memory = HW_DEVICE, .share = HW_SH_OUTER};
    for (int i = 0; i < 4; i++) {
        map.entry[i] = HW_NOWHERE;
    }
    if (!map.mmu) {
        return map;
    }
    bool high = regime == 1 && (va >> 55 & 1);
    hw_root_t root = hw_root(core, regime, high);
    uint64_t table = root.root;
    map.valid = false;
    map.pa = HW_NOWHERE;
    if (!in_half(core, regime, va, high)) {
        return map;
    }
    unsigned granule = hw_granule(core, regime, high);
    uint64_t entries = root.entries, address = ADDRESS & (UINT64_MAX << granule);
    map.foreign = granule != 12;
    for (unsigned level = root.level; level < 4; level++) {
        unsigned shift = shift_of(granule, level);
        uint64_t at = table + 8 * (va >> shift & (entries - 1));
        entries = 1ull << (granule - 3);
        map.level = level;
        map.entry[level] = map.foreign ? HW_NOWHERE : at;
        map.descriptor = hw_read64(hw, at);
        unsigned kind = map.descriptor & 3;
        if (kind == 3 && level < 3) {
            table = map.descriptor & address;
            continue;
        }
        map.valid = level == 3 ? kind == 3 : kind == 1 && level > (map.foreign ? 1 : 0);
        if (map.valid) {
            uint64_t offset = (1ull << shift) - 1;
            map.pa = (map.descriptor & address & ~offset) | (va & offset);
            set_attributes(core, regime, &map);
        }
        break;
    }
    return map;
}
