// SPDX-License-Identifier: MIT
// Address spaces: what is mapped where, by whom, and what is forbidden. Sits on paging.h and adds regions with
// names, ASIDs, ownership of mapped frames, W^X over all spaces, and the rules of the kernel half.
//
// All state is in spaces_t and in frames of its source. Every changing call is all or nothing; results are MEM_OK or
// a negative MEM_E* value, details for an error message are in the space_error_t (may be NULL).
// Names are kept by reference: strings must outlive the space.

#ifndef MODULES_MEMORY_CORE_SPACE_SPACE_H
#define MODULES_MEMORY_CORE_SPACE_SPACE_H

#include "core/paging/paging.h"
#include "core/heap/pool.h"

#define SPACES_MAX_RAM (16)
#define SPACES_MAX_PROTECTED (8)
#define SPACES_MAX_WINDOWS (16)
#define SPACES_ASIDS (65536)

// Flags of a region, given at map time.
#define REGION_BOOT (1u)       // made by boot: not judged for W^X; upper half: outside the windows, by blocks, locked
#define REGION_LOCKED (2u)     // unmap and protect need SPACE_FORCE
#define REGION_RESERVED (4u)   // nothing is mapped: a guard, or address space kept free (space_reserve)
#define REGION_PAGED (8u)      // pages come and go one by one, on demand (space_paged.c); lower half only
#define REGION_STEP (128u)     // with REGION_PAGED: a page stays for one instruction only
// Flags of a call only.
#define SPACE_FORCE (16u)      // the owner of a locked region changes it
#define SPACE_BLOCKS (32u)     // upper half: blocks allowed; such a range can only be unmapped as a whole
#define SPACE_PAGES_ONLY (64u) // lower half: 4 KiB pages whatever the alignment

// Flags of a window of the upper half.
#define WINDOW_OPEN (1u)       // map() may use it; others take mappings with REGION_LOCKED only
#define WINDOW_ONCE (2u)       // window_alloc() never gives an address twice until window_reset()

typedef struct _space_t space_t;
typedef struct _region_t region_t;

// Frames and their owner: the state of a Frames object. Lives in a pool, so that it outlasts the object.
typedef struct _frame_owner_t {
    struct _frame_owner_t *next, *prev; // all of the spaces_t
    mem_pa_t pa;
    size_t count;              // frames
    uint32_t maps;             // regions that map some of them
    bool orphan;               // the object is gone: the last unmap frees the frames
} frame_owner_t;

struct _region_t {
    region_t *next, *prev;     // of one space, by ascending start
    region_t *x_next, *x_prev; // executable regions of all spaces that are judged for W^X
    space_t *space;
    frame_owner_t *owner;              // NULL when mapped by bare address
    const char *name;          // NULL when it has none
    mem_va_t start, last;      // bytes, inclusive: the upper half ends with the address space
    mem_pa_t pa;               // of start; MEM_ADDR_NONE for REGION_RESERVED and REGION_PAGED
    mem_attrs_t attrs;         // REGION_PAGED: the most that a page may have
    uint32_t flags;            // REGION_*
    uint32_t pager;            // REGION_PAGED: the caller's number of what resolves its faults
};

typedef struct _window_t {
    const char *name;
    mem_va_t start, end;
    mem_va_t cursor;           // WINDOW_ONCE: nothing at or after it was given yet
    uint32_t flags;
} window_t;

struct _space_t {
    space_t *next, *prev;      // all spaces
    paging_t paging;
    region_t *regions;
    region_t *finger;          // last region found: neighbours are asked for next
    size_t region_count;
    const char *name;          // NULL when it has none
};

typedef struct _space_range_t {
    mem_pa_t start, end;
    const char *name;
} space_range_t;

typedef struct _spaces_t {
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
    window_t windows[SPACES_MAX_WINDOWS];
    size_t n_ram, n_protected, n_windows;
    size_t count;              // spaces
    uint32_t asid_hint;
    uint64_t asids[SPACES_ASIDS / 64]; // 1 = in use
} spaces_t;

