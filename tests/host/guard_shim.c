// SPDX-License-Identifier: MIT
// The guards against damage by Python code, as far as they are functions of their own: sizes, repetition, memory that
// is kept (ports/rpi-aarch64/guard), what the collector takes for a pointer, the second attempt after a collection.

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"
#include "py/runtime.h"

const mp_obj_type_t mp_type_OverflowError = {"OverflowError"};

static size_t multiplied;

void mp_seq_multiply(const void *items, size_t item_size, size_t len, size_t times, void *dest) {
    (void)items, (void)dest;
    multiplied = item_size * len * times;
}

#include "guard/keep.h"
#include "guard/repeat.h"

#include "hooks.h"
#include "bindings/retry.h"

static jmp_buf raised;
static size_t last_size; // of the last allocation
static bool in_place;    // memory grows where it is

void mp_raise_msg(const mp_obj_type_t *type, mp_rom_error_text_t text) {
    (void)type, (void)text;
    longjmp(raised, 1);
}

void *m_malloc(size_t size) {
    last_size = size;
    return size < 1 << 20 ? malloc(size) : NULL;
}

void *m_malloc_maybe(size_t size) {
    return m_malloc(size);
}

void *m_realloc_maybe(void *old, size_t size, bool allow_move) {
    (void)size;
    return in_place && !allow_move ? old : NULL;
}

size_t guard_shim_size(size_t base, size_t count, size_t item_size) {
    return guard_size(base, count, item_size);
}

// The bytes that are asked for to hold so many numbers of eight bytes, behind a head of eight if has_head.
size_t guard_shim_new(size_t count, bool has_head) {
    struct numbers {
        uint64_t head;
        uint64_t items[];
    };
    free(has_head ? (void *)m_new_obj_var(struct numbers, items, uint64_t, count) : (void *)m_new(uint64_t, count));
    return last_size;
}

// How many bytes a repetition writes; SIZE_MAX if it is refused.
size_t guard_shim_repeat(size_t item_size, size_t len, size_t times) {
    if (setjmp(raised)) {
        return SIZE_MAX;
    }
    guard_seq_multiply(NULL, item_size, len, times, NULL);
    return multiplied;
}

byte *guard_shim_renew(byte *old, size_t old_size, size_t new_size, bool grows_in_place) {
    in_place = grows_in_place;
    return m_renew(byte, old, old_size, new_size);
}

// --- the collector ---

enum { MAX_BLOCKS = 4096, MAX_WORDS = 256 };
static byte allocation_table[MAX_BLOCKS / 4];
static byte finaliser_table[MAX_BLOCKS / 8];
static uintptr_t stack[MAX_WORDS];
static uintptr_t marked[MAX_WORDS];
static size_t marked_count;
fake_state_t fake_state;

uintptr_t gc_helper_registers(uintptr_t registers[20]) {
    (void)registers;
    return (uintptr_t)stack;
}

void gc_collect_start(void) {
    marked_count = 0;
}

void gc_collect_root(void **pointers, size_t count) {
    for (size_t i = 0; i < count && marked_count < MAX_WORDS; i++) {
        marked[marked_count++] = (uintptr_t)pointers[i];
    }
}

size_t guard_shim_collections;

void guard_busy_collect(void) {
}

void gc_collect_end(void) {
    guard_shim_collections++;
}

size_t gc_areas_available(void) {
    return 0;
}

size_t gc_areas_python_finalisers(void) {
    return 0;
}

void gc_areas_collected(void) {
}

// Collects with one area at `pool`, whose blocks have these kinds, with so many words on the stack. The pointers that
// are marked replace the words; returns how many.
size_t guard_shim_collect(uintptr_t pool, const byte *kinds, const byte *finalisers, size_t blocks, uintptr_t *words,
    size_t count) {
    memset(allocation_table, 0, sizeof(allocation_table));
    memset(finaliser_table, 0, sizeof(finaliser_table));
    for (size_t i = 0; i < blocks; i++) {
        allocation_table[i / 4] |= kinds[i] << 2 * (i % 4);
        finaliser_table[i / 8] |= finalisers[i] << i % 8;
    }
    memset(stack, 0, sizeof(stack));
    memcpy(stack, words, count * sizeof(*words));
    fake_state.area = (mp_state_mem_area_t) {
        .gc_alloc_table_start = allocation_table,
        .gc_finaliser_table_start = finaliser_table,
        .gc_pool_start = (byte *)pool,
        .gc_pool_end = (byte *)(pool + blocks * MICROPY_BYTES_PER_GC_BLOCK),
    };
    fake_state.stack_top = stack + MAX_WORDS;
    gc_collect();
    memcpy(words, marked, marked_count * sizeof(*words));
    return marked_count;
}
