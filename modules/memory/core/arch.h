// SPDX-License-Identifier: MIT
// The architecture seam of the memory system: everything that needs an instruction which C does not have.
// The port links the real functions; host tests define MEM_ARCH_RECORD and link a fake that records each call.
// The TLBI forms are the inner shareable ones; operands come from desc_tlbi_operand().

#ifndef MODULES_MEMORY_ARCH_MMU_H
#define MODULES_MEMORY_ARCH_MMU_H

#include "mem_types.h"

// Registers of the switch to a new TTBR1 (arch_switch_ttbr). All are TTBR values, ASID included, but trampoline_pa:
// the physical address of the 4 KiB page that holds the switching code.
typedef struct _arch_switch_t {
    uint64_t temporary_ttbr0; // maps trampoline_pa at VA trampoline_pa, executable, and nothing else
    uint64_t empty_ttbr1;     // a table of 512 invalid entries
    uint64_t new_ttbr1;       // must map code, stack and vectors in use where they are now
    uint64_t new_ttbr0;
    mem_pa_t trampoline_pa;
} arch_switch_t;

// Writes one descriptor that a table walk may be reading: one 64-bit store, never torn, merged or repeated.
#ifdef MEM_ARCH_RECORD
void arch_write_descriptor(volatile uint64_t *slot, uint64_t value);
#else
static inline void arch_write_descriptor(volatile uint64_t *slot, uint64_t value) {
    *slot = value;
}
#endif

// Barriers. Each is a compiler barrier for memory too.
void arch_dsb_ishst(void);
void arch_dsb_ish(void);
void arch_isb(void);

// Invalidate TLB entries of one page or block: of one ASID, of every ASID and global; of one ASID; all.
void arch_tlbi_vae1is(uint64_t operand);
void arch_tlbi_vaae1is(uint64_t operand);
void arch_tlbi_aside1is(uint64_t operand);
void arch_tlbi_vmalle1is(void);

// Write TTBR0_EL1 (the caller adds DSB before and ISB after), and read both.
void arch_write_ttbr0(uint64_t value);
uint64_t arch_read_ttbr0(void);
uint64_t arch_read_ttbr1(void);

// Replaces TTBR1 and TTBR0 while running from TTBR1, with every exception masked. Order, all of it between the
// masking and its end: TTBR0 := temporary; ISB; TLBI VMALLE1; DSB ISH; ISB; jump to the trampoline page by its
// physical address; TTBR1 := empty; ISB; TLBI VMALLE1; DSB ISH; ISB; TTBR1 := new; ISB; back to the high half;
// TTBR0 := new; ISB; TLBI VMALLE1; DSB ISH; ISB. Replacing live global entries in one step would violate
// break-before-make. The caller has made all tables visible (DSB ISHST).
void arch_switch_ttbr(const arch_switch_t *s);

// What the hardware makes of `va` for an EL1 read or write now: PAR_EL1 after AT S1E1R / S1E1W.
// Bit 0 set means that it would fault; else bits 47:12 are the physical page.
uint64_t arch_at_s1e1r(mem_va_t va);
uint64_t arch_at_s1e1w(mem_va_t va);

// Clears the page at `page`, which is aligned and normal memory. Walks see it after the usual barriers.
void arch_clear_page(void *page);

// Both take addresses that are mapped: a DC instruction faults like a load.

// Makes code written as data in the memory of [va, va + size) executable through any alias: clean to the point of
// unification by line, then invalidate all instruction caches, with the barriers.
void arch_sync_code(mem_va_t va, uint64_t size);

// Clean and invalidate [va, va + size) to the point of coherency (DC CIVAC), then DSB SY: for DMA and the mailbox.
void arch_clean_inval_poc(mem_va_t va, uint64_t size);

#endif // MODULES_MEMORY_ARCH_MMU_H
