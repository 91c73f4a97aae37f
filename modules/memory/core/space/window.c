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

int window_add(spaces_t *s, mem_va_t start, mem_va_t end, uint32_t flags, const char *name, window_t **window,
    space_error_t *why) {
    if (!mem_is_aligned(start | end, MEM_PAGE_SIZE)) {
        return space_fail(why, MEM_EINVAL, SPACE_MISALIGNED, start, MEM_ADDR_NONE, end, name);
    }
    if (start >= end || !desc_va_is_upper(start)) {
        return space_fail(why, MEM_ERANGE, SPACE_OUT_OF_HALF, start, MEM_ADDR_NONE, end, name);
    }
    if (s->n_windows == SPACES_MAX_WINDOWS) {
        return space_fail(why, MEM_ENOMEM, SPACE_TABLE_FULL, start, MEM_ADDR_NONE, SPACES_MAX_WINDOWS, name);
    }
    for (size_t i = 0; i < s->n_windows; ++i) {
        if (start < s->windows[i].end && s->windows[i].start < end) {
            return space_fail(why, MEM_EEXIST, SPACE_MAPPED, start, MEM_ADDR_NONE, end, s->windows[i].name);
        }
    }
    const region_t *r = s->kernel != NULL ? space_region_from(s->kernel, start) : NULL;
    if (r != NULL && r->start < end) {
        return space_fail(why, MEM_EEXIST, SPACE_MAPPED, r->start, r->pa, end, r->name);
    }
    *window = &s->windows[s->n_windows++];
    **window = (window_t) {.name = name, .start = start, .end = end, .cursor = start, .flags = flags};
    return MEM_OK;
}

// The lowest aligned address in [from, w->end) with `guard` free bytes, `size` free bytes and `guard` free bytes;
// MEM_ADDR_NONE when there is none.
static mem_va_t find_gap(const spaces_t *s, const window_t *w, mem_va_t from, uint64_t size, uint64_t align,
    uint64_t guard) {
    mem_va_t free_from = from;
    const region_t *r = s->kernel != NULL ? space_region_from(s->kernel, from) : NULL;
    for (;; r = r->next) {
        mem_va_t free_end = r != NULL && r->start < w->end ? r->start : w->end;
        mem_va_t va = mem_align_up(free_from + guard, align);
        if (va >= free_from && free_end >= free_from && va < free_end && size <= free_end - va
            && guard <= free_end - va - size) {
            return va;
        }
        if (r == NULL || r->start >= w->end) {
            return MEM_ADDR_NONE;
        }
        free_from = r->last + 1;
    }
}

int window_alloc(spaces_t *s, window_t *w, uint64_t size, uint64_t align, uint64_t guard, mem_va_t *va,
    space_error_t *why) {
    align = align < MEM_PAGE_SIZE ? MEM_PAGE_SIZE : align;
    if (size == 0 || !mem_is_aligned(size | guard, MEM_PAGE_SIZE) || (align & (align - 1)) != 0) {
        return space_fail(why, MEM_EINVAL, SPACE_BAD_SIZE, MEM_ADDR_NONE, MEM_ADDR_NONE, size, w->name);
    }
    bool once = w->flags & WINDOW_ONCE;
    mem_va_t window_size = w->end - w->start;
    mem_va_t at = MEM_ADDR_NONE;
    if (size <= window_size && guard <= window_size && align <= window_size) {
        at = find_gap(s, w, once ? w->cursor : w->start, size, align, guard);
    }
    if (at == MEM_ADDR_NONE) {
        return space_fail(why, MEM_ENOMEM, SPACE_NO_ADDRESS, MEM_ADDR_NONE, MEM_ADDR_NONE, size, w->name);
    }
    if (once) {
        w->cursor = at + size;
    }
    *va = at;
    return MEM_OK;
}

int window_reset(spaces_t *s, window_t *w) {
    const region_t *r = s->kernel != NULL ? space_region_from(s->kernel, w->start) : NULL;
    if (r != NULL && r->start < w->end) {
        return MEM_EBUSY;
    }
    w->cursor = w->start;
    return MEM_OK;
}
