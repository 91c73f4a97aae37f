// SPDX-License-Identifier: MIT
// The accesses of probe.h. For an exception between probe_accesses and probe_accesses_end,
// probe_recover() resumes at probe_failed.

#include "asm.h"

// bool probe_read(uint64_t address, unsigned size, uint64_t *value)
function probe_read, .text.probe
    cmp w1, #4
    b.eq read4
    b.hi read8
    cmp w1, #2
    b.eq read2
    b read1
endfunction probe_read

// bool probe_write(uint64_t address, unsigned size, uint64_t value)
function probe_write, .text.probe
    cmp w1, #4
    b.eq write4
    b.hi write8
    cmp w1, #2
    b.eq write2
    b write1
endfunction probe_write

    .global probe_accesses, probe_accesses_end, probe_failed
// The barrier keeps the access inside: an external abort is taken before it completes.
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
    b probe_done
probe_accesses_end:

probe_read_done:
    str x3, [x2]
probe_done:
    mov w0, #1
    ret
probe_failed:
    mov w0, #0
    ret
