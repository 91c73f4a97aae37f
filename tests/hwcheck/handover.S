// SPDX-License-Identifier: MIT
// A loader that runs with MMU and caches on, as larger ones do, and keeps what the boot protocol asks of it, no more:
// it copies the kernel from STAGED (SIZE bytes) to KERNEL, cleans what it copied, turns MMU and caches off and enters
// it at EL1, x0 as it came. The TLB keeps its translations, the data cache the lines behind the image, clean, and the
// instruction cache what it had.

#define BLOCK_RW 0x60000000000701   // AF, inner shareable, index 0 of MAIR: write-back
#define BLOCK_RX 0x40000000000781
#define TABLE 3
#define BLOCK 0x200000
#define TCR 0x100803510             // 48 bits below, walked write-back and inner shareable; none above; 36 bits out
#define SCTLR_OFF 0x30d00800
#define SCTLR_ON 0x30d0180d

    .text
    .global _start
_start:
    mov x20, x0
    // Level 2: the first 256 MiB of RAM by blocks, this code's executable.
    adr x10, level2
    ldr x0, =(RAM | BLOCK_RW)
    mov x1, #128
    mov x2, x10
1:  str x0, [x2], #8
    add x0, x0, #BLOCK
    subs x1, x1, #1
    b.ne 1b
    adr x0, _start
    ubfx x1, x0, #21, #9
    and x0, x0, #~(BLOCK - 1)
    ldr x2, =BLOCK_RX
    orr x0, x0, x2
    str x0, [x10, x1, lsl #3]
    adr x11, level1
    orr x0, x10, #TABLE
    ldr x1, =(RAM >> 30)
    str x0, [x11, x1, lsl #3]
    adr x12, level0
    orr x0, x11, #TABLE
    str x0, [x12]
    dsb sy
    mov x0, #0xff
    msr MAIR_EL1, x0
    ldr x0, =TCR
    msr TCR_EL1, x0
    msr TTBR0_EL1, x12
    isb
    tlbi vmalle1
    dsb nsh
    ic iallu
    dsb nsh
    isb
    ldr w0, =SCTLR_ON
    msr SCTLR_EL1, x0
    isb

    ldr x1, =STAGED
    ldr x2, =KERNEL
    ldr x3, =(KERNEL + SIZE)
    mov x4, x2
2:  ldp x5, x6, [x1], #16
    stp x5, x6, [x4], #16
    cmp x4, x3
    b.lo 2b
    // What lies behind the image comes into the cache.
    ldr x3, =(KERNEL + 0x200000)
3:  ldr x5, [x4]
    add x4, x4, #64
    cmp x4, x3
    b.lo 3b
    ldr x3, =(KERNEL + SIZE)
4:  dc cvac, x2
    add x2, x2, #64
    cmp x2, x3
    b.lo 4b
    dsb sy
    ldr w0, =SCTLR_OFF
    msr SCTLR_EL1, x0
    isb
    mov x0, x20
    mov x1, #0
    mov x2, #0
    mov x3, #0
    ldr x4, =KERNEL
    br x4
    .ltorg

    .balign 4096
level0: .fill 512, 8, 0
level1: .fill 512, 8, 0
level2: .fill 512, 8, 0
