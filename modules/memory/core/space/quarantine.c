// SPDX-License-Identifier: MIT
// See quarantine.h.

#include <string.h>

#include "quarantine.h"

// A full table is joined until no more ranges are left.
#define RANGES_LEFT (QUARANTINE_RANGES - QUARANTINE_RANGES / 4)

// Number of the first range that ends at or after va. Mostly va is above all of them.
static size_t first_from(const quarantine_t *q, mem_va_t va) {
    size_t high = q->count;
    size_t low = high != 0 && q->range[high - 1].end < va ? high : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (q->range[middle].end < va) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Joins neighbours that are no longer than the limit together.
static void join(quarantine_t *q) {
    quarantine_range_t *to = q->range;
    for (size_t i = 1; i < q->count; ++i) {
        const quarantine_range_t *r = &q->range[i];
        if (r->end - to->start <= q->limit) {
            to->end = r->end;
            to->seen |= r->seen;
        } else {
            *++to = *r;
        }
    }
    q->count = (size_t)(to - q->range) + 1;
}

void quarantine_add(quarantine_t *q, mem_va_t start, mem_va_t end) {
    size_t at = first_from(q, start);
    size_t after = at;
    // What was joined may have this range in it, or a part.
    for (; after < q->count && q->range[after].start <= end; ++after) {
        start = q->range[after].start < start ? q->range[after].start : start;
        end = q->range[after].end > end ? q->range[after].end : end;
    }
    memmove(&q->range[at + 1], &q->range[after], (q->count - after) * sizeof(q->range[0]));
    q->range[at] = (quarantine_range_t) {start, end, true};
    q->count = q->count + 1 - (after - at);
    if (q->count == QUARANTINE_RANGES) {
        for (join(q); q->count > RANGES_LEFT; join(q)) {
            q->limit = 2 * q->limit + MEM_PAGE_SIZE;
        }
    }
}

void quarantine_begin(quarantine_t *q) {
    for (size_t i = 0; i < q->count; ++i) {
        q->range[i].seen = false;
    }
}

void quarantine_see(quarantine_t *q, mem_va_t word) {
    size_t i = first_from(q, word);
    if (i < q->count && q->range[i].start <= word) {
        q->range[i].seen = true;
    }
}

void quarantine_end(quarantine_t *q) {
    size_t kept = 0;
    for (size_t i = 0; i < q->count; ++i) {
        if (q->range[i].seen) {
            q->range[kept++] = q->range[i];
        }
    }
    q->count = kept;
    q->limit = 0;
}

mem_range_t quarantine_hull(const quarantine_t *q) {
    return q->count != 0 ? (mem_range_t) {q->range[0].start, q->range[q->count - 1].end + 1} : (mem_range_t) {0, 0};
}

mem_va_t quarantine_end_in(const quarantine_t *q, mem_va_t start, mem_va_t end) {
    size_t i = first_from(q, start + 1);
    return i < q->count && q->range[i].start < end ? q->range[i].end : MEM_ADDR_NONE;
}

bool quarantine_is_sound(const quarantine_t *q) {
    bool sound = q->count < QUARANTINE_RANGES;
    for (size_t i = 0; sound && i < q->count; ++i) {
        sound = q->range[i].start < q->range[i].end && (i == 0 || q->range[i - 1].end < q->range[i].start);
    }
    return sound;
}
