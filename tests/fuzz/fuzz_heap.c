// SPDX-License-Identifier: MIT
// The heap against a list of live blocks, each filled with its own pattern; then, if the input says so, with bits of
// its region flipped: nothing may crash, hang or touch what lies outside, and what it says must stay within the region.

#include "fuzz.h"
#include "core/heap/heap.h"

#define SIZE (64 << 10)
#define SLOTS (256)
#define DAMAGE_STEPS (64)

typedef struct _slot_t {
    uint8_t *p;
    size_t size;
    size_t align;
    uint8_t pattern;
} slot_t;

static slot_t slots[SLOTS];
static heap_t heap;

static void check_pattern(const slot_t *slot, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        FUZZ_CHECK(slot->p[i] == slot->pattern);
    }
}

static size_t read_size(fuzz_input_t *in) {
    unsigned kind = fuzz_byte(in);
    return kind < 200 ? fuzz_byte(in) * 3u : fuzz_word(in) % (SIZE + 64);
}

static void alloc(slot_t *slot, fuzz_input_t *in) {
    heap_error_t error;
    heap_stats_t stats;
    size_t size = read_size(in);
    size_t align = fuzz_byte(in) < 64 ? (size_t)16 << fuzz_byte(in) % 8 : 0;
    heap_stats(&heap, &stats);
    slot->p = heap_alloc(&heap, size, align, &error);
    if (slot->p == NULL) {
        FUZZ_CHECK(error.kind == HEAP_FULL || error.kind == HEAP_TOO_LARGE || error.kind == HEAP_ZERO_SIZE);
        FUZZ_CHECK(error.kind != HEAP_FULL || align > 16 || size > stats.largest_free);
        return;
    }
    slot->size = size;
    slot->align = align != 0 ? align : HEAP_ALIGN;
    FUZZ_CHECK((uintptr_t)slot->p % slot->align == 0 && heap_usable_size(&heap, slot->p) >= size);
    memset(slot->p, slot->pattern, size);
}

static void resize(slot_t *slot, fuzz_input_t *in) {
    size_t size = read_size(in);
    uint8_t *p = heap_realloc(&heap, slot->p, size, NULL);
    check_pattern(slot, p == NULL ? slot->size : 0);
    if (p != NULL) {
        slot->p = p;
        check_pattern(slot, size < slot->size ? size : slot->size);
        FUZZ_CHECK((uintptr_t)p % slot->align == 0 && heap_usable_size(&heap, p) >= size);
        memset(p, slot->pattern, size);
        slot->size = size;
    }
}

static void release(slot_t *slot) {
    uint8_t *p = slot->p;
    check_pattern(slot, slot->size);
    slot->p = NULL;
    FUZZ_CHECK(heap_free(&heap, p, NULL) == MEM_OK);
    FUZZ_CHECK(heap_free(&heap, p, NULL) != MEM_OK);
}

static void step(fuzz_input_t *in) {
    unsigned op = fuzz_byte(in);
    slot_t *slot = &slots[fuzz_byte(in)];
    if (slot->p == NULL) {
        slot->pattern = (uint8_t)(op | 1);
        alloc(slot, in);
    } else if (op & 1) {
        release(slot);
    } else {
        resize(slot, in);
    }
}

// Everything given back is one free block again.
static void finish(size_t first_free) {
    heap_stats_t stats;
    FUZZ_CHECK(heap_check(&heap, NULL) == 0);
    for (size_t i = 0; i < SLOTS; ++i) {
        if (slots[i].p != NULL) {
            release(&slots[i]);
        }
    }
    heap_stats(&heap, &stats);
    FUZZ_CHECK(stats.free_blocks == 1 && stats.live_blocks == 0 && stats.free == first_free);
}

// Goes on with a damaged heap: results are unpredictable, addresses are not.
static void suffer(uint8_t *region, fuzz_input_t *in) {
    for (unsigned i = 0; i < DAMAGE_STEPS && fuzz_more(in); ++i) {
        unsigned op = fuzz_byte(in);
        slot_t *slot = &slots[fuzz_byte(in)];
        heap_damage_t damage;
        if (op & 1) {
            region[fuzz_word(in) % SIZE] ^= (uint8_t)(1u << (op >> 1 & 7));
        } else if (op & 2) {
            void *p = heap_alloc(&heap, read_size(in), 0, NULL);
            FUZZ_CHECK(p == NULL || heap_contains(&heap, p));
        } else if (op & 4) {
            (void)heap_realloc(&heap, slot->p, read_size(in), NULL);
        } else {
            (void)heap_free(&heap, slot->p, NULL);
        }
        if (heap_check(&heap, &damage) != 0 && damage.address != 0) {
            FUZZ_CHECK(damage.address - (uintptr_t)region <= SIZE);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input_t in = { data, data + size };
    unsigned healthy = fuzz_byte(&in);
    uint8_t *region = aligned_alloc(16, SIZE); // the sanitiser guards what lies around it
    heap_stats_t stats;
    memset(slots, 0, sizeof(slots));
    FUZZ_CHECK(region != NULL && heap_init(&heap, region, SIZE, healthy * 0x01010101u) == MEM_OK);
    heap_stats(&heap, &stats);
    for (unsigned steps = 0; fuzz_more(&in) && (healthy & 1 || steps < 64); ++steps) {
        step(&in);
    }
    if (healthy & 1) {
        finish(stats.free);
    } else {
        suffer(region, &in);
    }
    free(region);
    return 0;
}
