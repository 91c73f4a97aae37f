// SPDX-License-Identifier: MIT
// Interface of the recording fake of the architecture seam (core/arch.h) and of its frame source.

#ifndef TESTS_HOST_FAKE_ARCH_H
#define TESTS_HOST_FAKE_ARCH_H

#include "core/mem_source.h"

#define FAKE_MAX_EVENTS (20000)
#define FAKE_MAX_SYNCED (4096)

// fake_seam.py has the same list.
typedef enum {
    FAKE_WRITE, // a = slot, b = new value, c = old value
    FAKE_DSB_ISHST,
    FAKE_DSB_ISH,
    FAKE_ISB,
    FAKE_TLBI_VAE1IS,
    FAKE_TLBI_VAAE1IS,
    FAKE_TLBI_ASIDE1IS,
    FAKE_TLBI_VMALLE1IS,
    FAKE_TLBI_VMALLE1,
    FAKE_TTBR0,
    FAKE_TTBR1,
    FAKE_MASK,
    FAKE_UNMASK,
    FAKE_JUMP_LOW,
    FAKE_JUMP_HIGH,
    FAKE_SYNC_CODE, // a = address, b = bytes, c = physical address
    FAKE_CLEAN,
    FAKE_ALLOC,
    FAKE_FREE,
} fake_op_t;

typedef struct _fake_event_t {
    uint64_t op, a, b, c;
} fake_event_t;

// Frames [base, base + frames * 4096) in `memory`, one byte each in `used`.
typedef struct _fake_source_t {
    mem_pa_t base;
    void *memory;
    uint8_t *used;
    size_t frames;
    size_t hint;
    size_t in_use;
    size_t bad_frees;
    size_t fail_after;         // allocations that still succeed
    bool junk;                 // fill frames given and taken back
} fake_source_t;

void fake_record(bool on);
size_t fake_events(const fake_event_t **first);
void fake_set_ttbr(uint64_t value0, uint64_t value1);

// Cache maintenance of a page is an error where the tables of TTBR0 and TTBR1, which are in frames of this source, map
// nothing: how often that was, and the frames that were synchronised, since the last call.
void fake_set_source(const fake_source_t *f);
size_t fake_unmapped(void);
size_t fake_synced(const mem_pa_t **first);

void fake_set_at(uint64_t base, uint64_t delta);
void fake_source_init(fake_source_t *f, mem_source_t *source, mem_pa_t base, void *memory, uint8_t *used,
    size_t frames);

#endif // TESTS_HOST_FAKE_ARCH_H
