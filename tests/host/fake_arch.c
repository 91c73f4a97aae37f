// SPDX-License-Identifier: MIT
// The architecture seam for host tests: does nothing but store descriptors, and records every call in order.
// A source of frames that records and can be told to fail is part of it, so that a test sees when a frame was given
// back between which barriers.

#include "fake_arch.h"

#include <string.h>

#include "core/arch.h"
#include "core/paging/descriptor.h"

static fake_event_t events[FAKE_MAX_EVENTS];
static size_t n_events;
static bool recording;
static uint64_t at_base, at_delta;
static uint64_t ttbr0, ttbr1;
static const fake_source_t *source_in_use; // the tables are in its frames
static size_t unmapped;
static mem_pa_t synced[FAKE_MAX_SYNCED];
static size_t n_synced;

static void record(fake_op_t op, uint64_t a, uint64_t b, uint64_t c) {
    if (!recording) {
        return;
    }
    if (n_events < FAKE_MAX_EVENTS) {
        events[n_events] = (fake_event_t) {op, a, b, c};
    }
    ++n_events;
}

void fake_record(bool on) {
    recording = on;
    n_events = 0;
}

size_t fake_events(const fake_event_t **first) {
    *first = events;
    return n_events;
}

void fake_set_ttbr(uint64_t value0, uint64_t value1) {
    ttbr0 = value0;
    ttbr1 = value1;
}

void fake_set_at(uint64_t base, uint64_t delta) {
    at_base = base;
    at_delta = delta;
}

void arch_write_descriptor(volatile uint64_t *slot, uint64_t value) {
    record(FAKE_WRITE, (uint64_t)(uintptr_t)slot, value, *slot);
    *slot = value;
}

void arch_dsb_ishst(void) {
    record(FAKE_DSB_ISHST, 0, 0, 0);
}

void arch_dsb_ish(void) {
    record(FAKE_DSB_ISH, 0, 0, 0);
}

void arch_isb(void) {
    record(FAKE_ISB, 0, 0, 0);
}

void arch_tlbi_vae1is(uint64_t operand) {
    record(FAKE_TLBI_VAE1IS, operand, 0, 0);
}

void arch_tlbi_vaae1is(uint64_t operand) {
    record(FAKE_TLBI_VAAE1IS, operand, 0, 0);
}

void arch_tlbi_aside1is(uint64_t operand) {
    record(FAKE_TLBI_ASIDE1IS, operand, 0, 0);
}

void arch_tlbi_vmalle1is(void) {
    record(FAKE_TLBI_VMALLE1IS, 0, 0, 0);
}

void arch_write_ttbr0(uint64_t value) {
    ttbr0 = value;
    record(FAKE_TTBR0, value, 0, 0);
}

uint64_t arch_read_ttbr0(void) {
    return ttbr0;
}

uint64_t arch_read_ttbr1(void) {
    return ttbr1;
}

// Step by step as core/arch.h promises it; test_trampoline.py finds the same steps in the assembled code.
void arch_switch_ttbr(const arch_switch_t *s) {
    record(FAKE_MASK, 0, 0, 0);
    record(FAKE_TTBR0, s->temporary_ttbr0, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_TLBI_VMALLE1, 0, 0, 0);
    record(FAKE_DSB_ISH, 0, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_JUMP_LOW, s->trampoline_pa, 0, 0);
    record(FAKE_TTBR1, s->empty_ttbr1, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_TLBI_VMALLE1, 0, 0, 0);
    record(FAKE_DSB_ISH, 0, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_TTBR1, s->new_ttbr1, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_JUMP_HIGH, 0, 0, 0);
    record(FAKE_TTBR0, s->new_ttbr0, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_TLBI_VMALLE1, 0, 0, 0);
    record(FAKE_DSB_ISH, 0, 0, 0);
    record(FAKE_ISB, 0, 0, 0);
    record(FAKE_UNMASK, 0, 0, 0);
    ttbr0 = s->new_ttbr0;
    ttbr1 = s->new_ttbr1;
}

// The "hardware" maps [at_base, ...) linearly; what lies below faults.
uint64_t arch_at_s1e1r(mem_va_t va) {
    return va < at_base ? 1 : (va + at_delta) & ~(uint64_t)0xfff;
}

uint64_t arch_at_s1e1w(mem_va_t va) {
    return arch_at_s1e1r(va);
}

// --- cache maintenance, which faults where the tables in use map nothing ---

