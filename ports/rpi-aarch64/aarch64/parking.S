// SPDX-License-Identifier: MIT
// The loop of the cores that this port does not use. start.S (entry at EL3) or boot.c (entry from a firmware stub)
// copies it into the parking page.

    .section .text.boot_parking, "ax"
// What a parked core runs, at the exception level it arrived with, from the parking page:
// WFI, not WFE, which polls. Position independent, at most one page.
    .global parking_loop, parking_loop_end
    .balign 8
parking_loop:
    msr DAIFSet, #15
1:  wfi
    b 1b
parking_loop_end:
