// SPDX-License-Identifier: MIT
// Translation tables of one half of the address space: 4 levels, 4 KiB granule, 48-bit VA.
// Knows addresses and attributes only; who owns a frame and what is allowed where is space.h's business.
//
// Every changing call is all or nothing: tables it will need are counted and taken from the source before the first
// descriptor is written. Ranges are whole pages. Results are MEM_OK or a negative MEM_E* value, and `why`
// (may be NULL) then names the first address at fault.

#ifndef MODULES_MEMORY_PAGING_H
#define MODULES_MEMORY_PAGING_H

#include "descriptor.h"
#include "core/mem_source.h"

// More single invalidations than this in one call become one of the whole ASID, or of everything.
#define PAGING_TLBI_MAX (64)

// Flags of a changing call.
#define PAGING_PAGES_ONLY (1u) // map by 4 KiB pages whatever the alignment
#define PAGING_NO_SPLIT (2u)   // MEM_EPERM where unmap or protect would have to split a block
#define PAGING_PAGED (4u)      // map pages that paging_evict() and paging_restrict() find again, whatever lies between
#define PAGING_OWNED (8u)      // with PAGING_PAGED: paging_evict() gives the frames back to the source

// The GiB that paging_translate() looked at last, and the level 2 table that translates it: no part of what the tables
// say, and changed by looking.
typedef struct _paging_near_t {
    mem_va_t va;               // its first address
    const uint64_t *table;     // one without valid entries where there was none
    uint64_t linear;           // of the source
} paging_near_t;

typedef struct _paging_t {
    const mem_source_t *source;
    mem_pa_t root;             // the level 0 table
    mem_pa_t pa_limit;         // no mapping reaches it
    size_t tables;             // in use, the root included
    uint16_t asid;             // of the lower half; the upper half is global
    bool upper;
    bool live;                 // hardware may walk these tables or hold TLB entries of them: set when first activated
    paging_near_t near;
} paging_t;

typedef struct _paging_error_t {
    mem_va_t va;               // offending page, or the argument at fault
    mem_pa_t pa;               // what is mapped there (MEM_EEXIST), or the argument at fault; else MEM_ADDR_NONE
} paging_error_t;

// One step of a walk: entry `index` of the table at `table` held `descriptor`.
typedef struct _paging_step_t {
    uint64_t descriptor;
    mem_pa_t table;
    uint16_t index;
    uint8_t level;
} paging_step_t;

// [va, va + size) is mapped to [pa, pa + size) with equal attributes.
typedef struct _paging_run_t {
    mem_va_t va;
    uint64_t size;
    mem_pa_t pa;
    mem_attrs_t attrs;
} paging_run_t;

// Returns false to stop the iteration.
typedef bool (*paging_visit_t)(void *arg, const paging_run_t *run);

// Takes and clears a root table. pa_limit is from desc_pa_limit(). MEM_ENOMEM.
int paging_init(paging_t *p, const mem_source_t *source, bool upper, uint16_t asid, mem_pa_t pa_limit);

// Gives every table back. Not for tables that a TTBR points to; a live lower half is invalidated by ASID first.
void paging_destroy(paging_t *p);

// Makes `run` true, by the largest blocks that both alignments allow.
// MEM_EINVAL: misaligned, empty, wrapping, or attrs that desc_attrs_ok() refuses. MEM_ERANGE: outside the half
// or at pa_limit. MEM_EEXIST: a page is mapped already. MEM_ENOMEM: no frame for a table.
int paging_map(paging_t *p, const paging_run_t *run, unsigned flags, paging_error_t *why);

// Unmaps [va, va + size), all of it mapped (else MEM_ENOENT). A block partly inside is split, which may take
// tables (MEM_ENOMEM); tables that become empty are given back.
int paging_unmap(paging_t *p, mem_va_t va, uint64_t size, unsigned flags, paging_error_t *why);

// Changes the protection (MEM_PROT_* bits) of [va, va + size), all of it mapped; addresses and memory types stay.
// MEM_EINVAL also for a protection that the memory type of a page does not allow.
int paging_protect(paging_t *p, mem_va_t va, uint64_t size, mem_attrs_t prot, unsigned flags, paging_error_t *why);

// The pages of a range with a pager: they are mapped with PAGING_PAGED, and others lie beside the range only.

// Maps the page at va, mapped now, to another frame. A frame that was owned is given back.
void paging_replace(paging_t *p, mem_va_t va, mem_pa_t pa, mem_attrs_t attrs, unsigned flags);

// Unmaps the pages there are in [va, last], gives owned frames and emptied tables back. Cannot fail.
void paging_evict(paging_t *p, mem_va_t va, mem_va_t last);

// Gives the pages there are in [va, last] another protection, a valid one.
void paging_restrict(paging_t *p, mem_va_t va, mem_va_t last, mem_attrs_t prot);

// The number of leaves at level 3 in [va, last] with all of `bits` set in their descriptors.
size_t paging_count(const paging_t *p, mem_va_t va, mem_va_t last, uint64_t bits);

// The physical address and attributes (each may be NULL) behind va. MEM_ENOENT when unmapped, MEM_ERANGE outside
// the half. Remembers the level 2 table it went through.
int paging_translate(const paging_t *p, mem_va_t va, mem_pa_t *pa, mem_attrs_t *attrs);

// Reads the entry of every level down to the leaf or the first invalid one; returns the number of steps, 1 to 4,
// 0 outside the half.
unsigned paging_walk(const paging_t *p, mem_va_t va, paging_step_t steps[DESC_LEVELS]);

// The first maximal run at or after `from` and before `end`, cut to [from, end); false when there is none.
// An `end` of 0 means the end of the half (the upper half ends at 2^64).
bool paging_next_run(const paging_t *p, mem_va_t from, mem_va_t end, paging_run_t *run);

// Visits the runs of [start, end) in order.
void paging_iterate(const paging_t *p, mem_va_t start, mem_va_t end, paging_visit_t visit, void *arg);

// Rejoins, inside [va, va + size), tables whose 512 entries are equal but for ascending, aligned addresses, as
// blocks. Returns the number of tables given back. Takes no memory, cannot fail; addresses outside are left alone.
size_t paging_compact(paging_t *p, mem_va_t va, uint64_t size);

// Bytes of memory taken by the tables.
static inline uint64_t paging_bytes_of_tables(const paging_t *p) {
    return p->tables * MEM_PAGE_SIZE;
}

// The lowest address of the half.
static inline mem_va_t paging_base(const paging_t *p) {
    return p->upper ? DESC_UPPER_BASE : 0;
}

// The number of broken invariants: reserved bits and types, attributes, addresses past the limit, empty tables,
// a table count that does not agree (tables lost or linked twice).
unsigned paging_check(const paging_t *p);

#endif // MODULES_MEMORY_PAGING_H
