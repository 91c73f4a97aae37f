// SPDX-License-Identifier: MIT
// The arch seam for measuring what is around it: link-time optimisation inlines these away.

#include <string.h>

#include "core/arch.h"

void arch_clear_page(void *page) {
    memset(page, 0, MEM_PAGE_SIZE);
}

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
