// SPDX-License-Identifier: MIT
// A line is cleaned by its address, and by set and way.
// BAD=1: 4h
#include "program.inc"

main:
    str x20, [x19]
#if BAD
    dc cisw, xzr
#else
    dc civac, x19
#endif
    dsb sy
    done
