// SPDX-License-Identifier: MIT
// A request to the VideoCore: cleaned before and invalidated after it, and without these.
// BOARDS: RPI3 RPI4
// BAD=1: 4a 4c 4f
// BAD=2: 4b
#include "program.inc"

#define BUFFER 32
main:
    mov w0, #BUFFER
    str w0, [x19]
    str wzr, [x19, #4]
    movz w0, #0x1, lsl #16
    orr w0, w0, #2 // board revision
    str w0, [x19, #8]
    mov w0, #4
    str w0, [x19, #12]
    str wzr, [x19, #16]
    str wzr, [x19, #20]
    str wzr, [x19, #24]
#if BAD != 1
    dc civac, x19
#endif
    dsb sy
    ask_videocore
#if BAD != 2
    dc civac, x19
    dsb sy
#endif
    ldr w2, [x19, #20]
    done
