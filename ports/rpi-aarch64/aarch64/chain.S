// SPDX-License-Identifier: MIT
// The last steps on the way into another kernel (bootloader.c).
//
// void chain_jump(uint64_t ttbr0, mem_pa_t copier, mem_pa_t plan): leaves for a copy of chain_copier, through a TTBR0
// that maps nothing but its page, at its physical address. Does not return.

#include "asm.h"
#include "el2.h"
#include "boot/chain.h"

// BCM2836's local block: for core 0, and 4 or 16 bytes later for the next one.
#define LOCAL_MAILBOX_CONTROL   0x50
#define LOCAL_MAILBOX_CLEAR     0xcc // of mailbox 3

function chain_jump
    msr DAIFSet, #15
    msr TTBR0_EL1, x0
    isb
    tlbi vmalle1
    dsb nsh
    isb
    mov x0, x2
    br x1
endfunction chain_jump

// Position independent: bootloader.c copies [chain_copier, chain_copier_end) into a page of its own, which no image
// lies in, and the plan behind it. x0 = physical address of the plan, which is mapped there. No stack and no store but
// those of the copy. Works on whole 64-bit words, since all memory is device memory once the MMU is off.
    .section .text.chain_copier, "ax"
    .balign 64
    .global chain_copier, chain_copier_end
chain_copier:
    // What this kernel still has in the data cache must not be written back over its successor later.
    // Its tables are in use until the MMU is off, so this goes through the linear map.
    ldp x1, x2, [x0, #CHAIN_LINEAR]
    mrs x3, CTR_EL0
    ubfx x3, x3, #16, #4            // DminLine: log2 of words
    mov x4, #4
    lsl x4, x4, x3
1:  dc civac, x1
    add x1, x1, x4
    cmp x1, x2
    b.lo 1b
    dsb sy
    mov w1, #0x0800                 // SCTLR_EL1: RES1 bits, MMU and caches off
    movk w1, #0x30d0, lsl #16
    msr SCTLR_EL1, x1
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ldr x1, [x0, #CHAIN_EL]
    cmp x1, #1
    b.eq chain_copy
    mov x2, x0                      // EL2: the stub there is overwritten soon, so it is left first
    adr x1, chain_copy
    hvc #EL2_ENTER

chain_copy:
    ldp x1, x2, [x0, #CHAIN_SOURCE]
    ldp x3, x5, [x0, #CHAIN_TARGET]
    mov x6, x3
2:  ldp x7, x8, [x1], #16
    ldp x9, x10, [x1], #16
    stp x7, x8, [x3], #16
    stp x9, x10, [x3], #16
    cmp x1, x2
    b.lo 2b
    dsb sy
    // Lines fetched by speculation between the cleaning and the MMU's end hold what was there before the copy, clean.
    mrs x7, CTR_EL0
    ubfx x7, x7, #16, #4
    mov x4, #4
    lsl x4, x4, x7
3:  dc ivac, x6
    add x6, x6, x4
    cmp x6, x5
    b.lo 3b
    dsb sy
    ic iallu
    dsb sy
    isb

    // The other cores, which an interrupt has woken, go to the loop from which the new kernel can release them.
    ldp x1, x2, [x0, #CHAIN_WORDS]
    cbz x1, chain_enter
    str x2, [x1, #8]
    stp x2, x2, [x1, #16]
    dsb sy
    mrs x4, CNTPCT_EL0              // a second for them to come
    mrs x5, CNTFRQ_EL0
    add x4, x4, x5
4:  ldr x5, [x1, #8]
    ldp x6, x7, [x1, #16]
    orr x5, x5, x6
    orr x5, x5, x7
    cbz x5, 5f
    isb
    mrs x6, CNTPCT_EL0
    cmp x6, x4
    b.lo 4b
5:  ldr x1, [x0, #CHAIN_LOCAL]
    cbz x1, chain_enter
    mov w2, #1
    str w2, [x1, #LOCAL_MAILBOX_CLEAR + 16]
    str w2, [x1, #LOCAL_MAILBOX_CLEAR + 32]
    str w2, [x1, #LOCAL_MAILBOX_CLEAR + 48]
    str wzr, [x1, #LOCAL_MAILBOX_CONTROL + 4]
    str wzr, [x1, #LOCAL_MAILBOX_CONTROL + 8]
    str wzr, [x1, #LOCAL_MAILBOX_CONTROL + 12]
    dsb sy

chain_enter:
    ldp x4, x0, [x0, #CHAIN_ENTRY]
    mov x1, #0
    mov x2, #0
    mov x3, #0
    br x4
chain_copier_end:

    .if chain_copier_end - chain_copier > CHAIN_PLAN_AT
    .error "the copier reaches into its plan"
    .endif
