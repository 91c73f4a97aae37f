// SPDX-License-Identifier: MIT
// Reserved regions, and what state each frame is in.

#include <string.h>

#include "frames_private.h"

const frames_region_t *frames_find_region(const frames_t *f, mem_pa_t pa) {
    for (size_t i = 0; i < f->n_regions; ++i) {
        if (f->regions[i].start <= pa && pa < f->regions[i].end) {
            return &f->regions[i];
        }
    }
    return NULL;
}

frames_state_t frames_state(const frames_t *f, mem_pa_t pa, const char **name) {
    const frames_region_t *region = NULL;
    frames_state_t state = FRAMES_STATE_UNMANAGED;
    size_t frame;
    uint64_t managed = 0;
    uint64_t free = 0;
    if (frame_of_pa(f, pa, &frame)) {
        managed = *word_of_frame(f->managed_map, frame) >> (frame % WORD_FRAMES) & 1;
        free = *word_of_frame(f->free_map, frame) >> (frame % WORD_FRAMES) & 1;
    }
    if (managed) {
        state = free ? FRAMES_STATE_FREE : FRAMES_STATE_USED;
    } else if ((region = frames_find_region(f, pa)) != NULL) {
        state = FRAMES_STATE_RESERVED;
    }
    if (name != NULL) {
        *name = region != NULL ? region->name : NULL;
    }
    return state;
}

// --- runs of one state ---

// Where the region that contains `pa`, or else the gap between regions, ends.
static mem_pa_t end_of_region(const frames_t *f, mem_pa_t pa) {
    for (size_t i = 0; i < f->n_regions; ++i) {
        if (pa < f->regions[i].start) {
            return f->regions[i].start;
        }
        if (pa < f->regions[i].end) {
            return f->regions[i].end;
        }
    }
    return FRAMES_MAX_PA;
}

bool frames_next_run(const frames_t *f, mem_pa_t from, frames_run_t *run) {
    const mem_range_t *bank = f->banks;
    const mem_range_t *end = f->banks + f->n_banks;
    from = mem_align_down(from, MEM_PAGE_SIZE);
    while (bank < end && bank->end <= from) {
        ++bank;
    }
    if (bank == end) {
        return false;
    }
    run->start = from > bank->start ? from : bank->start;
    run->end = end_of_region(f, run->start);
    run->end = run->end < bank->end ? run->end : bank->end;
    run->state = frames_state(f, run->start, &run->name);
    if (run->state != FRAMES_STATE_RESERVED) {
        size_t frame = 0;
        frame_of_pa(f, run->start, &frame);
        size_t count = (size_t)((run->end - run->start) >> MEM_PAGE_SHIFT);
        count = frames_same_state(f, frame, count, run->state == FRAMES_STATE_FREE);
        // An unmanaged frame within a bank is damage; go on all the same.
        count = count != 0 ? count : 1;
        run->end = run->start + ((mem_pa_t)count << MEM_PAGE_SHIFT);
    }
    return true;
}

// --- reserving ---

// Rounds to the whole frames touched and checks the arguments.
static int round_range(mem_pa_t pa, uint64_t size, const char *name, mem_range_t *range, frames_error_t *why) {
    if (size == 0 || name == NULL) {
        return frames_fail(why, (frames_error_t) {.kind = size == 0 ? FRAMES_WRONG_COUNT : FRAMES_NO_NAME, .pa = pa});
    }
    if (pa >= FRAMES_MAX_PA || size > FRAMES_MAX_PA - pa) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_TOO_HIGH, .pa = pa});
    }
    range->start = mem_align_down(pa, MEM_PAGE_SIZE);
    range->end = mem_align_up(pa + size, MEM_PAGE_SIZE);
    return MEM_OK;
}

// Refuses a range in which a frame is in use.
static int check_unused(const frames_t *f, mem_range_t range, frames_error_t *why) {
    frames_run_t run;
    while (frames_next_run(f, range.start, &run) && run.start < range.end) {
        if (run.state == FRAMES_STATE_USED) {
            return frames_fail(why, (frames_error_t) {.kind = FRAMES_IN_USE, .pa = run.start});
        }
        range.start = run.end;
    }
    return MEM_OK;
}

// The part of a bank that lies in a range, as frame numbers. False when there is none.
static bool frames_of_bank(const frames_t *f, mem_range_t bank, mem_range_t range, size_t *frame, size_t *count) {
    mem_pa_t start = bank.start > range.start ? bank.start : range.start;
    mem_pa_t end = bank.end < range.end ? bank.end : range.end;
    if (start >= end) {
        return false;
    }
    *count = (size_t)((end - start) >> MEM_PAGE_SHIFT);
    return frame_of_pa(f, start, frame);
}

