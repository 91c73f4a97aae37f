// SPDX-License-Identifier: MIT
// The stub port's answers to core/arch.h, the seam to the CPU: nothing happens.

#include <string.h>

#include "core/arch.h"

void arch_dsb_ishst(void) {
}

void arch_dsb_ish(void) {
}

void arch_isb(void) {
}

void arch_tlbi_vae1is(uint64_t operand) {
    (void)operand;
}

void arch_tlbi_vaae1is(uint64_t operand) {
    (void)operand;
}

void arch_tlbi_aside1is(uint64_t operand) {
    (void)operand;
}

void arch_tlbi_vmalle1is(void) {
}

void arch_write_ttbr0(uint64_t value) {
    (void)value;
}

uint64_t arch_read_ttbr0(void) {
    return 0;
}

uint64_t arch_read_ttbr1(void) {
    return 0;
}

void arch_switch_ttbr(const arch_switch_t *s) {
    (void)s;
}

uint64_t arch_at_s1e1r(mem_va_t va) {
    return va & ~(uint64_t)MEM_PAGE_MASK;
}

uint64_t arch_at_s1e1w(mem_va_t va) {
    return va & ~(uint64_t)MEM_PAGE_MASK;
}

void arch_clear_page(void *page) {
    memset(page, 0, MEM_PAGE_SIZE);
}

void arch_sync_code(mem_va_t va, uint64_t size) {
    (void)va;
    (void)size;
}

void arch_clean_inval_poc(mem_va_t va, uint64_t size) {
    (void)va;
    (void)size;
}
