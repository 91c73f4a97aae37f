// SPDX-License-Identifier: MIT
// AArch64 instructions -> hw_insn_t. Encodings: Arm ARM, "A64 instruction set encoding".
#include "decode.h"

#include <stdio.h>
#include <string.h>

static uint32_t bits(uint32_t word, int high, int low) {
    return word >> low & ((2u << (high - low)) - 1);
}

static void decode_hint(uint32_t word, hw_insn_t *insn) {
    switch (bits(word, 11, 5)) {
        case 2:
        case 3:
            insn->op = HW_OP_WFE;
            break;
        case 4:
            insn->op = HW_OP_SEV;
            break;
    }
}

static void decode_barrier(uint32_t word, hw_insn_t *insn) {
    insn->sys = bits(word, 11, 8);
    switch (bits(word, 7, 5)) {
        case 4:
            insn->op = HW_OP_DSB;
            break;
        case 5:
            insn->op = HW_OP_DMB;
            break;
        case 6:
            insn->op = HW_OP_ISB;
            break;
    }
}

// SYS: DC, IC, AT, TLBI.
static void decode_operation(hw_insn_t *insn) {
    unsigned crn = insn->sys >> 7 & 15, crm = insn->sys >> 3 & 15;
    if (crn == 8) {
        insn->op = HW_OP_TLBI;
    } else if (crn == 7 && crm == 8) {
        insn->op = HW_OP_AT;
    } else if (insn->sys == HW_SYS(1, 3, 7, 4, 1)) {
        insn->op = HW_OP_ZVA;
    } else if (crn == 7) {
        insn->op = HW_OP_CACHE;
    }
}

static void decode_system(uint32_t word, hw_insn_t *insn) {
    unsigned op0 = bits(word, 20, 19), crn = bits(word, 15, 12);
    insn->sys = bits(word, 20, 5);
    insn->rt = bits(word, 4, 0);
    if (op0 == 0) {
        if (crn == 2 && bits(word, 18, 16) == 3) {
            decode_hint(word, insn);
        } else if (crn == 3) {
            decode_barrier(word, insn);
        }
    } else if (op0 == 1) {
        decode_operation(insn);
    } else {
        insn->op = bits(word, 21, 21) ? HW_OP_MRS : HW_OP_MSR;
        insn->fp = insn->sys == HW_SYS(3, 3, 4, 4, 0) || insn->sys == HW_SYS(3, 3, 4, 4, 1);
    }
}

static void decode_memory(uint32_t word, hw_insn_t *insn) {
    insn->op = HW_OP_MEMORY;
    insn->fp = bits(word, 26, 26);
    insn->element = 1 << bits(word, 31, 30);
    insn->rt = bits(word, 4, 0);
    if ((word & 0x3f000000) == 0x08000000) { // exclusive, ordered, compare and swap
        bool ordered = bits(word, 23, 23), pair = bits(word, 21, 21);
        insn->op = !ordered ? HW_OP_EXCLUSIVE : HW_OP_MEMORY;
        if (pair && (ordered || !bits(word, 31, 31))) {
            insn->op = HW_OP_ATOMIC;
        }
        insn->pair = pair && insn->op == HW_OP_EXCLUSIVE;
    } else if ((word & 0x3a000000) == 0x28000000) { // pairs
        unsigned opc = bits(word, 31, 30);
        insn->pair = true;
        insn->element = insn->fp ? 4 << opc : opc == 2 ? 8 : 4;
    } else if ((word & 0x3b000000) == 0x18000000) { // literals
        insn->element = insn->fp ? 4 << bits(word, 31, 30) : bits(word, 31, 30) == 1 ? 8 : 4;
    } else if ((word & 0x3b200c00) == 0x38200000) {
        insn->op = HW_OP_ATOMIC;
    } else if ((word & 0xbe000000) == 0x0c000000) { // SIMD structures
        insn->element = 1 << bits(word, 11, 10);
        insn->pair = true;
    } else if (insn->fp && bits(word, 31, 30) == 0 && bits(word, 23, 23)) {
        insn->element = 16;
    }
}

static bool is_branch(uint32_t word) {
    return (word & 0x7c000000) == 0x14000000 || (word & 0xff000010) == 0x54000000 ||
           (word & 0x7c000000) == 0x34000000 || (word & 0xfe000000) == 0xd6000000;
}

static bool is_crypto(uint32_t word) {
    return (word & 0xff3e0c00) == 0x4e280800 || (word & 0xff208c00) == 0x5e000000 ||
           (word & 0xff3e0c00) == 0x5e280800 || (word & 0xbfe0fc00) == 0x0ee0e000;
}

void decode(uint32_t word, hw_insn_t *insn) {
    hw_block_t *block = insn->block;
    memset(insn, 0, sizeof *insn);
    insn->block = block;
    insn->word = word;
    if ((word & 0xffc00000) == 0xd5000000) {
        decode_system(word, insn);
    } else if ((word & 0xff000000) == 0xd4000000) {
        insn->op = HW_OP_TRAP;
    } else if (word == 0xd69f03e0) {
        insn->op = HW_OP_ERET;
    } else if (is_branch(word)) {
        insn->op = HW_OP_BRANCH;
    } else if ((word & 0x0a000000) == 0x08000000) {
        decode_memory(word, insn);
    } else if ((word & 0x0e000000) == 0x0e000000) {
        insn->fp = true;
        insn->crypto = is_crypto(word);
    }
}

// --- in words ---

typedef struct {
    uint16_t sys;
    const char *name;
} name_t;

