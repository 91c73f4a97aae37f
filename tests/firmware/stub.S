// SPDX-License-Identifier: MIT
// A firmware stub for tests. It does what the boards' own stub (armstub8) does before a kernel runs, with the values
// that are documented for it, and starts the kernel with x0 = device tree:
//   at EL3 (Pi): all cores come here; core 0 goes on at EL2 (or at EL1, as other loaders do), the others wait in a spin
//   table in the first page;
//   below EL3 (virt): core 0 jumps, as any other loader would.
// Position independent. boot_stub.py fills in the parameters, and places the words at 0 that lead here.

    .text
    .global _start
_start:
    b start
    nop
// The same order as in boot_stub.py.
kernel:     .quad 0
dtb:        .quad 0
frequency:  .quad 0                 // of CNTFRQ_EL0
entry_el:   .quad 2                 // 1: the kernel starts at EL1
gicd:       .quad 0                 // 0: no GIC
gicc:       .quad 0
local:      .quad 0                 // the ARM-local registers; 0: none
timers:     .quad 0                 // 1: the timers run and have expired
serror:     .quad 0                 // 1: an SError is pending when the kernel starts, at EL1
junk:       .quad 0                 // 1: registers have any values that a loader may leave there, exceptions unmasked
writes:     .fill 64, 8, 0          // pairs (address, value) of device registers to be written before the start

// Loads a parameter.
.macro parameter register, name
    adr \register, \name
    ldr \register, [\register]
.endm