// What a failed call met, with its result (space_error.c).
typedef enum {
    SPACE_NO_ERROR,
    SPACE_MISALIGNED,          // va, pa or size (value) is not a multiple of 4096           EINVAL
    SPACE_BAD_SIZE,            // size (value) is 0 or wraps                                 EINVAL
    SPACE_BAD_ATTRS,           // protection or memory type (value) cannot be                EINVAL
    SPACE_OUT_OF_HALF,         // va is not in this half                                     ERANGE
    SPACE_OUT_OF_PA,           // pa is beyond the processor's address size                  ERANGE
    SPACE_NOT_RAM,             // pa is not RAM but the type is normal                       ERANGE
    SPACE_NOT_MMIO,            // pa is RAM but the type is device                           EPERM
    SPACE_NOT_DMA,             // non-cacheable mappings are made by boot only               EPERM
    SPACE_NOT_HELD,            // pa is not inside the frames of owner                       EINVAL
    SPACE_MAPPED,              // va is taken: name, pa                                      EEXIST
    SPACE_UNMAPPED,            // va is not mapped                                           EFAULT
    SPACE_LOCKED,              // va is in the locked region `name`                          EPERM
    SPACE_NO_WINDOW,           // va is in no window that map() may use; name of its window  EPERM
    SPACE_PROTECTED,           // pa is in the read-only range `name`                        EPERM
    SPACE_WRITE_EXECUTE,       // pa is mapped at other_va in other_space with the other right EPERM
    SPACE_SPLIT,               // va is inside a block of the upper half                     EPERM
    SPACE_NO_TABLES,           // no frame for a table or record                             ENOMEM
    SPACE_NO_ASID,             // 65,535 spaces live                                         ENOMEM
    SPACE_NO_ADDRESS,          // window `name` has no gap of `value` bytes                  ENOMEM
    SPACE_ACTIVE,              // the space is in use by TTBR0                               EBUSY
    SPACE_KERNEL,              // not possible with the kernel half                          EPERM
    SPACE_HELD,                // frames at pa are mapped (value times) at other_va          EBUSY
    SPACE_TABLE_FULL,          // a fixed table of spaces_t is full (value = its size)       ENOMEM
    SPACE_NOT_KEPT,            // va would not mean the same memory after the switch         EFAULT
    SPACE_NOT_PAGED,           // va is not in a range with a pager                          EFAULT
    SPACE_TOO_MUCH,            // va would get more than its range allows                    EPERM
    SPACE_KERNEL_OPEN,         // there is a kernel half already: name                       EEXIST
} space_error_kind_t;

typedef struct _space_error_t {
    space_error_kind_t kind;
    mem_va_t va;               // this and what follows: 0 or NULL where the kind says nothing of it
    mem_pa_t pa;
    uint64_t value;
    const char *name;          // region, range or window met; NULL when it has none
    const space_t *other_space;
    mem_va_t other_va;
} space_error_t;

// Fills in *why (if there is one); returns the result of its kind.
int space_fail(space_error_t *why, space_error_t error);

// A mapping or a range, new or changed. Calls use the fields that they name.
typedef struct _space_request_t {
    mem_va_t va;
    mem_pa_t pa;
    uint64_t size;
    mem_attrs_t attrs;
    uint32_t flags;            // REGION_*, SPACE_*
    const char *name;
    frame_owner_t *owner;              // NULL: by bare address, owns nothing
    uint32_t pager;            // see region_t
} space_request_t;

// --- all spaces (space.c) ---

// `source` is copied. Nothing is taken yet.
void spaces_init(spaces_t *s, const mem_source_t *source, mem_pa_t pa_limit);

// Declares RAM: the only memory that may be mapped with type normal, and never as device. Whole frames.
int spaces_add_ram(spaces_t *s, mem_pa_t start, mem_pa_t end);

// From now on [start, end) can be mapped read-only only, in every space (kernel text and rodata).
// Mappings that exist already are not looked at: declare before mapping.
int spaces_protect_range(spaces_t *s, mem_pa_t start, mem_pa_t end, const char *name);

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

// Broken invariants of all spaces: tables, regions against tables, protected ranges, W^X, frame owners, pools.
unsigned spaces_check(const spaces_t *s);

// --- mappings (space_map.c) ---

