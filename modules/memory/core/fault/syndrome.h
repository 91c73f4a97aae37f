// SPDX-License-Identifier: MIT
// Bits of ESR_ELx, PSTATE (SPSR_ELx, DAIF) and PAR_EL1, defined here and nowhere else. Definitions only: assembly
// includes this file too. C code asks fault_decode() (fault.h) and the functions beside it before it takes a bit apart.

#ifndef MODULES_MEMORY_CORE_FAULT_SYNDROME_H
#define MODULES_MEMORY_CORE_FAULT_SYNDROME_H

// ESR_ELx (Arm ARM, "ESR_EL1, Exception Syndrome Register (EL1)").
#define ESR_EC_SHIFT            (26)    // exception class, 6 bits
#define ESR_EC_MASK             (0x3f)
#define ESR_IL                  (1 << 25) // a 32-bit instruction
#define ESR_ISS_MASK            (0x1ffffff)

// Exception classes that code compares with; fault.c names all of them.
#define ESR_EC_SVC              (0x15)
#define ESR_EC_HVC              (0x16)
#define ESR_EC_SMC              (0x17)
#define ESR_EC_DATA_ABORT       (0x25)  // from the same EL
#define ESR_EC_STEP             (0x33)  // from the same EL

// ISS of aborts.
#define ESR_STATUS_MASK         (0x3f)  // fault status code
#define ESR_STATUS_LEVEL_MASK   (3)     // of the codes that come once for each level
#define ESR_STATUS_EXTERNAL     (0x10)
#define ESR_WNR                 (1 << 6)  // write, not read
#define ESR_CM                  (1 << 8)  // cache maintenance or address translation instruction
#define ESR_FNV                 (1 << 10) // FAR not valid; has a meaning for ESR_STATUS_EXTERNAL only

// ISS of SVC, HVC, SMC and BRK: the number in the instruction.
#define ESR_IMMEDIATE_MASK      (0xffff)

// PSTATE as SPSR_ELx holds it (Arm ARM, "SPSR_EL1, Saved Program Status Register (EL1)");
// D, A, I and F are at the same place in DAIF.
#define PSTATE_EL0T             (0)     // exception level and stack pointer, bits 3:0
#define PSTATE_EL1T             (4)
#define PSTATE_EL1H             (5)
#define PSTATE_EL2H             (9)
#define PSTATE_F                (1 << 6)
#define PSTATE_I                (1 << 7)
#define PSTATE_A                (1 << 8)
#define PSTATE_D                (1 << 9)
#define PSTATE_DAIF             (PSTATE_D | PSTATE_A | PSTATE_I | PSTATE_F)
#define PSTATE_SS               (1 << 21)

// PAR_EL1 (Arm ARM, "PAR_EL1, Physical Address Register").
#define PAR_FAULT               (1)     // the translation failed: a fault status code follows
#define PAR_STATUS_SHIFT        (1)
#define PAR_PA_BITS             (48)    // bits 47:12 are the physical page
#define PAR_TYPE_SHIFT          (60)    // MAIR attributes, upper half: 0 for every type of device memory

#endif // MODULES_MEMORY_CORE_FAULT_SYNDROME_H
