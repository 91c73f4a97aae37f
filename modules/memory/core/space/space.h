// SPDX-License-Identifier: MIT
// Address spaces. They add to paging.h regions with names, ASIDs, ownership of mapped frames, W^X over all spaces, and
// the rules of the kernel half.
//
// All state is in spaces_t and in frames of its source. Every changing call is all or nothing; results are MEM_OK or
// a negative MEM_E* value, details for an error message are in the space_error_t (may be NULL).
// Names are kept by reference: strings must outlive the space.

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_H

#include "core/paging/paging.h"
#include "core/heap/pool.h"
#include "quarantine.h"
#include "region.h"
#include "window.h"

#define SPACES_MAX_RAM (16)
#define SPACES_MAX_PROTECTED (8)
#define SPACES_MAX_WINDOWS (16)
#define SPACES_ASIDS (65536)

// Flags of a call only.
#define SPACE_FORCE (16u)      // the caller may change locked regions
#define SPACE_BLOCKS (32u)     // upper half: blocks allowed; such a range can only be unmapped as a whole
#define SPACE_PAGES_ONLY (64u) // lower half: 4 KiB pages whatever the alignment

struct _space_t {
    space_t *next, *prev;      // all spaces
    paging_t paging;
    region_t *regions;
    region_t *root;            // of their tree
    region_t *finger;          // region found last: most searches are for it or a neighbour
    size_t region_count;
    const char *name;          // NULL when it has none
};

typedef struct _space_range_t {
    mem_pa_t start, end;
    mem_attrs_t never;         // the rights that no mapping of it may have
    const char *name;
} space_range_t;

struct _spaces_t {
    mem_source_t source;
    mem_pa_t pa_limit;
    space_t *list;
    space_t *active;           // in TTBR0; NULL before the first activation
    space_t *kernel;           // the upper half; NULL until created
    frame_owner_t *frame_owners;
    region_t *executable;
    pool_t space_pool, region_pool, frame_owner_pool;
    mem_range_t ram[SPACES_MAX_RAM];
    space_range_t protected_ranges[SPACES_MAX_PROTECTED];
    mem_range_t protected_hull; // from the start of the lowest to the end of the highest: most memory is outside
    window_t windows[SPACES_MAX_WINDOWS];
    size_t n_ram, n_protected, n_windows;
    uint32_t window_flags;     // of all windows together
    quarantine_t quarantine;   // of the window with WINDOW_QUARANTINE
    size_t count;              // spaces
    uint32_t asid_hint;
    uint64_t asids[SPACES_ASIDS / 64]; // 1 = in use
};

// A mapping or a range, new or changed. Calls use the fields that they name.
typedef struct _space_request_t {
    mem_va_t va;
    mem_pa_t pa;
    uint64_t size;
    mem_attrs_t attrs;
    uint32_t flags;            // REGION_*, SPACE_*
    const char *name;
    frame_owner_t *owner;      // NULL: by bare address, owns nothing
    uint32_t pager;            // see region_t
} space_request_t;

// --- all spaces (space.c) ---

// `source` is copied. Nothing is taken yet.
void spaces_init(spaces_t *s, const mem_source_t *source, mem_pa_t pa_limit);

// Declares RAM: the only memory that may be mapped with type normal, and never as device. Whole frames.
int spaces_add_ram(spaces_t *s, mem_pa_t start, mem_pa_t end);

// From now on no mapping of [start, end) can have the right `never`: MEM_PROT_W for kernel text and rodata, MEM_PROT_X
// for what the kernel writes through mappings of boot, which are not judged. Mappings that exist already are not
// checked: the call comes before the range is mapped.
int spaces_protect_range(spaces_t *s, mem_pa_t start, mem_pa_t end, mem_attrs_t never, const char *name);

// A new space with a root table. upper makes the kernel half (once: later MEM_EEXIST). On success *space is set.
int space_open(spaces_t *s, bool upper, const char *name, space_t **space, space_error_t *why);

