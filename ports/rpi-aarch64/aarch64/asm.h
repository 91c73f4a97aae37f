// SPDX-License-Identifier: MIT
// Small helpers shared by the assembly files.

#ifndef PORTS_RPI_AARCH64_AARCH64_ASM_H
#define PORTS_RPI_AARCH64_AARCH64_ASM_H

// A global function in its own section, so that the linker can place or drop it.
.macro function name, section
    .ifb \section
    .section .text.\name, "ax"
    .else
    .section \section, "ax"
    .endif
    .balign 16
    .global \name
    .type \name, %function
\name:
.endm

.macro endfunction name
    .size \name, . - \name
.endm

// The run-time address of a symbol, wherever the image runs.
.macro address reg, symbol
    adrp \reg, \symbol
    add \reg, \reg, :lo12:\symbol
.endm

#endif // PORTS_RPI_AARCH64_AARCH64_ASM_H
