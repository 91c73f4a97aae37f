// SPDX-License-Identifier: MIT
// AArch64 instructions, as far as the checker tells them apart.
#ifndef HWCHECK_DECODE_H
#define HWCHECK_DECODE_H

#include "event.h"

// Fills all of `insn` but its block.
void decode(uint32_t word, hw_insn_t *insn);
// Writes what it is to `text`: "dsb ish", "tlbi vae1is", "msr S3_0_c1_c0_0".
void decode_text(const hw_insn_t *insn, char *text, size_t size);

#endif
