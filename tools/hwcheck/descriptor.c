// SPDX-License-Identifier: MIT
// What one descriptor of a translation table says. Arm ARM, "VMSAv8-64 translation table format descriptors".
#include "tables_private.h"

#define AP_EL0(desc) ((desc) >> 6 & 1)
#define AP_READ_ONLY(desc) ((desc) >> 7 & 1)

kind_t desc_kind(uint64_t desc, unsigned level) {
    unsigned type = desc & 3;
    if (type == 3 && level < 3) {
        return SUBTABLE;
    }
    bool leaf = level == 3 ? type == 3 : type == 1 && level > 0;
    return leaf && (desc & DESC_AF) ? LEAF : NOTHING;
}

bool desc_global(uint64_t desc, unsigned regime) {
    return regime != 1 || !(desc & DESC_GLOBAL_NOT);
}

uint64_t desc_pa(uint64_t desc, unsigned level, uint64_t va) {
    uint64_t offset = desc_span(level) - 1;
    return (desc & DESC_ADDRESS & ~offset) | (va & offset);
}

hw_memory_t desc_memory(uint64_t desc, uint64_t mair) {
    uint8_t byte = mair >> (8 * (desc >> 2 & 7));
    if (byte >> 4 == 0) {
        return HW_DEVICE;
    }
    if (byte == 0x44) {
        return HW_NORMAL_NC;
    }
    return byte >> 4 >= 12 && (byte & 15) >= 12 ? HW_NORMAL_WB : HW_NORMAL_WT;
}

bool desc_allows(const sense_t *sense, uint64_t desc, use_t use, unsigned el) {
    if (sense->regime != 1) { // one privilege: XN is bit 54, AP[1] is RES1
        return use == READ || (use == WRITE ? !AP_READ_ONLY(desc) :
            !(desc & DESC_UXN) && !(sense->wxn && !AP_READ_ONLY(desc)));
    }
    bool writable = !AP_READ_ONLY(desc) && (el || AP_EL0(desc));
    switch (use) {
        case READ:
            return el || AP_EL0(desc);
        case WRITE:
            return writable;
        default:
            return !(desc & (el ? DESC_PXN : DESC_UXN)) && !(sense->wxn && writable) &&
                   !(el && AP_EL0(desc) && !AP_READ_ONLY(desc));
    }
}

unsigned desc_inherit(uint64_t table) {
    return table >> 59 & 15;
}

// Bits of `inherit`: PXNTable 0, UXNTable 1, APTable 3:2.
uint64_t desc_with(uint64_t desc, unsigned inherit) {
    desc |= inherit & 1 ? DESC_PXN : 0;
    desc |= inherit & 2 ? DESC_UXN : 0;
    desc &= inherit & 4 ? ~(1ull << 6) : UINT64_MAX;
    desc |= inherit & 8 ? 1ull << 7 : 0;
    return desc;
}

static const char *leaf_conflict(const sense_t *sense, uint64_t before, uint64_t after) {
    uint64_t changed = before ^ after;
    unsigned shift = 8 * (before >> 2 & 7), now = 8 * (after >> 2 & 7);
    if (desc_pa(changed, sense->level, 0)) {
        return "another output address";
    }
    if ((sense->mair >> shift & 0xff) != (sense->mair >> now & 0xff)) {
        return "another memory type";
    }
    if (changed >> 8 & 3 && desc_memory(after, sense->mair) >= HW_NORMAL_WT) {
        return "another shareability";
    }
    if (changed & DESC_GLOBAL_NOT && sense->regime == 1) {
        return "global and not";
    }
    return changed & DESC_CONTIGUOUS ? "contiguous and not" : NULL;
}

const char *desc_conflict(const sense_t *sense, uint64_t before, uint64_t after) {
    kind_t was = desc_kind(before, sense->level), is = desc_kind(after, sense->level);
    if (was == NOTHING || is == NOTHING) {
        return NULL;
    }
    if (was != is) {
        return "another size of the mapping";
    }
    if (was == SUBTABLE) {
        return (before ^ after) & DESC_ADDRESS ? "another table" : NULL;
    }
    return leaf_conflict(sense, before, after);
}
