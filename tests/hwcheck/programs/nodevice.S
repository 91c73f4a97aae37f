// SPDX-License-Identifier: MIT
// A register of the interrupt controller is read and written; then one where no device is. QEMU has
// RAM there on raspi3b only: elsewhere it gives the external abort of a board.
// BOARDS: RPI3
// BAD=1: 8c
// BAD=2: 8c
#include "program.inc"

main:
    movq x1, 0x3f00b200
    ldr w0, [x1, #0x18]
    str w0, [x1, #0x18]
#if BAD
    movq x1, 0x3f00c000
#endif
#if BAD == 1
    ldr w0, [x1]
#elif BAD == 2
    str w0, [x1, #0xffc]
#endif
    done