static const name_t names[] = {
    {HW_SYS(1, 0, 7, 1, 0), "ic ialluis"}, {HW_SYS(1, 0, 7, 5, 0), "ic iallu"}, {HW_SYS(1, 3, 7, 5, 1), "ic ivau"},
    {HW_SYS(1, 0, 7, 6, 1), "dc ivac"}, {HW_SYS(1, 0, 7, 6, 2), "dc isw"}, {HW_SYS(1, 0, 7, 10, 2), "dc csw"},
    {HW_SYS(1, 0, 7, 14, 2), "dc cisw"}, {HW_SYS(1, 3, 7, 4, 1), "dc zva"}, {HW_SYS(1, 3, 7, 10, 1), "dc cvac"},
    {HW_SYS(1, 3, 7, 11, 1), "dc cvau"}, {HW_SYS(1, 3, 7, 14, 1), "dc civac"}, {HW_SYS(1, 0, 7, 8, 0), "at s1e1r"},
    {HW_SYS(1, 0, 7, 8, 1), "at s1e1w"}, {HW_SYS(1, 0, 7, 8, 2), "at s1e0r"}, {HW_SYS(1, 0, 7, 8, 3), "at s1e0w"},
    {HW_SYS(1, 0, 8, 3, 0), "tlbi vmalle1is"}, {HW_SYS(1, 0, 8, 3, 1), "tlbi vae1is"},
    {HW_SYS(1, 0, 8, 3, 2), "tlbi aside1is"}, {HW_SYS(1, 0, 8, 3, 3), "tlbi vaae1is"},
    {HW_SYS(1, 0, 8, 3, 5), "tlbi vale1is"}, {HW_SYS(1, 0, 8, 3, 7), "tlbi vaale1is"},
    {HW_SYS(1, 0, 8, 7, 0), "tlbi vmalle1"}, {HW_SYS(1, 0, 8, 7, 1), "tlbi vae1"},
    {HW_SYS(1, 0, 8, 7, 2), "tlbi aside1"}, {HW_SYS(1, 0, 8, 7, 3), "tlbi vaae1"},
    {HW_SYS(1, 0, 8, 7, 5), "tlbi vale1"}, {HW_SYS(1, 0, 8, 7, 7), "tlbi vaale1"},
    {HW_SYS(3, 0, 1, 0, 0), "sctlr_el1"}, {HW_SYS(3, 0, 1, 0, 1), "actlr_el1"}, {HW_SYS(3, 0, 1, 0, 2), "cpacr_el1"},
    {HW_SYS(3, 0, 2, 0, 0), "ttbr0_el1"}, {HW_SYS(3, 0, 2, 0, 1), "ttbr1_el1"}, {HW_SYS(3, 0, 2, 0, 2), "tcr_el1"},
    {HW_SYS(3, 0, 4, 0, 0), "spsr_el1"}, {HW_SYS(3, 0, 4, 0, 1), "elr_el1"}, {HW_SYS(3, 0, 4, 1, 0), "sp_el0"},
    {HW_SYS(3, 0, 10, 2, 0), "mair_el1"}, {HW_SYS(3, 0, 12, 0, 0), "vbar_el1"},
    {HW_SYS(3, 0, 13, 0, 1), "contextidr_el1"}, {HW_SYS(3, 0, 13, 0, 4), "tpidr_el1"},
    {HW_SYS(3, 3, 4, 4, 0), "fpcr"}, {HW_SYS(3, 3, 4, 4, 1), "fpsr"}, {HW_SYS(3, 4, 1, 0, 0), "sctlr_el2"},
    {HW_SYS(3, 4, 1, 1, 0), "hcr_el2"}, {HW_SYS(3, 4, 1, 1, 2), "cptr_el2"}, {HW_SYS(3, 4, 12, 0, 0), "vbar_el2"},
    {HW_SYS(3, 6, 1, 0, 0), "sctlr_el3"}, {HW_SYS(3, 6, 12, 0, 0), "vbar_el3"},
};

static const char *domain(unsigned crm) {
    static const char *const text[16] = {"0", "oshld", "oshst", "osh", "4", "nshld", "nshst", "nsh", "8", "ishld",
                                         "ishst", "ish", "12", "ld", "st", "sy"};
    return text[crm & 15];
}

void decode_text(const hw_insn_t *insn, char *text, size_t size) {
    const char *name = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].sys == insn->sys) {
            name = names[i].name;
        }
    }
    const char *write = insn->op == HW_OP_MSR ? "msr " : insn->op == HW_OP_MRS ? "mrs " : "";
    switch (insn->op) {
        case HW_OP_DSB:
        case HW_OP_DMB:
            snprintf(text, size, "%s %s", insn->op == HW_OP_DSB ? "dsb" : "dmb", domain(insn->sys));
            return;
        case HW_OP_ISB:
            snprintf(text, size, "isb");
            return;
        case HW_OP_ERET:
            snprintf(text, size, "eret");
            return;
        case HW_OP_SEV:
            snprintf(text, size, "sev");
            return;
        case HW_OP_MEMORY:
            snprintf(text, size, "load/store");
            return;
    }
    if (name) {
        snprintf(text, size, "%s%s", write, name);
    } else {
        snprintf(text, size, "%ss%u_%u_c%u_c%u_%u", write, insn->sys >> 14, HW_SYS_OP1(insn->sys), insn->sys >> 7 & 15,
            insn->sys >> 3 & 15, insn->sys & 7);
    }
}