// All fields but the pager; flags REGION_BOOT, REGION_LOCKED, SPACE_BLOCKS, SPACE_PAGES_ONLY.
int space_map(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Every page of the range must be mapped. Frames of orphaned holds are freed with their last page.
int space_unmap(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, uint32_t flags, space_error_t *why);

// Changes the protection to attrs (MEM_PROT_*) of va and size; flags SPACE_FORCE. The range is then judged for W^X as
// if mapped by hand, also where boot had mapped it.
int space_protect(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Keeps the range of va, size and name free of mappings: a guard (REGION_LOCKED), or address space for later. With
// REGION_PAGED it is in the lower half, for pages of normal memory that come one by one, with attrs at most, and takes
// REGION_STEP and the pager.
int space_reserve(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Takes such a range back. MEM_EFAULT when `va` does not start one.
int space_unreserve(spaces_t *s, space_t *space, mem_va_t va, uint32_t flags, space_error_t *why);

// Unmaps every region that has none of the `keep` flags; returns how many regions that were. For soft reset:
// space_clear(kernel, REGION_BOOT | REGION_LOCKED); identity is cleared whole (keep = 0) and mapped again.
size_t space_clear(spaces_t *s, space_t *space, uint32_t keep);

// --- ranges with a pager (space_paged.c) ---
//
// One region however many pages it has. A page is owned (its frame was given to the space and is freed with the page)
// or mapped by bare address; the descriptor says which.

// Maps all frames of an owner that no region maps, from va on, and takes them over: the owner is freed on success. A
// single page replaces what is mapped at va; several must all be unmapped (MEM_EEXIST).
int space_page_in(spaces_t *s, space_t *space, mem_va_t va, frame_owner_t *owner, space_error_t *why);

// Maps pages of such a range by bare address, with no more than the protection of the range (MEM_EPERM).
int space_page_map(spaces_t *s, space_t *space, const space_request_t *request, space_error_t *why);

// Changes the protection of the pages there are, within that of the range (MEM_EPERM).
int space_page_protect(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, mem_attrs_t prot, space_error_t *why);

// Unmaps the pages there are and frees the frames they own; the range stays.
int space_evict(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why);

// Gives up all or part of one range with a pager, with its pages, or of one reserved range that is not locked.
int space_release(spaces_t *s, space_t *space, mem_va_t va, uint64_t size, space_error_t *why);

// --- regions (region.c) ---

// The region that contains va, or NULL.
const region_t *space_find(const space_t *space, mem_va_t va);

// The first region at or after va, or NULL; with region->next the way to list a space.
const region_t *space_region_from(const space_t *space, mem_va_t va);

// --- frame owners (frame_owner.c) ---

// Takes over `count` used frames at pa; NULL when there is no memory for the record.
frame_owner_t *frame_owner_open(spaces_t *s, mem_pa_t pa, size_t count);

// Frees the frames and the record. MEM_EBUSY, naming one mapping, while regions map them.
int frame_owner_close(spaces_t *s, frame_owner_t *owner, space_error_t *why);

// The owner is gone: frees now, or hands the frames over to the mappings.
void frame_owner_orphan(spaces_t *s, frame_owner_t *owner);

// Orphans every owner (soft reset, after the finalisers); returns how many were no orphans yet.
size_t frame_owners_orphan_all(spaces_t *s);

// --- windows of the upper half (window.c) ---

// Declares address space of the kernel half. MEM_EEXIST when it overlaps another window or a region.
int window_add(spaces_t *s, mem_range_t range, uint32_t flags, const char *name, space_error_t *why);

typedef struct _window_request_t {
    uint64_t size;
    uint64_t align;            // 0: of a page
    uint64_t guard;            // unmapped bytes on both sides
} window_request_t;

// An address for such a range: the lowest gap, or the next address with WINDOW_ONCE. It is only taken by the
// space_map() that follows, except with WINDOW_ONCE.
int window_alloc(spaces_t *s, window_t *window, const window_request_t *request, mem_va_t *va, space_error_t *why);

// Starts a WINDOW_ONCE window again; nothing may be mapped in it (MEM_EBUSY).
int window_reset(spaces_t *s, window_t *window);

// The window with this name, or NULL; the window that contains va, or NULL.
window_t *window_named(spaces_t *s, const char *name);
window_t *window_of(spaces_t *s, mem_va_t va);

#endif // MODULES_MEMORY_CORE_SPACE_SPACE_H
