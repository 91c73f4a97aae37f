// SPDX-License-Identifier: MIT
// A firmware stub for tests. It does what the boards' own stub does before a kernel runs, with the
// values that are documented for it, and starts the kernel at KERNEL with x0 = DTB:
//   at EL3 (Pi): all cores come here; core 0 goes on at EL2, the others wait in a spin table;
//   below EL3 (virt): core 0 jumps, as any other loader would.
// -DKERNEL, -DDTB; for EL3 also -DFREQUENCY (CNTFRQ_EL0), and -DGICD and -DGICC where there is a GIC.

    .text
    .global _start
_start:
    b start
    .org 0x100                      // behind the cores' words at 0xa0, and the spin table at 0xd8
start:
    mrs x6, MPIDR_EL1
    and x6, x6, #3
    mrs x0, CurrentEL
    cmp x0, #(3 << 2)
    b.ne jump
#ifdef FREQUENCY
    ldr x0, =FREQUENCY
    msr CNTFRQ_EL0, x0
    msr CNTVOFF_EL2, xzr
    mov x0, #0x33ff
    msr CPTR_EL3, x0
    mov x0, #0x5b1                  // NS, RW, HCE, SMD: no PSCI below
    msr SCR_EL3, x0
    mov x0, #0x73
    msr ACTLR_EL3, x0
    mov x0, #0x40                   // SMPEN
    msr S3_1_C15_C2_1, x0
#ifdef GICD
    ldr x1, =GICC
    mov w0, #0x1e7
    str w0, [x1]
    mov w0, #0xff
    str w0, [x1, #4]
    ldr x1, =GICD
    mov w0, #3
    cbz x6, 1f                      // as on the boards, the distributor is left to cores 1 to 3
    str w0, [x1]
1:  add x1, x1, #0x80
    mov w0, #-1
    mov w2, #8
2:  str w0, [x1], #4
    subs w2, w2, #1
    b.ne 2b
#endif
    mov x5, #0xa0                   // core n has been here: word n of these
    mov w0, #1
    str w0, [x5, x6, lsl #2]
    cbnz x6, 5f
    // A real stub's core 0 does not wait for the others. QEMU's GIC has no secure side: what they
    // write late there would undo what the kernel has set up.
4:  ldp w0, w1, [x5, #4]
    ldr w2, [x5, #12]
    and w0, w0, w1
    and w0, w0, w2
    cbz w0, 4b
5:  ldr x0, =0x30c50830
    msr SCTLR_EL2, x0
    mov x0, #0x3c9                  // EL2h, all masked
    msr SPSR_EL3, x0
    adr x0, el2
    msr ELR_EL3, x0
    eret
el2:
    cbz x6, jump
    mov x5, #0xd8                   // where each core has a slot
3:  wfe
    ldr x4, [x5, x6, lsl #3]
    cbz x4, 3b
    mov x0, #0
    br x4
#endif
jump:
    ldr x0, =DTB
    mov x1, #0
    mov x2, #0
    mov x3, #0
    ldr x4, =KERNEL
    br x4
