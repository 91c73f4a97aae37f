// SPDX-License-Identifier: MIT
// void arch_switch_ttbr(const arch_switch_t *s): replaces TTBR1 and TTBR0 while running from TTBR1 (core/arch.h).
//
// The link script puts .text.trampoline into one 4 KiB-aligned page, [__trampoline_start, __trampoline_end).
// The code runs there twice: at its linked address, and at the page's physical address through the temporary TTBR0.
// While TTBR1 is away there is no stack and no data: everything is in registers, and no exception may come
// (the vectors are gone as well), so all four are masked. x30 is not touched.
// tests/host/test_trampoline.py disassembles this file and compares the order with the one the mechanism expects.

    .section .text.trampoline, "ax"
    .balign 4096
    .global arch_switch_ttbr
    .type arch_switch_ttbr, %function
arch_switch_ttbr:
    ldp     x1, x2, [x0]            // temporary_ttbr0, empty_ttbr1
    ldp     x3, x4, [x0, #16]       // new_ttbr1, new_ttbr0
    ldr     x5, [x0, #32]           // trampoline_pa
    mrs     x6, daif
    adr     x7, 2f                  // the high address to come back to
    adr     x8, 1f
    and     x8, x8, #0xfff
    orr     x8, x8, x5              // the low address of 1:

    msr     daifset, #15
    msr     ttbr0_el1, x1
    isb
    tlbi    vmalle1                 // what the old TTBR0 had at the trampoline's address
    dsb     ish
    isb
    br      x8
1:
    msr     ttbr1_el1, x2           // break: from here on the upper half translates to nothing
    isb
    tlbi    vmalle1
    dsb     ish
    isb
    msr     ttbr1_el1, x3           // make
    isb
    br      x7
2:
    msr     ttbr0_el1, x4
    isb
    tlbi    vmalle1                 // the temporary mapping
    dsb     ish
    isb
    msr     daif, x6
    ret
    .size arch_switch_ttbr, . - arch_switch_ttbr
