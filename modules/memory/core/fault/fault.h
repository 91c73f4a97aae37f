// SPDX-License-Identifier: MIT
// Decodes what AArch64 says about an exception (ESR_ELx and FAR_ELx) into terms and a sentence for people.
// Pure functions over their arguments; for the fields, Arm ARM DDI 0487, "ESR_EL1, Exception Syndrome Register (EL1)"
// and "FAR_EL1, Fault Address Register (EL1)".

#ifndef MODULES_MEMORY_CORE_FAULT_FAULT_H
#define MODULES_MEMORY_CORE_FAULT_FAULT_H

#include "core/mem_types.h"
#include "syndrome.h"

#define FAULT_SENTENCE_SIZE (128)  // a buffer that no sentence overflows

typedef enum {
    FAULT_ACCESS_NONE,
    FAULT_ACCESS_READ,
    FAULT_ACCESS_WRITE,
    FAULT_ACCESS_EXECUTE,
} fault_access_t;

// What went wrong, over all exception classes.
typedef enum {
    FAULT_KIND_UNKNOWN,       // a class or status code that this table does not know
    FAULT_TRANSLATION,        // nothing is mapped there
    FAULT_ACCESS_FLAG,        // descriptor with AF clear
    FAULT_PERMISSION,         // mapped, but not for this access
    FAULT_ADDRESS_SIZE,       // address or table pointer wider than configured
    FAULT_ALIGNMENT,          // misaligned data access
    FAULT_PC_ALIGNMENT,       // misaligned instruction address
    FAULT_SP_ALIGNMENT,       // misaligned stack pointer
    FAULT_EXTERNAL,           // the bus refused (nothing answers there)
    FAULT_EXTERNAL_WALK,      // the bus refused during a table walk
    FAULT_ECC,                // parity or ECC error
    FAULT_ECC_WALK,           // parity or ECC error during a table walk
    FAULT_TLB_CONFLICT,       // two TLB entries for one address
    FAULT_EXCLUSIVE,          // exclusive or atomic access where the memory type does not support it
    FAULT_UNDEFINED,          // undefined instruction
    FAULT_TRAPPED,            // instruction or register access trapped (WFx, MSR/MRS, FP, coprocessor)
    FAULT_ILLEGAL_STATE,      // PSTATE.IL was set
    FAULT_FLOATING_POINT,     // trapped floating-point exception
    FAULT_CALL,               // SVC, HVC or SMC
    FAULT_BREAKPOINT,         // BRK, hardware breakpoint
    FAULT_STEP,               // software step
    FAULT_WATCHPOINT,
    FAULT_SERROR,             // asynchronous bus error
} fault_kind_t;

typedef struct _fault_info_t {
    uint64_t esr;
    uint64_t far;
    uint32_t iss;              // ESR bits 24:0
    uint16_t immediate;        // the number in an SVC, HVC, SMC or BRK instruction; else 0
    uint8_t ec;                // exception class, ESR bits 31:26
    const char *class_name;    // "data abort, same EL"; never NULL
    fault_kind_t kind;
    const char *kind_text;     // "permission fault"; never NULL
    fault_access_t access;
    int level;                 // translation table level 0..3 (-1: none or unknown)
    bool far_valid;            // far holds the address that faulted
    bool lower_el;             // taken from a lower exception level
    bool cache_maintenance;    // a cache or address translation instruction, reported as a write
} fault_info_t;

// Fills *info. Never fails: an unknown code becomes FAULT_KIND_UNKNOWN, with its number in the sentence.
void fault_decode(uint64_t esr, uint64_t far, fault_info_t *info);

// True when a page that is mapped, or mapped with more rights, would have prevented the fault: an access or an
// instruction fetch was refused by the tables, at a known address.
bool fault_is_missing_page(const fault_info_t *info);

// The number in the SVC, HVC, SMC or BRK instruction that this syndrome tells of; else 0.
uint16_t fault_immediate(uint64_t esr);

// The ESR_EL1 of an EL1 data access for which the address translation gave `par`, a failure.
uint64_t fault_esr_of_par(uint64_t par, bool write);

// PAR_EL1: whether the translation succeeded, the physical address of `va` then, and whether that is Normal memory.
static inline bool fault_par_is_mapped(uint64_t par) {
    return !(par & PAR_FAULT);
}

static inline mem_pa_t fault_par_pa(uint64_t par, mem_va_t va) {
    return (par & (((mem_pa_t)1 << PAR_PA_BITS) - MEM_PAGE_SIZE)) | (va & MEM_PAGE_MASK);
}

static inline bool fault_par_is_normal(uint64_t par) {
    return par >> PAR_TYPE_SHIFT != 0;
}

// True for the load and store exclusive instructions (LDXR, STXR and their forms), which fail when an exception comes
// between the two. CASP of FEAT_LSE has the same encoding and counts as one; the Cortex-A53 and A72 have no CASP.
bool fault_is_exclusive(uint32_t instruction);

// Writes one sentence without a full stop, such as "write to 0xffff000000001000: permission fault at level 3".
// At most size - 1 characters and a NUL (nothing when size is 0). Returns the length of the whole sentence.
size_t fault_sentence(const fault_info_t *info, char *buf, size_t size);

// "read", "write", "execute" or "none".
const char *fault_access_text(fault_access_t access);

#endif // MODULES_MEMORY_CORE_FAULT_FAULT_H
