// SPDX-License-Identifier: MIT
// Strings that grow: sizes of 4 GiB and more, which ROUND_ALLOC() cuts off, and those that wrap.

#include "guard/guard.h"
#include "py/mpprint.h"
#include "py/runtime.h"

// m_renew() is called where a vstr is to grow by `size`.
static inline char *guard_grow(vstr_t *vstr, size_t size, size_t alloc) {
    if (size >= GUARD_TOO_LARGE || alloc < vstr->len + size) {
        m_malloc_fail(size);
    }
    return m_renew(char, vstr->buf, vstr->alloc, alloc);
}

#define vstr_init_len(...) fetched_vstr_init_len(__VA_ARGS__)
#undef m_renew
#define m_renew(type, ptr, old_num, new_num) guard_grow(vstr, size, (new_num))

void fetched_vstr_init_len(vstr_t *vstr, size_t len);
#include "py/vstr.c"

#undef vstr_init_len

// One byte more is allocated than asked for.
void vstr_init_len(vstr_t *vstr, size_t len) {
    fetched_vstr_init_len(vstr, len < GUARD_TOO_LARGE ? len : GUARD_TOO_LARGE);
}