// Invalidates the ASID, gives every table and record back, drops the mappings' references to frame owners.
// MEM_EBUSY for the active space, MEM_EPERM for the kernel half.
int space_close(spaces_t *s, space_t *space, space_error_t *why);

// Closes every lower-half space except `keep` (which must be the active one, if any is). Returns how many.
size_t spaces_close_all(spaces_t *s, const space_t *keep);

// Puts the space into TTBR0. MEM_EPERM for the kernel half.
int space_activate(spaces_t *s, space_t *space, space_error_t *why);

// Frames used for tables of one space, and for the records (spaces, regions, frame owners) of all.
static inline size_t space_tables(const space_t *space) {
    return space->paging.tables;
}

static inline size_t spaces_record_frames(const spaces_t *s) {
    return s->space_pool.slabs + s->region_pool.slabs + s->frame_owner_pool.slabs;
}

// Registers of the switch from the boot map to `kernel` and `identity` (see arch_switch_ttbr).
typedef struct _space_switch_t {
    mem_pa_t trampoline_pa;    // page of the switching code
    const mem_va_t *keep;      // addresses that must be mapped to the same memory before and after: code, stack,
    size_t n_keep;             //   vectors, the spaces_t itself
} space_switch_t;

// Replaces TTBR1 and TTBR0 while running. Checks first that each address of `keep` is mapped by `kernel` to the memory
// that the processor reads there now (MEM_EFAULT, SPACE_NOT_KEPT). The caller's boot tables are not freed.
int spaces_switch(spaces_t *s, space_t *kernel, space_t *identity, const space_switch_t *how, space_error_t *why);

// What spaces_check() found first.
typedef struct _space_damage_t {
    const char *what;          // for a message
    const space_t *space;      // NULL: not of one space
    mem_va_t va;               // MEM_ADDR_NONE: not at one address
    paging_step_t entry;       // where the walk to va ends; `table` is MEM_ADDR_NONE without such an entry
} space_damage_t;

// The number of broken invariants of all spaces: tables, regions against tables, rights (by rights_check()), frame
// owners, pools, quarantine. `*first` (may be NULL) describes the first one. `stop` may be NULL.
unsigned spaces_check(const spaces_t *s, space_damage_t *first, mem_stop_t stop);

// --- mappings (space_map.c) ---
//
// Each of these calls also works in ranges with a pager: the addresses decide.

// All fields but the pager; flags REGION_BOOT, REGION_LOCKED, SPACE_BLOCKS, SPACE_PAGES_ONLY. In a range with a pager:
// pages by bare address, with no more than the protection of the range (MEM_EPERM); a single page replaces another.
int space_map(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Every page of the range must be mapped; or it is all or part of one reserved range or one range with a pager, which
// is removed with its pages. Frames of orphaned owners are freed with their last page. Flags: SPACE_FORCE.
int space_unmap(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why);

// Changes the protection to attrs (MEM_PROT_*) of va and size; flags SPACE_FORCE. The range is then judged for W^X as
// if mapped by hand, also where boot had mapped it. In a range with a pager it changes the pages that are mapped,
// within the protection of the range (MEM_EPERM).
int space_protect(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Unmaps every region that has none of the `keep` flags; returns the number of them. For soft reset:
// space_clear(kernel, REGION_BOOT | REGION_LOCKED); identity is cleared whole (keep = 0) and mapped again.
size_t space_clear(spaces_t *s, space_t *space, uint32_t keep);

// --- reserved ranges (space_reserve.c) ---

// Keeps the range of va, size and name free of mappings: a guard (REGION_LOCKED), or address space for later. With
// REGION_PAGED it is in the lower half, for pages of normal memory that come one by one, with attrs at most, and takes
// REGION_STEP and the pager. space_unmap() removes it.
int space_reserve(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_H
