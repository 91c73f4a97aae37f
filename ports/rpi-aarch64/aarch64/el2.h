// SPDX-License-Identifier: MIT
// How EL1 calls the stub that stays at EL2 (el2.S). Definitions only: for assembly.

#ifndef PORTS_RPI_AARCH64_AARCH64_EL2_H
#define PORTS_RPI_AARCH64_AARCH64_EL2_H

// The number in the HVC that enters x1 at EL2 with x0 = x2. No other HVC has a meaning, so code that has one by mistake
// meets an undefined instruction, not EL2.
#define EL2_ENTER   0x7e2

#endif // PORTS_RPI_AARCH64_AARCH64_EL2_H
