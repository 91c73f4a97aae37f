// SPDX-License-Identifier: MIT
// From the firmware's jump to C in the upper half. Runs wherever it was loaded, at EL3, EL2 or EL1,
// with the MMU off: every address is PC-relative and all data accesses are aligned.
// State at entry: Linux arm64 boot protocol (x0 = device tree or not), or all cores at once at EL3.

#include "asm.h"
#include "boot/layout.h"
#include "boot/image_mark.h"
#include "boot/place.h"
#include "core/fault/syndrome.h"

// MIDR_EL1 part number of the Cortex-A72, which the machines with a GIC have.
#define PART_CORTEX_A72     0xd08
#ifdef BOARD_QEMU_VIRT
#define GICD                0x08000000
#define GICC                0x08010000
#else
// BCM2711's GIC as the ARM sees it (low peripheral mode).
#define GICD                0xff841000
#define GICC                0xff842000
#endif
// The ARM-local blocks of the Pis, which clock the counter, and a register there.
#define BCM2837_LOCAL       0x40000000
#define BCM2711_LOCAL       0xff800000
#define LOCAL_PRESCALER     0x008
// CNTFRQ_EL0 in QEMU, where nothing else says how fast the counter is.
#define QEMU_FREQUENCY      62500000
// RES1 bits; MMU and caches off.
#define SCTLR_EL2_OFF       0x30c50830

// Shows a place that boot has passed, in a bring-up image. Clobbers what a C function may.
.macro place number
#if BOOT_BRINGUP
    mov w0, #\number
    bl early_place
#endif
.endm

// The 64-byte header of an arm64 Image: the firmware and QEMU read text_offset and image_size,
// which covers .bss so that no loader puts a device tree into it.
    .section .text.head, "ax"
    .global _start
_start:
    b boot_entry
    nop
    .quad 0x80000                   // text_offset
    .quad _image_size               // image_size, .bss and stacks included
    .quad 0xa                       // little endian, 4 KiB pages, placed anywhere
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0
// Which machines the image is for (../bootloader.c): at byte 64, zero-padded.
image_mark:
    .ascii IMAGE_MARK_PREFIX, BUILD_NAME
    .fill IMAGE_MARK_SIZE - (. - image_mark)

boot_entry:
    msr DAIFSet, #15
    mrs x22, CurrentEL
    lsr x22, x22, #2                // x22: exception level at entry
    mrs x9, MPIDR_EL1
    tst x9, #0xff
    b.ne boot_other
    mov x20, x0                     // x20: what the firmware passed
    mrs x21, CNTPCT_EL0             // x21: time of the first instruction
#if BOOT_BRINGUP
    address x0, __exception_stack_end
    mov sp, x0                      // of the exception level at entry
#endif
    place PLACE_ENTRY
    cmp x22, #3
    b.eq boot_el3
    cmp x22, #2
    b.eq boot_el2
    b boot_el1

// Another core, entered at once with this one (an ELF at EL3): down to EL2, where a firmware stub would have left it.
// It waits until boot.c has put the parking loop in place and goes there: nothing may stay parked inside the image.
boot_other:
    cmp x22, #3
    b.eq boot_el3
boot_park:
    address x1, boot_park_address
1:  ldr x2, [x1]
    cbnz x2, 2f
    wfe
    b 1b
2:  br x2

// EL3: no firmware stub ran, so do its work, on each core, then go on at EL2.
boot_el3:
    mov x0, #0x5b1                  // SCR_EL3: NS, RW, HCE, SMD, RES1
    msr SCR_EL3, x0
    msr CPTR_EL3, xzr
    msr MDCR_EL3, xzr               // debug and performance registers are not trapped here
    mov x0, #0x73                   // ACTLR_EL3: EL2 may write the CPU's own control registers
    msr ACTLR_EL3, x0
    mrs x0, S3_1_C15_C2_1           // CPUECTLR_EL1.SMPEN: coherency, needed before caches are on
    orr x0, x0, #0x40
    msr S3_1_C15_C2_1, x0
    mrs x11, MPIDR_EL1
    ands x11, x11, #0xff            // x11: the core
    mrs x9, MIDR_EL1
    ubfx x9, x9, #4, #12
    cmp w9, #PART_CORTEX_A72        // the flags hold until the GIC's part below
