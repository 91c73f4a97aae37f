// SPDX-License-Identifier: MIT
// VMSAv8-64 stage 1 descriptors: 4 KiB granule, 48-bit addresses, EL1&0 (Arm ARM, "VMSAv8-64 translation
// table format descriptors"). Pure functions without state: boot code uses them before the MMU is on.

#ifndef MODULES_MEMORY_CORE_PAGING_DESCRIPTOR_H
#define MODULES_MEMORY_CORE_PAGING_DESCRIPTOR_H

#include "core/mem_types.h"

// Attributes of a mapping: protection bits and memory type in one word.
typedef uint32_t mem_attrs_t;

#define MEM_PROT_R (1u)       // readable; required in every mapping
#define MEM_PROT_W (2u)
#define MEM_PROT_X (4u)       // executable at EL1; with U at EL0 only
#define MEM_PROT_U (8u)       // accessible from EL0
#define MEM_PROT_MASK (15u)

// The memory type is an index into MAIR_EL1.
#define MEM_TYPE_SHIFT (4)
#define MEM_TYPE_MASK (7u << MEM_TYPE_SHIFT)
#define MEM_TYPE_NORMAL (0u << MEM_TYPE_SHIFT)    // write-back, read and write allocate, inner shareable
#define MEM_TYPE_DEVICE (1u << MEM_TYPE_SHIFT)    // Device-nGnRnE
#define MEM_TYPE_NONCACHED (2u << MEM_TYPE_SHIFT) // Normal non-cacheable, for the DMA pool

#define DESC_MAIR_VALUE (UINT64_C(0x4400ff))

#define DESC_ENTRIES (512)
#define DESC_LEVELS (4)
#define DESC_VA_BITS (48)
#define DESC_HALF_SIZE ((uint64_t)1 << DESC_VA_BITS)
#define DESC_UPPER_BASE (~(DESC_HALF_SIZE - 1))   // first address translated by TTBR1

#define DESC_VALID (UINT64_C(1))
#define DESC_BLOCK (UINT64_C(1))                  // levels 1 and 2
#define DESC_TABLE (UINT64_C(3))                  // levels 0 to 2
#define DESC_PAGE (UINT64_C(3))                   // level 3
#define DESC_TYPE_MASK (UINT64_C(3))
#define DESC_ADDR_MASK (UINT64_C(0x0000fffffffff000))
#define DESC_ATTRINDX_SHIFT (2)
#define DESC_AP_EL0 (UINT64_C(1) << 6)
#define DESC_AP_RO (UINT64_C(1) << 7)
#define DESC_SH_INNER (UINT64_C(3) << 8)
#define DESC_AF (UINT64_C(1) << 10)               // clear means a fault: there is no hardware update on v8.0
#define DESC_NG (UINT64_C(1) << 11)
#define DESC_CONTIGUOUS (UINT64_C(1) << 52)
#define DESC_PXN (UINT64_C(1) << 53)
#define DESC_UXN (UINT64_C(1) << 54)
#define DESC_OWNED (UINT64_C(1) << 55)            // software: the space owns the frame and frees it with the page
#define DESC_PAGED (UINT64_C(1) << 56)            // software: a page of a range with a pager, never joined to a block

// Software, in the descriptor of a table: how many of its entries are not 0, or that it stays whatever it has.
// The processor ignores these bits there.
#define DESC_COUNT_SHIFT (2)
#define DESC_COUNT_MASK (UINT64_C(0x3ff) << DESC_COUNT_SHIFT)
#define DESC_COUNT_STAYS (0x3ff)

// What a permission-only change may alter without break-before-make (Arm ARM, "Using break-before-make
// when updating translation table entries").
#define DESC_PERMISSIONS (DESC_AP_EL0 | DESC_AP_RO | DESC_PXN | DESC_UXN)

// TCR_EL1 but for IPS: T0SZ = T1SZ = 16, walks write-back and inner shareable, 4 KiB granules, A1 = 0, AS = 1.
#define DESC_TCR_BASE (UINT64_C(0x10b5103510))

// `parange` is ID_AA64MMFR0_EL1.PARange; IPS is limited to the 48 bits that this table format can express.
static inline uint64_t desc_tcr_value(unsigned parange) {
    uint64_t ips = (parange & 15) > 5 ? 5 : (parange & 15);
    return DESC_TCR_BASE | ips << 32;
}

// First physical address that a processor with this PARange cannot output.
static inline mem_pa_t desc_pa_limit(unsigned parange) {
    static const uint8_t bits[] = {32, 36, 40, 42, 44, 48};
    return (uint64_t)1 << bits[(parange & 15) > 5 ? 5 : (parange & 15)];
}

// Bytes translated by one entry of a table at `level`: 512 GiB, 1 GiB, 2 MiB, 4 KiB.
static inline uint64_t desc_entry_size(unsigned level) {
    return (uint64_t)1 << (39 - 9 * level);
}

static inline unsigned desc_index(mem_va_t va, unsigned level) {
    return (unsigned)(va >> (39 - 9 * level)) & (DESC_ENTRIES - 1);
}

// Bits 63:48 are all ones (TTBR1) or all zeros (TTBR0); neither translates the addresses between.
static inline bool desc_va_is_upper(mem_va_t va) {
    return va >= DESC_UPPER_BASE;
}

