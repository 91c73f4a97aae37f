// SPDX-License-Identifier: MIT
// The smallest machine test: core 0 prints text.bin on the PL011 at UART, then does what
// THEN_IDLE, THEN_RESET (by PSCI, on QEMU's virt) or THEN_SPIN says. Position-independent.
// With SPIN_TABLE the other cores wait for an address there (cores 1 to 3, a word each). They are
// sent to sleep, as a real image does: while they poll, each lap of theirs passes time.
// Has the symbols and the instructions by which the benchmark finds its way in a real image.

.global _start, __image_start, mp_hal_stdin_rx_chr
_start:
__image_start:
    mrs x0, mpidr_el1
    and x0, x0, #0xff
    cbnz x0, idle
#ifdef SPIN_TABLE
    adr x1, idle
    mov x2, #SPIN_TABLE
    stp x1, x1, [x2]
    str x1, [x2, #16]
    dsb sy
    sev
#endif
    adr x1, text
    adr x2, text_end
    ldr x3, =UART
print:
    cmp x1, x2
    b.eq then
    ldrb w0, [x1], #1
    str w0, [x3]
    b print
then:
mp_hal_stdin_rx_chr:
#if defined(THEN_RESET)
    ldr w0, =0x84000009
    hvc #0
#elif defined(THEN_SPIN)
    b then
#endif
idle:
    wfi
    b idle
    mrs x5, cntpct_el0
    mrs x6, cntfrq_el0
    .ltorg
text:
    .incbin "text.bin"
text_end:
