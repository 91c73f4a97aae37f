// SPDX-License-Identifier: MIT
// Why a call of the heap fails: the result of each kind of error, its words, and what a refused pointer points to.

#include "heap_error.h"

int heap_fail(heap_error_t *why, heap_error_t error) {
    static const int8_t results[] = {
        [HEAP_OK] = MEM_OK,
        [HEAP_FULL] = MEM_ENOMEM,
        [HEAP_TOO_LARGE] = MEM_ENOMEM,
        [HEAP_ZERO_SIZE] = MEM_EINVAL,
        [HEAP_BAD_ALIGNMENT] = MEM_EINVAL,
        [HEAP_OUTSIDE] = MEM_ERANGE,
        [HEAP_NOT_A_BLOCK] = MEM_EINVAL,
        [HEAP_DOUBLE_FREE] = MEM_EALREADY,
        [HEAP_DAMAGED] = MEM_EFAULT,
    };
    error.result = results[error.kind];
    if (why != NULL) {
        *why = error;
    }
    return error.result;
}

int heap_fail_damaged(const heap_t *h, uint64_t value, heap_error_t *why) {
    heap_damage_t damage;
    heap_check(h, &damage);
    return heap_fail(why, (heap_error_t) {.kind = HEAP_DAMAGED, .address = damage.address, .value = value});
}

// How many granules before a pointer, and how many blocks from the first, are looked at for the block it is in.
#define DIAGNOSE_STEPS (1024)

// Whether p, inside the region but no intact block, is where a block should begin. Most often the block before p or
// around it is near; else it may be reached from the first one. When neither is so the answer is no.
static bool is_damaged_block(const heap_t *h, uintptr_t p) {
    unsigned steps = DIAGNOSE_STEPS;
    for (uintptr_t b = p; steps != 0 && b > h->first; --steps) {
        b -= HEAP_ALIGN;
        if (is_intact(h, b)) {
            return block_after(b) <= p;
        }
    }
    if (steps != 0) {
        return true; // not even the first block is intact
    }
    uintptr_t b = h->first;
    for (; steps != DIAGNOSE_STEPS && b < p; ++steps) {
        if (!is_intact(h, b) || granules(b) == 0) {
            return true;
        }
        b = block_after(b);
    }
    return b == p;
}

// Why p, inside the region, is no intact block.
static heap_error_kind_t diagnose(const heap_t *h, uintptr_t p) {
    if (p < h->first || p >= h->end || (p & (HEAP_ALIGN - 1)) != 0) {
        return HEAP_NOT_A_BLOCK;
    }
    if ((mix(h, p, header(p)->head << 32) ^ header(p)->head ^ SUM_FREED) >> 32 == 0) {
        return HEAP_DOUBLE_FREE;
    }
    return is_damaged_block(h, p) ? HEAP_DAMAGED : HEAP_NOT_A_BLOCK;
}

int heap_fail_pointer(const heap_t *h, uintptr_t b, heap_error_t *why) {
    heap_error_kind_t kind = HEAP_OUTSIDE;
    if (mem_is_aligned(b, HEAP_ALIGN) && b != h->end && is_intact(h, b)) {
        kind = HEAP_DOUBLE_FREE;
    } else if (heap_contains(h, (const void *)b)) {
        kind = diagnose(h, b);
    }
    if (kind == HEAP_DAMAGED) {
        return heap_fail_damaged(h, 0, why);
    }
    return heap_fail(why, (heap_error_t) {.kind = kind, .address = b});
}

const char *heap_error_text(heap_error_kind_t kind) {
    static const char *const texts[] = {
        [HEAP_OK] = "no error",
        [HEAP_FULL] = "no free block is large enough",
        [HEAP_TOO_LARGE] = "larger than the heap",
        [HEAP_ZERO_SIZE] = "size is zero",
        [HEAP_BAD_ALIGNMENT] = "alignment is not a power of two up to 512 KiB",
        [HEAP_OUTSIDE] = "not inside this heap",
        [HEAP_NOT_A_BLOCK] = "not the start of a block",
        [HEAP_DOUBLE_FREE] = "freed already",
        [HEAP_DAMAGED] = "heap is damaged",
    };
    return (unsigned)kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "unknown error";
}
