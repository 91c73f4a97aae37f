// SPDX-License-Identifier: MIT
// Where boot unmasks SErrors. A separate file, since start.S and fault/exception.c need nothing else of each other.

#include "asm.h"

// void entry_serror_take(void): an SError that is taken in [entry_serror_take, entry_serror_end) was pending when the
// kernel was entered. Something before it has caused it, so exception.c notes it and goes on.
function entry_serror_take
    dsb sy
    msr DAIFClr, #4
    isb
    ret
    .global entry_serror_end
entry_serror_end:
endfunction entry_serror_take
