// SPDX-License-Identifier: MIT
// The guards against damage by Python code, as far as they are functions of their own: sizes, repetition, memory that
// is kept (ports/rpi-aarch64/guard), the second attempt after a collection.

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

fake_state_t fake_state;
size_t guard_shim_collections;

uintptr_t gc_helper_registers(uintptr_t registers[20]) {
    return (uintptr_t)registers;
}

bool gc_is_locked(void) {
    return fake_state.gc_lock_depth != 0;
}

// For the tests, which lock it.
void guard_shim_lock(bool locked) {
    fake_state.gc_lock_depth = locked ? 4 : 0;
}

void gc_collect_time(void) {
}

void gc_views_collect(void) {
}

void gc_collect_start(void) {
}

void gc_mark_stack(const uintptr_t *low, const uintptr_t *high) {
    (void)low, (void)high;
}

void guard_busy_collect(void) {
}

void gc_collect_end(void) {
    guard_shim_collections++;
}

bool gc_collect_ran_python(void) {
    return false;
}

void gc_areas_collected(void) {
}