// Takes free frames away from the allocator permanently.
static void unmanage(frames_t *f, size_t frame, size_t count) {
    frames_put_run(f, frame, count, false);
    frames_runs_changed(f, frame, count);
    frames_runs_settle(f);
    f->managed -= count;
    while (count > 0) {
        unsigned bit = frame % WORD_FRAMES;
        size_t n = smaller(count, WORD_FRAMES - bit);
        *word_of_frame(f->managed_map, frame) &= ~ones(bit, (unsigned)n);
        f->states[frame / FRAMES_PER_BLOCK] &= ~STATE_MANAGED;
        frame += n;
        count -= n;
    }
}

// Whether two regions touch and have the same name.
static bool joined(const frames_region_t *a, const frames_region_t *b) {
    return a->end == b->start && strcmp(a->name, b->name) == 0;
}

static void remove_region(frames_t *f, size_t at) {
    --f->n_regions;
    memmove(&f->regions[at], &f->regions[at + 1], (f->n_regions - at) * sizeof(frames_region_t));
}

// Enters a region at its place, or extends those that it joins. False when the table is full.
static bool insert_region(frames_t *f, frames_region_t region) {
    size_t at = 0;
    while (at < f->n_regions && f->regions[at].start < region.start) {
        ++at;
    }
    bool after = at > 0 && joined(&f->regions[at - 1], &region);
    bool before = at < f->n_regions && joined(&region, &f->regions[at]);
    if (after) {
        f->regions[at - 1].end = before ? f->regions[at].end : region.end;
        if (before) {
            remove_region(f, at);
        }
        return true;
    }
    if (before) {
        f->regions[at].start = region.start;
        return true;
    }
    if (f->n_regions == FRAMES_MAX_REGIONS) {
        return false;
    }
    memmove(&f->regions[at + 1], &f->regions[at], (f->n_regions - at) * sizeof(frames_region_t));
    f->regions[at] = region;
    ++f->n_regions;
    return true;
}

// Reserves whole frames of which none is in use or reserved.
static int reserve(frames_t *f, mem_range_t range, const char *name, frames_error_t *why) {
    if (!insert_region(f, (frames_region_t) { range.start, range.end, name })) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_TABLE_FULL, .pa = range.start});
    }
    for (size_t i = 0; i < f->n_banks; ++i) {
        size_t frame, count;
        if (frames_of_bank(f, f->banks[i], range, &frame, &count)) {
            unmanage(f, frame, count);
        }
    }
    return MEM_OK;
}

// Cuts the next part without a region off the front of `range`. False when nothing is left.
static bool next_gap(const frames_t *f, mem_range_t *range, mem_range_t *gap) {
    while (range->start < range->end) {
        mem_pa_t end = end_of_region(f, range->start);
        bool taken = frames_find_region(f, range->start) != NULL;
        gap->start = range->start;
        gap->end = range->start = end < range->end ? end : range->end;
        if (!taken) {
            return true;
        }
    }
    return false;
}

int frames_reserve(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why) {
    mem_range_t range;
    int result = round_range(pa, size, name, &range, why);
    if (result != MEM_OK) {
        return result;
    }
    for (size_t i = 0; i < f->n_regions; ++i) {
        const frames_region_t *region = &f->regions[i];
        if (region->start < range.end && range.start < region->end) {
            mem_pa_t first = region->start > range.start ? region->start : range.start;
            return frames_fail(why, (frames_error_t) {.kind = FRAMES_RESERVED, .pa = first, .name = region->name});
        }
    }
    result = check_unused(f, range, why);
    return result != MEM_OK ? result : reserve(f, range, name, why);
}

int frames_reserve_rest(frames_t *f, mem_pa_t pa, uint64_t size, const char *name, frames_error_t *why) {
    mem_range_t range, rest, gap;
    int result = round_range(pa, size, name, &range, why);
    if (result == MEM_OK) {
        result = check_unused(f, range, why);
    }
    if (result != MEM_OK) {
        return result;
    }
    size_t gaps = 0;
    for (rest = range; next_gap(f, &rest, &gap);) {
        ++gaps;
    }
    if (gaps > FRAMES_MAX_REGIONS - f->n_regions) {
        return frames_fail(why, (frames_error_t) {.kind = FRAMES_TABLE_FULL, .pa = range.start});
    }
    for (rest = range; next_gap(f, &rest, &gap);) {
        reserve(f, gap, name, why);
    }
    return MEM_OK;
}
