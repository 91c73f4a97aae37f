// SPDX-License-Identifier: MIT
// Arithmetic on bytes that every core has, and the AES that QEMU's cores have only.
// BAD=1: 9-crypto
#include "program.inc"

main:
    movi v0.16b, #1
    eor v0.16b, v0.16b, v0.16b
#if BAD
    aese v0.16b, v0.16b
#endif
    done
