// SPDX-License-Identifier: MIT
// The accesses of probe.h. For an exception between probe_accesses and probe_accesses_end,
// probe_recover() resumes at probe_failed.
//
// A bus error is a synchronous exception or an SError, as the processor likes: a Cortex-A72 makes an SError of a load
// too. The DSB waits for the answer of the bus, and the ISB is where an SError that is pending is taken, so both are
// inside the window. What an earlier access caused is taken before it.

#include "asm.h"

// SErrors unmasked; x4 keeps DAIF.
.macro window_opens
    mrs x4, DAIF
    dsb sy
    msr DAIFClr, #4
    isb
.endm

// bool probe_read(uint64_t address, unsigned size, uint64_t *value)
function probe_read, .text.probe
    window_opens
    cmp w1, #4
    b.eq read4
    b.hi read8
    cmp w1, #2
    b.eq read2
    b read1
endfunction probe_read

// bool probe_write(uint64_t address, unsigned size, uint64_t value)
function probe_write, .text.probe
    window_opens
    cmp w1, #4
    b.eq write4
    b.hi write8
    cmp w1, #2
    b.eq write2
    b write1
endfunction probe_write

    .global probe_accesses, probe_accesses_end, probe_failed
probe_accesses:
read1:
    ldrb w3, [x0]
    b loaded
read2:
    ldrh w3, [x0]
    b loaded
read4:
    ldr w3, [x0]
    b loaded
read8:
    ldr x3, [x0]
loaded:
    dsb sy
    isb
    b probe_read_done
write1:
    strb w2, [x0]
    b stored
write2:
    strh w2, [x0]
    b stored
write4:
    str w2, [x0]
    b stored
write8:
    str x2, [x0]
stored:
    dsb sy
    isb
    b probe_done
probe_accesses_end:

probe_read_done:
    str x3, [x2]
probe_done:
    msr DAIF, x4
    mov w0, #1
    ret
probe_failed:
    msr DAIF, x4
    mov w0, #0
    ret
