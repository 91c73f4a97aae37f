// SPDX-License-Identifier: MIT
// The loops of the cores that this port does not use. boot/parking.c copies them into the parking page. They run
// with the MMU off at the exception level the core arrived with, EL2 on a Pi, with every exception masked.

#include "boot/layout.h"

#define GICC_CTLR   0x000
#define GICC_PMR    0x004
#define GICC_IAR    0x00c
#define GICC_EOIR   0x010

// x2: the address of this core's word in the spin table; x3: the parking page; x4: the GIC's CPU interface or 0.
.macro find_own_place
    mrs x2, MPIDR_EL1
    and x2, x2, #3
    lsl x2, x2, #3
    add x2, x2, #SPIN_TABLE
    adr x3, .
    and x3, x3, #~0xfff
    ldr x4, [x3, #PARKING_GICC]
.endm

    .section .text.boot_parking, "ax"
    .global parking_loop, parking_loop_end, parking_spin, parking_spin_end
    .balign 8
// WFI, not WFE, which polls in QEMU. An interrupt (irq_call_cores()) ends it, and a core whose word has changed goes
// where the word says. So a core can be called back.
parking_loop:
    msr DAIFSet, #15
    find_own_place
    cbz x4, 1f
    mov w0, #0xff                   // without this no interrupt of the GIC reaches the core
    str w0, [x4, #GICC_PMR]
    ldr w0, [x4, #GICC_CTLR]
    orr w0, w0, #3
    str w0, [x4, #GICC_CTLR]
1:  dsb sy
    wfi
    ldr x0, [x2]
    cbz x0, 1b
    cmp x0, x3
    b.eq 1b
    br x0
parking_loop_end:

// Where cores wait when another kernel takes over, in the state that the firmware's stub leaves them in. A core
// clears its word when it arrives. The next kernel may be one of this project and write this page again while the
// cores are in this part, so its instructions and its place stay as they are.
parking_spin:
    find_own_place
    cbz x4, 1f
    ldr w0, [x4, #GICC_IAR]         // the interrupt that called
    and w1, w0, #0x3ff
    cmp w1, #1020                   // none is pending: that is not ended
    b.hs 1f
    str w0, [x4, #GICC_EOIR]
1:  str xzr, [x2]
    dsb sy
2:  wfe
    ldr x4, [x2]
    cbz x4, 2b
    mov x0, #0
    mov x1, #0
    mov x2, #0
    mov x3, #0
    br x4
parking_spin_end:

    .if parking_loop_end - parking_loop > PARKING_SPIN
    .error "the first loop reaches into the second"
    .endif

// Where the cores go that start.S holds; 0 until the page is ready. Not in .bss: the boot core clears that while they
// look here. A cache line of its own: parking.c writes it with caches on, and they read without.
    .section .data.boot_park_address, "aw"
    .global boot_park_address
    .balign 64
boot_park_address:
    .quad 0
    .balign 64