start:
    mrs x6, MPIDR_EL1
    and x6, x6, #3
    mrs x0, CurrentEL
    cmp x0, #(3 << 2)
    b.ne jump
    bl local_timer
    parameter x0, frequency
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
    mrs x0, S3_1_C11_C0_2           // L2CTLR_EL1: latency of the L2's RAM
    mov x1, #0x22
    orr x0, x0, x1
    msr S3_1_C11_C0_2, x0
    bl groups
    parameter x0, local
    cbz x0, 3f                      // virt has one core here, and flash at 0
    mov x5, #0xa0                   // core n has been here: word n of these
    mov w0, #1
    str w0, [x5, x6, lsl #2]
    cbnz x6, 3f
    // A real stub's core 0 does not wait for the others. QEMU's GIC has no secure side: what they write late there
    // would undo what the kernel has set up.
2:  ldp w0, w1, [x5, #4]
    ldr w2, [x5, #12]
    and w0, w0, w1
    and w0, w0, w2
    cbz w0, 2b
3:  ldr x0, =0x30c50830
    msr SCTLR_EL2, x0
    mov x0, #0x3c9                  // EL2h, all masked
    msr SPSR_EL3, x0
    adr x0, el2
    msr ELR_EL3, x0
    eret

el2:
    cbz x6, 5f
    mov x5, #0xd8                   // where each core has a slot
4:  wfe
    ldr x4, [x5, x6, lsl #3]
    cbz x4, 4b
    mov x0, #0
    br x4
5:  parameter x0, entry_el
    cmp x0, #1
    b.ne jump
    // What the boot protocol of Linux asks of a loader that starts a kernel at EL1.
    mov x0, #(1 << 31)              // EL1 is AArch64
    parameter x1, serror
    cbz x1, 16f
    mov x1, #0x120                  // AMO and VSE: a virtual one
    orr x0, x0, x1
16:
    msr HCR_EL2, x0
    mov x0, #3                      // it may use the physical counter and timer
    msr CNTHCTL_EL2, x0
    mov x0, #0x33ff
    msr CPTR_EL2, x0
    mrs x0, MIDR_EL1
    msr VPIDR_EL2, x0
    mrs x0, MPIDR_EL1
    msr VMPIDR_EL2, x0
    ldr x0, =0x30d00800
    msr SCTLR_EL1, x0
    mov x0, #0x3c5                  // EL1h, all masked
    msr SPSR_EL2, x0
    adr x0, jump
    msr ELR_EL2, x0
    eret

jump:
    parameter x0, timers
    cbz x0, 6f
    msr CNTP_CVAL_EL0, xzr
    msr CNTV_CVAL_EL0, xzr
    msr CNTP_CTL_EL0, x0
    msr CNTV_CTL_EL0, x0
6:  adr x5, writes
7:  ldp x0, x1, [x5], #16
    cbz x0, 8f
    str w1, [x0]
    b 7b
8:  parameter x0, junk
    cbnz x0, leave_junk
    parameter x0, dtb
    mov x1, #0
    mov x2, #0
    mov x3, #0
    parameter x4, kernel
    br x4

// Only what the boot protocol asks for holds: x0, MMU and caches off. All else has another value than after a reset:
// addresses that are not there, traps of all that can be trapped, and exceptions that are not masked.
leave_junk:
    ldr x1, =0x5ba9dead5ba9d001
    mov x3, #(3 << 20)              // CPACR_EL1: for the two that follow
    msr CPACR_EL1, x3
    isb
    ldr x3, =0x07c09f00
    msr FPCR, x3                    // another rounding, and traps
    msr FPSR, x3
    mrs x2, CurrentEL
    cmp x2, #(2 << 2)
    b.lo 17f
    ldr x3, =0x30c50832             // SCTLR_EL2: A
    msr SCTLR_EL2, x3
    msr TTBR0_EL2, x1
    msr TCR_EL2, x1
    msr MAIR_EL2, x1
    msr VBAR_EL2, x1
    msr VTTBR_EL2, x1
    msr VTCR_EL2, x1
    msr TPIDR_EL2, x1
    msr HSTR_EL2, x1
    msr CNTVOFF_EL2, x1
    msr CNTHCTL_EL2, xzr            // EL1 may use neither counter nor timer
    msr CNTHP_CVAL_EL2, xzr
    mov x3, #1
    msr CNTHP_CTL_EL2, x3           // running, and expired
    isb                             // SCTLR_EL2 and others of this level count from here on
    ldr x3, =0xc00037ff             // CPTR_EL2: FP and CPACR_EL1 are trapped
    msr CPTR_EL2, x3
    ldr x3, =0x44006001             // HCR_EL2: stage 2, WFI, WFE, the MMU's registers; EL1 is AArch32
    msr HCR_EL2, x3
    mov x3, #0xfe6                  // MDCR_EL2: debug and performance registers are trapped
    msr MDCR_EL2, x3
    msr VPIDR_EL2, x1
    msr VMPIDR_EL2, x1
    msr SP_EL1, x1
    msr ELR_EL2, x1
17: ldr x3, =0x30d00802             // SCTLR_EL1: A
    msr SCTLR_EL1, x3
    msr TTBR0_EL1, x1
    msr TTBR1_EL1, x1
    msr TCR_EL1, x1
    msr MAIR_EL1, x1
    msr VBAR_EL1, x1
    msr CONTEXTIDR_EL1, x1
    msr TPIDR_EL1, x1
    msr TPIDR_EL0, x1
    msr TPIDRRO_EL0, x1
    msr SP_EL0, x1
    msr ELR_EL1, x1
    msr ESR_EL1, x1
    msr FAR_EL1, x1
    mov x3, #0x3f7
    msr CNTKCTL_EL1, x3
    mov x3, #0xf
    msr PMUSERENR_EL0, x3
    msr CPACR_EL1, xzr
    isb
    mov sp, x1
    parameter x0, dtb
    parameter x4, kernel
    mov x2, x1
    mov x3, x1
.irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    mov x\n, x1
.endr
    msr DAIFClr, #15
    br x4

// The crystal is the timer's clock, one step a cycle.
local_timer:
    parameter x1, local
    cbz x1, 9f
    str wzr, [x1]
    mov w0, #0x80000000
    str w0, [x1, #8]
9:  ret

// Every interrupt in group 1, the one that is not secure.
groups:
    parameter x1, gicc
    cbz x1, 12f
    mov w0, #0x1e7
    str w0, [x1]
    mov w0, #0xff
    str w0, [x1, #4]
    parameter x1, gicd
    mov w0, #3
    cbz x6, 10f                     // as on the boards, the distributor is left to cores 1 to 3
    str w0, [x1]
10: add x1, x1, #0x80
    mov w0, #-1
    mov w2, #8
11: str w0, [x1], #4
    subs w2, w2, #1
    b.ne 11b
12: ret
