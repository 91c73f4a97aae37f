// SPDX-License-Identifier: MIT
// The start of each kernel of this folder: core 0 goes to EL1 with a stack, core 1 waits for it.
    .section .text.start, "ax"
    .globl _start
_start:
    mrs x1, mpidr_el1
    tst x1, #3
    b.ne hang
    bl to_el1
    ldr x1, =stack_of_core_0
    mov sp, x1
    ldr x1, =bss_start
    ldr x2, =bss_end
1:
    cmp x1, x2
    b.hs 2f
    str xzr, [x1], #8
    b 1b
2:
    bl kernel_main
hang:
    wfe
    b hang

// Core 1, when core 0 has written this address to the spin table.
    .globl start_core_1
start_core_1:
    bl to_el1
    ldr x1, =stack_of_core_1
    mov sp, x1
    bl core_1_main
    b hang

to_el1:
    mrs x1, CurrentEL
    cmp x1, #8
    b.ne 1f
    mov x1, #1 << 31
    msr hcr_el2, x1
    ldr x1, =0x30d00800
    msr sctlr_el1, x1
    mov x1, #0x3c5
    msr spsr_el2, x1
    msr elr_el2, x30
    ldr x1, =vectors
    msr vbar_el1, x1
    eret
1:
    ldr x1, =vectors
    msr vbar_el1, x1
    isb
    ret

    .weak core_1_main
core_1_main:
    ret

    .balign 2048
vectors:
    .rept 16
    .balign 128
    b hang
    .endr
