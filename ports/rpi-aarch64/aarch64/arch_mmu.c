// SPDX-License-Identifier: MIT
// The architecture seam of the memory system on AArch64: barriers, TLB maintenance, TTBR writes, address
// translation and cache maintenance. The order of calls is the mechanism's business (modules/memory/core/paging/).

#include "core/arch.h"

#define READ_REGISTER(name) ({ uint64_t value_; __asm volatile ("mrs %0, " #name: "=r" (value_)); value_; })

void arch_dsb_ishst(void) {
    __asm volatile ("dsb ishst" : : : "memory");
}

void arch_dsb_ish(void) {
    __asm volatile ("dsb ish" : : : "memory");
}

void arch_isb(void) {
    __asm volatile ("isb" : : : "memory");
}

void arch_tlbi_vae1is(uint64_t operand) {
    __asm volatile ("tlbi vae1is, %0" : : "r" (operand) : "memory");
}

void arch_tlbi_vaae1is(uint64_t operand) {
    __asm volatile ("tlbi vaae1is, %0" : : "r" (operand) : "memory");
}

void arch_tlbi_aside1is(uint64_t operand) {
    __asm volatile ("tlbi aside1is, %0" : : "r" (operand) : "memory");
}

void arch_tlbi_vmalle1is(void) {
    __asm volatile ("tlbi vmalle1is" : : : "memory");
}

void arch_write_ttbr0(uint64_t value) {
    __asm volatile ("msr ttbr0_el1, %0" : : "r" (value) : "memory");
}

uint64_t arch_read_ttbr0(void) {
    return READ_REGISTER(ttbr0_el1);
}

uint64_t arch_read_ttbr1(void) {
    return READ_REGISTER(ttbr1_el1);
}

// Of the Cortex-A53 and A72: DCZID_EL0 is 4. With a larger one the page is cleared as well, with a smaller one not.
#define ZVA_SIZE (64)

void arch_clear_page(void *page) {
    uintptr_t end = (uintptr_t)page + MEM_PAGE_SIZE;
    for (uintptr_t at = (uintptr_t)page; at != end; at += 4 * ZVA_SIZE) {
        __asm volatile ("dc zva, %0\n dc zva, %1\n dc zva, %2\n dc zva, %3"
            : : "r" (at), "r" (at + ZVA_SIZE), "r" (at + 2 * ZVA_SIZE), "r" (at + 3 * ZVA_SIZE) : "memory");
    }
}

// An exception between AT and the read of PAR_EL1 could translate something else: both run masked.
#define TRANSLATE(operation, va) ({ \
        uint64_t daif_ = READ_REGISTER(daif); \
        uint64_t par_; \
        __asm volatile ("msr daifset, #15\n at " operation ", %1\n isb\n mrs %0, par_el1\n msr daif, %2" \
    : "=&r" (par_) : "r" (va), "r" (daif_) : "memory"); \
        par_; })

uint64_t arch_at_s1e1r(mem_va_t va) {
    return TRANSLATE("s1e1r", va);
}

uint64_t arch_at_s1e1w(mem_va_t va) {
    return TRANSLATE("s1e1w", va);
}

// Bytes of the smallest data cache line: CTR_EL0.DminLine is log2 of the words.
static uint64_t data_line(void) {
    return (uint64_t)4 << (READ_REGISTER(ctr_el0) >> 16 & 15);
}

void arch_sync_code(mem_va_t va, uint64_t size) {
    uint64_t line = data_line();
    for (mem_va_t at = mem_align_down(va, line); at - va < size || at < va; at += line) {
        // Cortex-A53 erratum 855873 makes plain cleans unsafe beside evictions: clean and invalidate.
        __asm volatile ("dc civac, %0" : : "r" (at) : "memory");
    }
    // IC IVAU would only reach the lines of this alias in a virtually indexed instruction cache.
    __asm volatile ("dsb ish\n ic ialluis\n dsb ish\n isb" : : : "memory");
}

void arch_clean_inval_poc(mem_va_t va, uint64_t size) {
    uint64_t line = data_line();
    for (mem_va_t at = mem_align_down(va, line); at - va < size || at < va; at += line) {
        __asm volatile ("dc civac, %0" : : "r" (at) : "memory");
    }
    __asm volatile ("dsb sy" : : : "memory");
}