static inline bool desc_va_is_lower(mem_va_t va) {
    return va < DESC_HALF_SIZE;
}

static inline bool desc_is_valid(uint64_t desc) {
    return (desc & DESC_VALID) != 0;
}

static inline bool desc_is_table(uint64_t desc, unsigned level) {
    return level < 3 && (desc & DESC_TYPE_MASK) == DESC_TABLE;
}

// A block at levels 1 and 2, a page at level 3. (A block at level 0 and type 01 at level 3 do not exist.)
static inline bool desc_is_leaf(uint64_t desc, unsigned level) {
    return (desc & DESC_TYPE_MASK) == (level == 3 ? DESC_PAGE : DESC_BLOCK) && level != 0;
}

static inline uint64_t desc_table(mem_pa_t pa) {
    return (pa & DESC_ADDR_MASK) | DESC_TABLE;
}

// The same with a count of its entries.
static inline uint64_t desc_counted_table(mem_pa_t pa, unsigned count) {
    return desc_table(pa) | (uint64_t)count << DESC_COUNT_SHIFT;
}

static inline unsigned desc_count(uint64_t desc) {
    return (unsigned)((desc & DESC_COUNT_MASK) >> DESC_COUNT_SHIFT);
}

static inline mem_pa_t desc_table_pa(uint64_t desc) {
    return desc & DESC_ADDR_MASK;
}

static inline mem_pa_t desc_leaf_pa(uint64_t desc, unsigned level) {
    return desc & DESC_ADDR_MASK & ~(desc_entry_size(level) - 1);
}

// True for attributes that can be encoded and are allowed at all: readable, never writable and executable
// together, and only Normal write-back memory executable (device registers must not be fetched, even speculatively).
static inline bool desc_attrs_ok(mem_attrs_t attrs) {
    bool w = attrs & MEM_PROT_W;
    bool x = attrs & MEM_PROT_X;
    return (attrs & ~(MEM_PROT_MASK | MEM_TYPE_MASK)) == 0 && (attrs & MEM_TYPE_MASK) <= MEM_TYPE_NONCACHED
           && (attrs & MEM_PROT_R) && !(w && x) && !(x && (attrs & MEM_TYPE_MASK) != MEM_TYPE_NORMAL);
}

// The permission bits of a leaf (DESC_PERMISSIONS).
static inline uint64_t desc_permissions(mem_attrs_t attrs) {
    uint64_t bits = attrs & MEM_PROT_W ? 0 : DESC_AP_RO;
    bits |= attrs & MEM_PROT_U ? DESC_AP_EL0 : 0;
    bits |= (attrs & (MEM_PROT_X | MEM_PROT_U)) == MEM_PROT_X ? 0 : DESC_PXN;
    bits |= (attrs & (MEM_PROT_X | MEM_PROT_U)) == (MEM_PROT_X | MEM_PROT_U) ? 0 : DESC_UXN;
    return bits;
}

// Everything of a leaf but address and type. Lower-half mappings are nG: they belong to one ASID.
static inline uint64_t desc_leaf_bits(mem_attrs_t attrs, bool upper) {
    uint64_t type = (attrs & MEM_TYPE_MASK) >> MEM_TYPE_SHIFT;
    uint64_t share = (attrs & MEM_TYPE_MASK) == MEM_TYPE_DEVICE ? 0 : DESC_SH_INNER;
    return desc_permissions(attrs) | type << DESC_ATTRINDX_SHIFT | share | DESC_AF | (upper ? 0 : DESC_NG);
}

// The block (levels 1 and 2) or page (level 3) that maps `pa`, which is aligned to the level's entry size.
static inline uint64_t desc_leaf(unsigned level, mem_pa_t pa, mem_attrs_t attrs, bool upper) {
    return pa | desc_leaf_bits(attrs, upper) | (level == 3 ? DESC_PAGE : DESC_BLOCK);
}

// Attributes of a leaf: the inverse of desc_leaf_bits(). Branch-free, because it runs for every leaf read.
static inline mem_attrs_t desc_attrs(uint64_t desc) {
    unsigned user = (unsigned)(desc >> 6) & 1;
    return MEM_PROT_R | ((unsigned)(~desc >> 7) & 1) << 1 // AP[2]
           | ((unsigned)(~desc >> (53 + user)) & 1) << 2  // PXN, or UXN of what EL0 may access
           | user << 3 | ((unsigned)(desc >> DESC_ATTRINDX_SHIFT) & 7) << MEM_TYPE_SHIFT;
}

// Operand of TLBI VAE1IS and VAAE1IS: VA[55:12] in bits 43:0, ASID in bits 63:48. The address must be masked:
// in an upper-half address the bits above land in the TTL field that later processors read (FEAT_TTL).
static inline uint64_t desc_tlbi_operand(mem_va_t va, uint16_t asid) {
    return ((va >> MEM_PAGE_SHIFT) & ((UINT64_C(1) << 44) - 1)) | (uint64_t)asid << 48;
}

// TTBRn_EL1: table address, and the ASID in bits 63:48. Bit 0 (CnP) stays 0, it is reserved on v8.0.
static inline uint64_t desc_ttbr(mem_pa_t root, uint16_t asid) {
    return (root & DESC_ADDR_MASK) | (uint64_t)asid << 48;
}

#endif // MODULES_MEMORY_CORE_PAGING_DESCRIPTOR_H
