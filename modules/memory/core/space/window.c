// SPDX-License-Identifier: MIT
// Windows: the parts of the kernel half in which mappings come and go.

#include <string.h>

#include "space_internal.h"

window_t *window_of(spaces_t *s, mem_va_t va) {
    for (size_t i = 0; i < s->n_windows; ++i) {
        if (s->windows[i].start <= va && va < s->windows[i].end) {
            return &s->windows[i];
        }
    }
    return NULL;
}

window_t *window_named(spaces_t *s, const char *name) {
    for (size_t i = 0; i < s->n_windows; ++i) {
        if (strcmp(s->windows[i].name, name) == 0) {
            return &s->windows[i];
        }
    }
    return NULL;
}

int window_add(spaces_t *s, mem_range_t range, uint32_t flags, const char *name, space_error_t *why) {
    mem_va_t start = range.start;
    mem_va_t end = range.end;
    if (!mem_is_aligned(start | end, MEM_PAGE_SIZE)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_MISALIGNED, .va = start, .value = end, .name = name});
    }
    if (start >= end || !desc_va_is_upper(start)) {
        return space_fail(why, (space_error_t) {.kind = SPACE_OUT_OF_HALF, .va = start, .value = end, .name = name});
    }
    if (s->n_windows == SPACES_MAX_WINDOWS) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_TABLE_FULL, .va = start, .value = SPACES_MAX_WINDOWS, .name = name,
        });
    }
    if (flags & s->window_flags & WINDOW_QUARANTINE) {
        return space_fail(why, (space_error_t) {.kind = SPACE_TABLE_FULL, .va = start, .value = 1, .name = name});
    }
    for (size_t i = 0; i < s->n_windows; ++i) {
        if (start < s->windows[i].end && s->windows[i].start < end) {
            return space_fail(why, (space_error_t) {
                .kind = SPACE_TAKEN, .va = start, .value = end, .name = s->windows[i].name,
            });
        }
    }
    const region_t *r = s->kernel != NULL ? region_from(s->kernel, start) : NULL;
    if (r != NULL && r->start < end) {
        return space_fail(why, (space_error_t) {
            .kind = SPACE_MAPPED, .va = r->start, .pa = r->pa, .value = end, .name = r->name,
        });
    }
    s->window_flags |= flags;
    s->windows[s->n_windows++] = (window_t) {.name = name, .start = start, .end = end, .cursor = start, .flags = flags};
    return MEM_OK;
}

// The end of the first thing in [start, end) that keeps it from being free; MEM_ADDR_NONE when nothing does.
static mem_va_t taken_until(const spaces_t *s, const window_t *w, mem_va_t start, mem_va_t end) {
    const region_t *r = s->kernel != NULL ? region_from(s->kernel, start) : NULL;
    if (r != NULL && r->start < end) {
        return r->last + 1;
    }
    return w->flags & WINDOW_QUARANTINE ? quarantine_end_in(&s->quarantine, start, end) : MEM_ADDR_NONE;
}

// The lowest aligned address in [from, w->end) with `guard` free bytes, `size` free bytes and `guard` free bytes;
// MEM_ADDR_NONE when there is none.
static mem_va_t find_gap(const spaces_t *s, const window_t *w, mem_va_t from, const window_request_t *q) {
    for (;;) {
        mem_va_t va = mem_align_up(from + q->guard, q->align);
        if (va < w->start || va < from || va >= w->end || q->size > w->end - va || q->guard > w->end - va - q->size) {
            return MEM_ADDR_NONE;
        }
        mem_va_t until = taken_until(s, w, va - q->guard, va + q->size + q->guard);
        if (until == MEM_ADDR_NONE) {
            return va;
        }
        from = until;
    }
}

int window_alloc(spaces_t *s, window_t *w, const window_request_t *request, mem_va_t *va, space_error_t *why) {
    window_request_t q = *request;
    q.align = q.align < MEM_PAGE_SIZE ? MEM_PAGE_SIZE : q.align;
    if (q.size == 0 || !mem_is_aligned(q.size | q.guard, MEM_PAGE_SIZE) || (q.align & (q.align - 1)) != 0) {
        return space_fail(why, (space_error_t) {.kind = SPACE_BAD_SIZE, .value = q.size, .name = w->name});
    }
    mem_va_t window_size = w->end - w->start;
    mem_va_t at = MEM_ADDR_NONE;
    if (q.size <= window_size && q.guard <= window_size && q.align <= window_size) {
        at = find_gap(s, w, w->cursor, &q);
        at = at == MEM_ADDR_NONE && w->cursor != w->start ? find_gap(s, w, w->start, &q) : at;
    }
    if (at == MEM_ADDR_NONE) {
        return space_fail(why, (space_error_t) {.kind = SPACE_NO_ADDRESS, .value = q.size, .name = w->name});
    }
    if (w->flags & WINDOW_QUARANTINE) {
        w->cursor = at + q.size;
    }
    *va = at;
    return MEM_OK;
}

void window_unmapped(spaces_t *s, mem_va_t va, uint64_t size) {
    const window_t *w = window_of(s, va);
    if (w != NULL && w->flags & WINDOW_QUARANTINE) {
        quarantine_add(&s->quarantine, va, va + size);
    }
}

int window_reset(spaces_t *s, window_t *w) {
    const region_t *r = s->kernel != NULL ? region_from(s->kernel, w->start) : NULL;
    if (r != NULL && r->start < w->end) {
        return MEM_EBUSY;
    }
    w->cursor = w->start;
    if (w->flags & WINDOW_QUARANTINE) {
        s->quarantine.count = 0;
    }
    return MEM_OK;
}