static const uint64_t *table_at(mem_pa_t pa) {
    const fake_source_t *f = source_in_use;
    bool inside = f != NULL && pa >= f->base && pa - f->base < f->frames * MEM_PAGE_SIZE && mem_is_aligned(pa, 4096);
    return inside ? (const uint64_t *)((uintptr_t)f->memory + (pa - f->base)) : NULL;
}

static bool translate(mem_va_t va, mem_pa_t *pa) {
    const uint64_t *table = table_at((desc_va_is_upper(va) ? ttbr1 : ttbr0) & DESC_ADDR_MASK);
    for (unsigned level = 0; level < DESC_LEVELS && table != NULL; ++level) {
        uint64_t desc = table[desc_index(va, level)];
        if (desc_is_leaf(desc, level)) {
            *pa = desc_leaf_pa(desc, level) + (va & (desc_entry_size(level) - 1));
            return true;
        }
        table = desc_is_table(desc, level) ? table_at(desc_table_pa(desc)) : NULL;
    }
    return false;
}

void fake_set_source(const fake_source_t *f) {
    source_in_use = f;
}

size_t fake_unmapped(void) {
    size_t count = unmapped;
    unmapped = 0;
    return count;
}

size_t fake_synced(const mem_pa_t **first) {
    size_t count = n_synced;
    n_synced = 0;
    *first = synced;
    return count;
}

static void note_synced(mem_pa_t pa) {
    if (n_synced < FAKE_MAX_SYNCED) {
        synced[n_synced++] = pa;
    }
}

// One event for each run of frames.
static void maintain(fake_op_t op, mem_va_t va, uint64_t size) {
    fake_event_t run = {op, va, 0, 0};
    for (uint64_t done = 0; done < size; done += MEM_PAGE_SIZE) {
        mem_pa_t pa;
        if (!translate(va + done, &pa)) {
            ++unmapped;
            continue;
        }
        if (op == FAKE_SYNC_CODE) {
            note_synced(pa);
        }
        if (run.b != 0 && run.c + run.b == pa) {
            run.b += MEM_PAGE_SIZE;
            continue;
        }
        if (run.b != 0) {
            record(op, run.a, run.b, run.c);
        }
        run = (fake_event_t) {op, va + done, MEM_PAGE_SIZE, pa};
    }
    record(op, run.a, run.b, run.c);
}

void arch_clear_page(void *page) {
    memset(page, 0, MEM_PAGE_SIZE);
}

void arch_sync_code(mem_va_t va, uint64_t size) {
    maintain(FAKE_SYNC_CODE, va, size);
}

void arch_clean_inval_poc(mem_va_t va, uint64_t size) {
    maintain(FAKE_CLEAN, va, size);
}

// --- the source ---

static int source_alloc(void *ctx, mem_pa_t *pa) {
    fake_source_t *f = ctx;
    if (f->fail_after == 0) {
        return MEM_ENOMEM;
    }
    for (size_t i = 0; i < f->frames; ++i) {
        size_t at = (f->hint + i) % f->frames;
        if (!f->used[at]) {
            f->used[at] = 1;
            f->hint = at + 1;
            ++f->in_use;
            --f->fail_after;
            *pa = f->base + at * MEM_PAGE_SIZE;
            // Nothing may rely on cleared frames.
            memset((uint8_t *)f->memory + at * MEM_PAGE_SIZE, 0xa5, f->junk ? MEM_PAGE_SIZE : 0);
            record(FAKE_ALLOC, *pa, 0, 0);
            return MEM_OK;
        }
    }
    return MEM_ENOMEM;
}

static void source_free(void *ctx, mem_pa_t pa, size_t count) {
    fake_source_t *f = ctx;
    record(FAKE_FREE, pa, count, 0);
    for (size_t i = 0; i < count; ++i) {
        uint64_t at = (pa - f->base) / MEM_PAGE_SIZE + i;
        if (pa < f->base || at >= f->frames || !f->used[at]) {
            ++f->bad_frees;
            continue;
        }
        f->used[at] = 0;
        --f->in_use;
        // A read of a frame that was given back must be noticed.
        memset((uint8_t *)f->memory + at * MEM_PAGE_SIZE, 0x5a, f->junk ? MEM_PAGE_SIZE : 0);
    }
}

void fake_source_init(fake_source_t *f, mem_source_t *source, mem_pa_t base, void *memory, uint8_t *used,
    size_t frames) {
    *f = (fake_source_t) {.base = base, .memory = memory, .used = used, .frames = frames, .fail_after = SIZE_MAX,
                          .junk = true};
    memset(used, 0, frames);
    *source = (mem_source_t) {f, source_alloc, source_free, (uint64_t)(uintptr_t)memory - base};
}