#ifndef BOARD_QEMU_VIRT
    mrs x0, S3_1_C11_C0_2           // L2CTLR_EL1: the latency of the L2's RAM, which these chips need
    mov x1, #0x22
    orr x0, x0, x1
    msr S3_1_C11_C0_2, x0
    ldr x1, =BCM2837_LOCAL
    ldr x2, =BCM2711_LOCAL
    csel x1, x2, x1, eq
    str wzr, [x1]                   // the counter counts the crystal's cycles by 1
    mov w0, #0x80000000
    str w0, [x1, #LOCAL_PRESCALER]  // and all of them
    ldr w0, =19200000
    ldr w1, =54000000
    csel w0, w1, w0, eq
    mrs x1, CNTFRQ_EL0              // unknown after reset; QEMU's counter runs at its own rate, which is there
    ldr w2, =QEMU_FREQUENCY
    sub x2, x1, x2
    cbz x2, 1f
    msr CNTFRQ_EL0, x0
1:
#endif
    b.ne 3f
    ldr x1, =GICD                   // every interrupt to group 1, which is the non-secure one
    add x2, x1, #0x80
    mov w0, #-1
    str w0, [x2], #4                // the first of these words is each core's own
    cbnz x11, 4f
    mov w3, #7
2:  str w0, [x2], #4
    subs w3, w3, #1
    b.ne 2b
    mov w0, #3
    str w0, [x1]
4:  ldr x1, =GICC
    mov w0, #0x1e7
    str w0, [x1]
    mov w0, #0xff
    str w0, [x1, #4]
3:
    ldr w0, =SCTLR_EL2_OFF          // unknown after reset
    msr SCTLR_EL2, x0
    cmp x11, #0
    adr x0, boot_el2
    adr x1, boot_park
    csel x0, x0, x1, eq
    msr ELR_EL3, x0
    mov x0, #(PSTATE_EL2H | PSTATE_DAIF)
    msr SPSR_EL3, x0
    isb
    eret

// EL2: keep a small stub there (el2_vectors) and go on at EL1.
boot_el2:
    ldr w0, =SCTLR_EL2_OFF          // a loader's translation tables for EL2 are not ours: the stub at el2_vectors
    msr SCTLR_EL2, x0               //   runs at physical addresses
    isb
    mov x0, #(1 << 31)              // HCR_EL2.RW: EL1 is AArch64; TSC: SMC is trapped, for what is at EL3 may
    orr x0, x0, #(1 << 19)          //   have no answer. Nothing else is.
    msr HCR_EL2, x0
    mrs x0, CNTHCTL_EL2
    orr x0, x0, #3                  // EL1 may use the physical counter and timer
    msr CNTHCTL_EL2, x0
    msr CNTVOFF_EL2, xzr
    mov x0, #0x33ff                 // CPTR_EL2: FP not trapped
    msr CPTR_EL2, x0
    msr HSTR_EL2, xzr
    msr VTTBR_EL2, xzr
    mrs x0, PMCR_EL0                // MDCR_EL2, unknown after reset: all counters are EL1's (HPMN), debug
    ubfx x0, x0, #11, #5            //   exceptions go to EL1 (TDE 0), where single steps are expected
    msr MDCR_EL2, x0
    mrs x0, MIDR_EL1
    msr VPIDR_EL2, x0
    mrs x0, MPIDR_EL1
    msr VMPIDR_EL2, x0
    address x0, el2_vectors
    msr VBAR_EL2, x0
    adr x0, boot_el1
    msr ELR_EL2, x0
    mov x0, #(PSTATE_EL1H | PSTATE_DAIF)
    msr SPSR_EL2, x0
    isb
    eret

// EL1: stack and C for the boot tables, then the MMU, then the upper half.
boot_el1:
    adr x0, boot_el1
    tbnz x0, #63, boot_called
    ldr w0, =0x30d00800             // SCTLR_EL1: RES1 bits, MMU and caches off
    msr SCTLR_EL1, x0
    mov x0, #(3 << 20)              // CPACR_EL1.FPEN: before any C may use a q register
    msr CPACR_EL1, x0
    msr SPSel, #1
    address x0, __exception_stack_end
    mov sp, x0                      // before the vectors, which report in C
    address x0, boot_vectors
    msr VBAR_EL1, x0
    isb
    msr FPCR, xzr                   // unknown after reset: round to nearest, trap nothing
    place PLACE_EL1

    address x0, __bss_start
    address x1, __bss_end           // both are multiples of 64
1:  stp xzr, xzr, [x0], #16
    stp xzr, xzr, [x0], #16
    stp xzr, xzr, [x0], #16
    stp xzr, xzr, [x0], #16
    cmp x0, x1
    b.lo 1b

    place PLACE_CLEARED
    mov x0, x20
    adr x1, _start
    bl boot_map_build               // boot_map_t *boot_map_build(dtb, image): tables, registers
    mov x19, x0
    place PLACE_TABLES
    ldp x1, x2, [x19, #0]           // mair, tcr
    ldp x3, x4, [x19, #16]          // ttbr0, ttbr1
    ldr x6, [x19, #32]              // the level 0 table with nothing in it
    dsb sy
    msr MAIR_EL1, x1
    msr TCR_EL1, x2
    msr TTBR0_EL1, x3
    msr TTBR1_EL1, x4
    isb
    tlbi vmalle1
    dsb nsh
    ic iallu
    dsb nsh
    isb
    ldr w0, =0x30d0180d             // M, C, SA, I
    ldr x5, =boot_high              // its link address, in the upper half
    msr SCTLR_EL1, x0
    isb
    br x5

// In the upper half: the running system has called _start. Without the MMU there would be no code here, and no vectors.
boot_called:
    udf #0

boot_high:
    ldr x0, =LAYOUT_EXCEPTION_STACK_TOP
    msr SPSel, #1
    mov sp, x0
    ldr x0, =LAYOUT_THREAD_STACK_TOP
    msr SPSel, #0                   // the thread runs EL1t; every exception goes to SP_EL1
    mov sp, x0
    ldr x0, =vectors
    msr VBAR_EL1, x0
    msr TTBR0_EL1, x6               // the identity map has done its work
    isb
    tlbi vmalle1
    dsb nsh
    isb
    bl entry_serror_take            // from here on SErrors are unmasked
    mov x0, x20
    mov x1, x21
    mov x2, x22
    mov x29, #0                     // end of the chain of frame records
    mov x30, #0
    bl boot_main                    // boot_main(dtb, start_ticks, entry_el) does not return
    b .
    .ltorg
