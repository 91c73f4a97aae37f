// SPDX-License-Identifier: MIT
// The plan of the jump into another kernel, for aarch64/chain.S. Included by C and by assembly.

#ifndef PORTS_RPI_AARCH64_BOOT_CHAIN_H
#define PORTS_RPI_AARCH64_BOOT_CHAIN_H

// Offset of the plan in the copier's page.
#define CHAIN_PLAN_AT   2048

// Offsets in chain_plan_t.
#define CHAIN_LINEAR    0
#define CHAIN_SOURCE    16
#define CHAIN_TARGET    32
#define CHAIN_ENTRY     48
#define CHAIN_EL        64
#define CHAIN_WORDS     72
#define CHAIN_SPIN      80
#define CHAIN_LOCAL     88

#ifndef __ASSEMBLER__

#include "core/mem_types.h"

typedef struct _chain_plan_t {
    mem_range_t linear; // the target's addresses in the linear map
    mem_range_t source; // physical, multiples of 32 bytes
    mem_range_t target; // physical: all that the new kernel or this one uses as its image, whole cache lines
    mem_pa_t entry;     // first instruction
    uint64_t x0;        // x0 of the new kernel
    uint64_t el;        // 1: it is entered at EL1; else at EL2, through this kernel's stub there
    mem_pa_t words; // the spin table: an 8-byte word for each core; 0: no other cores to call back
    mem_pa_t spin;  // the loop that clears a core's word and releases it by the next value there
    mem_pa_t local; // BCM2836's local block, in which the interrupts of the other cores are to be cleared; or 0
} chain_plan_t;

// Position-independent code for a separate page; the plan's physical address is its argument.
extern const char chain_copier[], chain_copier_end[];

// Masks every exception and goes on in the copy of chain_copier at physical address `copier`, which the tables of
// `ttbr0` map there, executable, `plan` (CHAIN_PLAN_AT bytes later) included. All of this must be in memory, not just
// in a cache.
void chain_jump(uint64_t ttbr0, mem_pa_t copier, mem_pa_t plan) __attribute__((noreturn));

#endif
#endif // PORTS_RPI_AARCH64_BOOT_CHAIN_H
