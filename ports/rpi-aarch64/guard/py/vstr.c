// SPDX-License-Identifier: MIT
// Strings that grow: sizes of 4 GiB and more, which ROUND_ALLOC() cuts off, and those that wrap. A long string grows by
// a part of itself: by a few bytes at a time it would be measured as often as it is long.

#include "guard/plain.h"
#include "py/cstack.h"
#include "py/mpprint.h"
#include "py/runtime.h"

enum { GUARD_LONG_STRING = 4096 };

// Hidden where a vstr may become larger than asked for, by the variable that says how large it becomes.
static size_t new_alloc;

// m_renew() is called where a vstr is to grow by `size`.
static inline char *guard_grow(vstr_t *vstr, size_t size, size_t alloc, size_t *becomes) {
    if (size >= GUARD_TOO_LARGE || alloc < vstr->len + size) {
        m_malloc_fail(size);
    }
    if (alloc > GUARD_LONG_STRING && becomes != &new_alloc) {
        mp_cstack_check();
        alloc += alloc / 8;
        *becomes = alloc;
    }
    return m_realloc(vstr->buf, alloc);
}

#define vstr_init_len(...) fetched_vstr_init_len(__VA_ARGS__)
#undef m_renew
#define m_renew(type, ptr, old_num, new_num) guard_grow(vstr, size, (new_num), &new_alloc)

void fetched_vstr_init_len(vstr_t *vstr, size_t len);
#include "py/vstr.c"

#undef vstr_init_len

// One byte more is allocated than asked for.
void vstr_init_len(vstr_t *vstr, size_t len) {
    fetched_vstr_init_len(vstr, len < GUARD_TOO_LARGE ? len : GUARD_TOO_LARGE);
}
