// SPDX-License-Identifier: MIT
// A kernel of others, as small as it can be: core 0 releases cores 1 to 3 by the spin table, one after the other, as
// the boot protocol has it, and each prints its number and exception level. -DUART, and -DX0_AT: where core 0 leaves
// the x0 that it was entered with.

#define SPIN_TABLE 0xd8
#define PL011_FLAGS 0x18

    .text
    .global _start
_start:
    b start
    nop
    .quad 0x80000
    .quad image_end - _start
    .quad 0xa
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .word 0
start:
    ldr x1, =X0_AT
    str x0, [x1]
    mov x20, #1                     // the core to release
next:
    adr x1, released
    mov x2, #SPIN_TABLE
    str x1, [x2, x20, lsl #3]
    dsb sy
    sev
    adr x3, said
1:  ldr x4, [x3]
    cmp x4, x20
    b.ne 1b
    add x20, x20, #1
    cmp x20, #4
    b.ne next
    mov w0, #'.'
    bl put
sleep:
    wfi
    b sleep

released:
    mov x20, x0
    mrs x21, MPIDR_EL1
    and x21, x21, #3
    mrs x22, CurrentEL
    mov w0, #'<'
    bl put
    add w0, w21, #'0'
    bl put
    lsr w0, w22, #2
    add w0, w0, #'0'
    bl put
    add w0, w20, #'0'               // x0, which is 0
    bl put
    mov w0, #'>'
    bl put
    dsb sy
    adr x3, said
    str x21, [x3]
    b sleep

put:
    ldr x1, =UART
1:  ldr w2, [x1, #PL011_FLAGS]
    tbnz w2, #5, 1b
    str w0, [x1]
    ret

    .ltorg
    .balign 8
said:
    .quad 0
    .balign 64
image_end:
