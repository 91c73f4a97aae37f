// SPDX-License-Identifier: MIT
// Translates addresses by the tables that memory has now: 4 KiB granule, stage 1.
#include "event.h"

#define ADDRESS 0x0000fffffffff000ull

unsigned hw_regime(const hw_core_t *core) {
    return core->el < 2 ? 1 : core->el;
}

bool hw_mmu_on(const hw_core_t *core) {
    return core->sctlr[hw_regime(core)] & 1;
}

typedef struct {
    uint64_t root;
    unsigned bits; // of the address that are translated; 0: no walk (EPD, or an address that has none)
} half_t;

static half_t half_of(const hw_core_t *core, unsigned regime, uint64_t va) {
    uint64_t tcr = core->tcr[regime];
    bool high = regime == 1 && (va >> 55 & 1);
    unsigned size = high ? tcr >> 16 & 63 : tcr & 63;
    bool off = regime == 1 && (tcr >> (high ? 23 : 7) & 1);
    bool any_tag = regime == 1 ? tcr >> (high ? 38 : 37) & 1 : tcr >> 20 & 1;
    unsigned bits = size < 16 ? 48 : 64 - size;
    uint64_t above = (any_tag ? va << 8 >> 8 : va) >> bits;
    uint64_t ones = (any_tag ? UINT64_MAX << 8 >> 8 : UINT64_MAX) >> bits;
    if (off || above != (high ? ones : 0)) {
        bits = 0;
    }
    return (half_t) {(high ? core->ttbr1 : core->ttbr0[regime]) & ADDRESS & ~1ull, bits};
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
    half_t half = half_of(core, regime, va);
    uint64_t table = half.root;
    map.valid = false;
    map.pa = HW_NOWHERE;
    if (!half.bits) {
        return map;
    }
    for (unsigned level = half.bits > 39 ? 0 : half.bits > 30 ? 1 : half.bits > 21 ? 2 : 3; level < 4; level++) {
        unsigned shift = 39 - 9 * level;
        uint64_t at = table + 8 * (va >> shift & 511);
        map.level = level;
        map.entry[level] = at;
        map.descriptor = hw_read64(hw, at);
        unsigned kind = map.descriptor & 3;
        if (kind == 3 && level < 3) {
            table = map.descriptor & ADDRESS;
            continue;
        }
        map.valid = level == 3 ? kind == 3 : kind == 1 && level > 0;
        if (map.valid) {
            uint64_t offset = (1ull << shift) - 1;
            map.pa = (map.descriptor & ADDRESS & ~offset) | (va & offset);
            set_attributes(core, regime, &map);
        }
        break;
    }
    return map;
}
