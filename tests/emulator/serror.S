// SPDX-License-Identifier: MIT
// Injects an SError: a virtual one, which EL2 makes pending when EL1 or EL0 comes to a breakpoint. This is what a bus
// error looks like that arrives after its instruction, at the place of the breakpoint. For the board, at
// any address of EL1 and at the start of a frame, whose physical address EL2 uses, with its MMU off. The kernel's own
// stub at EL2 (aarch64/el2.S) is what enters it.
//
//   offset 0:  arm(pa of this, address of the breakpoint, DBGBCR0_EL1)
//   offset 4:  disarm(pa of this): as before arm(), pending or not; returns HCR_EL2 as it is now
//   offset 8:  returns, so this is code of EL1 for a breakpoint

.set EL2_ENTER,      0x7e2
.set EL1T,           0x4
.set HCR_AMO,        (1 << 5)
.set HCR_VSE,        (1 << 8)
.set MDCR_TDE,       (1 << 8)    // debug exceptions go to EL2
.set MDSCR_MDE,      (1 << 15)
.set EC_SHIFT,       26
.set EC_BREAKPOINT,  0x30        // from a lower exception level

    .text
start:
    b arm
    b disarm
    ret
disarm:
    adr x1, el2_disarm
    b enter
arm:
    msr OSLAR_EL1, xzr
    msr DBGBVR0_EL1, x1
    msr DBGBCR0_EL1, x2
    mrs x5, MDSCR_EL1
    orr x5, x5, #MDSCR_MDE
    msr MDSCR_EL1, x5
    isb
    adr x1, el2_arm
enter:
    mrs x4, DAIF                    // x4 to x8 are left alone by the stub
    adr x5, start
    sub x1, x1, x5
    add x1, x0, x1                  // its physical address
    adr x2, 1f
    hvc #EL2_ENTER
1:  mov x0, x5
    ret

// EL2: x0 = where to return to, x4 = DAIF there.
el2_arm:
    mrs x1, VBAR_EL2
    msr TTBR0_EL2, x1               // EL2's MMU is off: a place to keep it that is not memory
    adr x1, vectors
    msr VBAR_EL2, x1
    mrs x1, MDCR_EL2
    orr x1, x1, #MDCR_TDE
    msr MDCR_EL2, x1
    b el2_return
el2_disarm:
    mrs x1, HCR_EL2
    bic x1, x1, #HCR_AMO
    bic x1, x1, #HCR_VSE
    msr HCR_EL2, x1
    msr DBGBCR0_EL1, xzr
    mrs x1, MDSCR_EL1
    bic x1, x1, #MDSCR_MDE
    msr MDSCR_EL1, x1
    mrs x1, MDCR_EL2
    bic x1, x1, #MDCR_TDE
    msr MDCR_EL2, x1
    isb
    mrs x5, HCR_EL2
el2_return:
    msr ELR_EL2, x0
    orr x4, x4, #EL1T
    msr SPSR_EL2, x4
    isb
    eret

    .balign 0x800
vectors:
    .space 0x400                    // nothing that is enabled comes from EL2 itself
    msr TPIDR_EL2, x9
    mrs x9, TTBR0_EL2
    msr VBAR_EL2, x9
    mrs x9, ESR_EL2
    lsr x9, x9, #EC_SHIFT
    cmp x9, #EC_BREAKPOINT
    b.ne 1f
    msr DBGBCR0_EL1, xzr
    mrs x9, MDCR_EL2                // EL1 may use its debug registers again
    bic x9, x9, #MDCR_TDE
    msr MDCR_EL2, x9
    mrs x9, HCR_EL2
    orr x9, x9, #HCR_AMO
    orr x9, x9, #HCR_VSE
    msr HCR_EL2, x9
    isb
    mrs x9, TPIDR_EL2
    eret
1:  mov x0, x2                      // the HVC of disarm(): what the kernel's stub does with it
    br x1
    .balign 0x80
