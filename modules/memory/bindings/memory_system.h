// SPDX-License-Identifier: MIT
// The memory system of the running machine: the one instance of the mechanism's contexts, set up
// from what boot found out. Bindings and the collector's areas work on it; policy (what is mapped
// where) is frozen Python's.

#ifndef MODULES_MEMORY_BINDINGS_MEMORY_SYSTEM_H
#define MODULES_MEMORY_BINDINGS_MEMORY_SYSTEM_H

#include "core/frames/frames.h"
#include "core/heap/heap.h"
#include "core/space/space.h"
#include "port.h"

// A heap and where its memory is. Lives in `heap_pool`, so that a finaliser finds it without
// looking at another object of the collector.
typedef struct _memory_heap_t {
    struct _memory_heap_t *next, *prev; // all heaps
    heap_t heap;
    mem_va_t va;            // of the region
    uint64_t size;          // bytes mapped there
    mem_pa_t pa;            // of the frames behind it, contiguous
    size_t live_handles;    // Block objects that refer to it
    bool closed;            // closed by its owner; freed with the last handle
} memory_heap_t;

typedef struct _memory_system_t {
    frames_t frames;
    spaces_t spaces;
    space_t *kernel;            // NULL until frozen Python opened it
    space_t *identity;
    memory_heap_t *heaps;       // list; the kernel heap is `kernel_heap`
    memory_heap_t *kernel_heap; // NULL until frozen Python made it
    pool_t heap_pool;           // memory_heap_t
    bool switched;              // TTBR1 is the kernel space, not the boot map
    mem_range_t metadata;       // of the frame allocator, in the boot window
    mem_range_t boot_pool;      // frames for tables until the switch; what is left goes back after it
    mem_range_t device_tree;    // frames for its copy, in the boot window; empty without one
    const char *error;          // why the set-up failed, for the report; NULL when it did not
} memory_system_t;

// Only the functions below and memory_system.c name it; the others call them.
extern memory_system_t memory_system;

// The kernel half and the identity space are NULL until frozen Python opened them;
// the active space is that in TTBR0, NULL before the switch.
static inline frames_t *memory_system_frames(void) {
    return &memory_system.frames;
}

static inline spaces_t *memory_system_spaces(void) {
    return &memory_system.spaces;
}

// Addresses of views and heaps that are closed.
static inline quarantine_t *memory_system_quarantine(void) {
    return &memory_system.spaces.quarantine;
}

// The records of the heaps.
static inline pool_t *memory_system_heap_pool(void) {
    return &memory_system.heap_pool;
}

static inline space_t *memory_system_kernel(void) {
    return memory_system.kernel;
}

static inline space_t *memory_system_identity(void) {
    return memory_system.identity;
}

static inline space_t *memory_system_active(void) {
    return memory_system.spaces.active;
}

static inline bool memory_system_is_switched(void) {
    return memory_system.switched;
}

// Why the set-up failed; NULL when it did not.
static inline const char *memory_system_error(void) {
    return memory_system.error;
}

// The open spaces one after the other: the first after NULL, NULL after the last.
static inline space_t *memory_system_next_space(const space_t *space) {
    return space == NULL ? memory_system.spaces.list : space->next;
}

// The same of heaps, the kernel heap included.
static inline memory_heap_t *memory_system_next_heap(const memory_heap_t *heap) {
    return heap == NULL ? memory_system.heaps : heap->next;
}

// NULL until frozen Python made it.
static inline memory_heap_t *memory_system_kernel_heap(void) {
    return memory_system.kernel_heap;
}

static inline void memory_system_set_kernel_heap(memory_heap_t *heap) {
    memory_system.kernel_heap = heap;
}

// Puts a heap that is set up into the list of all, and takes it out again. Its record stays the caller's.
void memory_system_add_heap(memory_heap_t *heap);
void memory_system_remove_heap(memory_heap_t *heap);

// Where the RAM at physical address pa is in the linear map.
static inline void *memory_system_at(mem_pa_t pa) {
    return (void *)(uintptr_t)(boot_info.linear + pa);
}

// Opens the kernel half, and the space that is in TTBR0 when no other one is active. Each does nothing when it is open
// already; otherwise as space_open().
int memory_system_open_kernel(space_error_t *why);
int memory_system_open_identity(space_error_t *why);

// Replaces the boot map by `kernel` and TTBR0 by `identity`, then gives the boot pool's rest back.
// As spaces_switch() otherwise.
int memory_system_switch(space_error_t *why);

// Frames in use by each owner that is not listed elsewhere. "image" includes stacks and boot tables.
size_t memory_system_image_frames(void);
size_t memory_system_metadata_frames(void);
size_t memory_system_boot_pool_frames(void);
size_t memory_system_device_tree_frames(void);

#endif // MODULES_MEMORY_BINDINGS_MEMORY_SYSTEM_H
