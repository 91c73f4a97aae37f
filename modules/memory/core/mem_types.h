// SPDX-License-Identifier: MIT
// Types and result codes shared by the whole memory mechanism.

#ifndef MODULES_MEMORY_MEM_TYPES_H
#define MODULES_MEMORY_MEM_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A physical and a virtual address in bytes.
typedef uint64_t mem_pa_t;
typedef uint64_t mem_va_t;

// The translation granule: a frame is 4 KiB of physical memory, a page 4 KiB of virtual memory.
#define MEM_PAGE_SHIFT (12)
#define MEM_PAGE_SIZE ((uint64_t)1 << MEM_PAGE_SHIFT)
#define MEM_PAGE_MASK (MEM_PAGE_SIZE - 1)
#define MEM_BLOCK2M_SIZE ((uint64_t)1 << 21)
#define MEM_BLOCK1G_SIZE ((uint64_t)1 << 30)

// "No address": never a valid frame, page or limit.
#define MEM_ADDR_NONE (UINT64_MAX)

// Half-open range [start, end) in bytes.
typedef struct _mem_range_t {
    uint64_t start;
    uint64_t end;
} mem_range_t;

// Results: 0 or one of these. The values are -errno, so that a binding raises OSError(-result);
// finer distinctions are made by the out-parameters of each function.
enum {
    MEM_OK = 0,
    MEM_EPERM = -1,     // locked, or forbidden by W^X
    MEM_ENOENT = -2,    // nothing there (unmap of an unmapped page, translate of nothing)
    MEM_ENOMEM = -12,   // out of frames, tables, ASIDs or address space
    MEM_EFAULT = -14,   // not memory of ours: never managed, outside every bank, damaged block
    MEM_EBUSY = -16,    // held by another owner
    MEM_EEXIST = -17,   // already mapped
    MEM_EINVAL = -22,   // an argument that can never be right (alignment, zero size, backwards)
    MEM_ERANGE = -34,   // outside the half, window, bank or physical address size
    MEM_EALREADY = -114, // already free
};

// Whether a call that takes long is to end now, without looking at the rest: it is asked again and again, with a
// bounded number of steps in between.
// What was counted until then stays counted.
typedef bool (*mem_stop_t)(void);

// Asks `stop`, which may be NULL, unless it has said so before. False from then on.
static inline bool mem_goes_on(mem_stop_t stop, bool *stopped) {
    *stopped = *stopped || (stop != NULL && stop());
    return !*stopped;
}

static inline bool mem_is_aligned(uint64_t value, uint64_t power_of_two) {
    return (value & (power_of_two - 1)) == 0;
}

static inline uint64_t mem_align_down(uint64_t value, uint64_t power_of_two) {
    return value & ~(power_of_two - 1);
}

// Rounds up; the caller checks for wrap-around.
static inline uint64_t mem_align_up(uint64_t value, uint64_t power_of_two) {
    return (value + power_of_two - 1) & ~(power_of_two - 1);
}

// True when [start, start + size) is a non-empty range that does not wrap.
static inline bool mem_range_ok(uint64_t start, uint64_t size) {
    return size != 0 && start + size - 1 >= start;
}

#endif // MODULES_MEMORY_MEM_TYPES_H
