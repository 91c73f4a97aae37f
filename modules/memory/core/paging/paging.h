// SPDX-License-Identifier: MIT
// Translation tables of one half of the address space: 4 levels, 4 KiB granule, 48-bit VA.
// Deals with addresses and attributes only; space.h decides who owns a frame and what may be mapped where.
//
// Every changing call is all or nothing: tables it will need are counted and taken from the source before the first
// descriptor is written. Ranges are whole pages. Results are MEM_OK or a negative MEM_E* value, and `why`
// (may be NULL) then names the first address at fault.

#ifndef MODULES_MEMORY_CORE_PAGING_PAGING_H
#define MODULES_MEMORY_CORE_PAGING_PAGING_H

#include "descriptor.h"
#include "core/mem_source.h"

// More single invalidations than this in one call become one of the whole ASID, or of everything.
#define PAGING_TLBI_MAX (64)

#define PAGING_PART_LEAVES (512)

// Flags of a changing call.
#define PAGING_PAGES_ONLY (1u) // map by 4 KiB pages whatever the alignment
#define PAGING_NO_SPLIT (2u)   // MEM_EPERM where unmap or protect would have to split a block
#define PAGING_PAGED (4u)      // the pages belong to a range with a pager: they are never joined to a block
#define PAGING_OWNED (8u)      // with PAGING_PAGED: paging_evict() gives the frames back to the source

// The last GiB that paging_translate() walked and the level 2 table that translates it. It saves the walk from the
// root; the tables alone say what is mapped.
typedef struct _paging_walk_cache_t {
    mem_va_t va;               // first address of the GiB
    const uint64_t *table;     // a table without valid entries when nothing is cached
    uint64_t linear;           // of the source
} paging_walk_cache_t;

typedef struct _paging_t {
    const mem_source_t *source;
    mem_pa_t root;             // the level 0 table
    mem_pa_t pa_limit;         // no mapping reaches it
    size_t tables;             // in use, the root included
    uint16_t asid;             // of the lower half; the upper half is global
    bool upper;
    bool live;                 // hardware may walk these tables or hold TLB entries of them: set when first activated
    paging_walk_cache_t walk_cache;
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

// The entry at fault, and the first address that it translates.
typedef struct _paging_damage_t {
    mem_va_t va;
    paging_step_t entry;
    bool only_missing;         // tables have other numbers of entries than they should, or are not reached: what is
                               //   there can be walked
} paging_damage_t;

// [va, va + size) is mapped to [pa, pa + size) with equal attributes.
typedef struct _paging_run_t {
    mem_va_t va;
    uint64_t size;
    mem_pa_t pa;
    mem_attrs_t attrs;
} paging_run_t;

// Takes and clears a root table. pa_limit is from desc_pa_limit(). MEM_ENOMEM.
int paging_init(paging_t *p, const mem_source_t *source, bool upper, uint16_t asid, mem_pa_t pa_limit);

// Gives every table back. Not for tables that a TTBR points to; a live lower half is invalidated by ASID first.
void paging_destroy(paging_t *p);

// Maps `run` by the largest blocks that both alignments allow.
// MEM_EINVAL: misaligned, empty, wrapping, or attrs that desc_attrs_ok() refuses. MEM_ERANGE: outside the half
// or at pa_limit. MEM_EEXIST: a page is mapped already. MEM_ENOMEM: no frame for a table.
int paging_map(paging_t *p, const paging_run_t *run, unsigned flags, paging_error_t *why);

// Unmaps [va, va + size), all of it mapped (else MEM_ENOENT). A block partly inside is split, which may take
// tables (MEM_ENOMEM); tables that become empty are given back.
int paging_unmap(paging_t *p, mem_va_t va, uint64_t size, unsigned flags, paging_error_t *why);

// Changes the protection (MEM_PROT_* bits) of [va, va + size), all of it mapped; addresses and memory types stay.
// MEM_EINVAL also for a protection that the memory type of a page does not allow.
int paging_protect(paging_t *p, mem_va_t va, uint64_t size, mem_attrs_t prot, unsigned flags, paging_error_t *why);

// The next four calls are for ranges with a pager. All pages in such a range are mapped with PAGING_PAGED.

// Maps the page at va, mapped now, to another frame. A frame that was owned is given back.
void paging_replace(paging_t *p, mem_va_t va, mem_pa_t pa, mem_attrs_t attrs, unsigned flags);

// Unmaps the mapped pages in [va, last], and gives owned frames and emptied tables back; the tables of an open range
// stay. Cannot fail.
void paging_evict(paging_t *p, mem_va_t va, mem_va_t last);

// Changes the protection of the mapped pages in [va, last]. `prot` is valid.
void paging_restrict(paging_t *p, mem_va_t va, mem_va_t last, mem_attrs_t prot);

// Makes [va, last], in the upper half, an open range: its tables are there before its pages, so that paging_fill()
// takes none. MEM_EEXIST where there is a table or a block already; MEM_ENOENT where it would take a table of level 1
// or 2; MEM_ENOMEM. Its pages are as those of a range with a pager.
int paging_open_range(paging_t *p, mem_va_t va, mem_va_t last);

// Maps the page at va of an open range, not mapped now, to a frame that the range owns from now on. It reads four
// entries and writes one: for exception context, whatever code was interrupted.
void paging_fill(paging_t *p, mem_va_t va, mem_pa_t pa, mem_attrs_t attrs);

// The number of leaves at level 3 in [va, last] with all of `bits` set in their descriptors.
size_t paging_count(const paging_t *p, mem_va_t va, mem_va_t last, uint64_t bits);

// The physical address and attributes (each may be NULL) behind va. MEM_ENOENT when unmapped, MEM_ERANGE outside
// the half. Updates the walk cache.
int paging_translate(paging_t *p, mem_va_t va, mem_pa_t *pa, mem_attrs_t *attrs);

// Reads the entry of every level down to the leaf or the first invalid one; returns the number of steps, 1 to 4,
// 0 outside the half.
unsigned paging_walk(const paging_t *p, mem_va_t va, paging_step_t steps[DESC_LEVELS]);

// The first maximal run at or after `from` and before `end`, cut to [from, end); false when there is none.
// An `end` of 0 means the end of the half (the upper half ends at 2^64).
bool paging_next_run(const paging_t *p, mem_va_t from, mem_va_t end, paging_run_t *run);

// The same, but a run ends after PAGING_PART_LEAVES pages and blocks: the next one continues it.
bool paging_next_part(const paging_t *p, mem_va_t from, mem_va_t end, paging_run_t *run);

// Rejoins, inside [va, va + size), tables whose 512 entries are equal but for ascending, aligned addresses, as
// blocks. Returns the number of tables given back. Takes no memory, cannot fail; addresses outside are left alone.
size_t paging_compact(paging_t *p, mem_va_t va, uint64_t size);

// The lowest address of the half.
static inline mem_va_t paging_base(const paging_t *p) {
    return p->upper ? DESC_UPPER_BASE : 0;
}

// The number of broken invariants: reserved bits and types, attributes, addresses past the limit, empty tables, a
// wrong count of entries, a table count that does not agree (tables lost or linked twice). `*first` (may be NULL) tells
// of the first one; its va is MEM_ADDR_NONE when only the number of tables is wrong. `stop` (may be NULL) is asked once
// a table.
unsigned paging_check(const paging_t *p, paging_damage_t *first, mem_stop_t stop);

#endif // MODULES_MEMORY_CORE_PAGING_PAGING_H
