// SPDX-License-Identifier: MIT
// A loader that leaves EL2 as it used it: instruction cache on, a stage 2 table, its own tables and vectors. It enters
// the kernel at KERNEL without a device tree.

    .text
    .global _start
_start:
    ldr x0, =0x30c51830             // SCTLR_EL2.I
    ldr x1, =0x00ab00000dead000
    mov x2, #3
    ldr x4, =KERNEL
    msr SCTLR_EL2, x0
    msr VTTBR_EL2, x1
    msr TTBR0_EL2, x1
    msr VBAR_EL2, x1
    msr HSTR_EL2, x2
    mov x0, #0
    dsb sy
    isb
    br x4
