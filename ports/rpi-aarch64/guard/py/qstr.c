// SPDX-License-Identifier: MIT
// Interned strings. MicroPython's search compares a name with all two hundred of the pool without order, one by one:
// the search here, which comes first, has an index of them. The collector does not scan their characters.

#include <stddef.h>

static inline int compare_short(const char *a, const char *b, size_t n) {
    for (; n != 0; a++, b++, n--) {
        unsigned char x = *a, y = *b;
        if (x != y) {
            return x - y;
        }
        if (x == 0) {
            break;
        }
    }
    return 0;
}

#include <string.h>
#undef strncmp
#define strncmp compare_short // the names differ in their first bytes; the C library's is made for long strings

#include "guard/plain.h"
#undef m_new_maybe
#define m_new_maybe(type, num) ((type *)gc_alloc(guard_size(0, (num), sizeof(type)), GC_ALLOC_FLAG_PLAIN)) // characters

// MicroPython's functions, for what is in no pool.
#include "py/qstr.h"
#define qstr_find_strn find_by_reading
#define qstr_from_strn from_strn_by_reading
qstr qstr_find_strn(const char *str, size_t len);
qstr qstr_from_strn(const char *str, size_t len);
#include "py/qstr.c"
#undef qstr_find_strn
#undef qstr_from_strn

// The strings of the pool without order whose hashes have the same lower bits, as chains of index + 1.
#define CHAINS (256)
_Static_assert(MP_QSTRnumber_of_static < 256, "an index + 1 does not fit a byte");
_Static_assert(sizeof(qstr_hash_t) > 1, "the chains are by eight bits of it");
static uint8_t chain[CHAINS];
static uint8_t chain_next[MP_QSTRnumber_of_static];

static void make_chains(void) {
    for (size_t i = MP_QSTRnumber_of_static; i-- > 0;) {
        uint8_t *first = &chain[mp_qstr_const_hashes_static[i] % CHAINS];
        chain_next[i] = *first;
        *first = i + 1;
    }
}

static bool is_at(const qstr_pool_t *pool, size_t at, const char *str, size_t len, qstr_hash_t hash) {
    return pool->hashes[at] == hash && pool->lengths[at] == len && memcmp(pool->qstrs[at], str, len) == 0;
}

// The number of the first string in the pool, which is in order, that is not less than the searched one.
static size_t lower_bound(const qstr_pool_t *pool, const char *str, size_t len) {
    size_t low = 0;
    for (size_t count = pool->len; count > 1;) {
        size_t half = count / 2;
        low = compare_short(str, pool->qstrs[low + half - 1], len) > 0 ? low + half : low;
        count -= half;
    }
    return low;
}

// True, and its number, when the pool has the string. A string that is the beginning of others comes before them.
static bool find_in(const qstr_pool_t *pool, const char *str, size_t len, qstr_hash_t hash, size_t *at) {
    if (pool == &mp_qstr_const_pool_static) {
        for (size_t i = chain[hash % CHAINS]; i != 0; i = chain_next[i - 1]) {
            if (is_at(pool, *at = i - 1, str, len, hash)) {
                return true;
            }
        }
        return false;
    }
    *at = pool->is_sorted ? lower_bound(pool, str, len) : 0;
    size_t end = pool->is_sorted && *at + 2 < pool->len ? *at + 2 : pool->len;
    for (; *at < end; ++*at) {
        if (is_at(pool, *at, str, len, hash)) {
            return true;
        }
    }
    return false;
}

qstr qstr_find_strn(const char *str, size_t len) {
    if (len == 0) {
        return MP_QSTR_;
    }
    if (len >= (size_t)1 << (8 * MICROPY_QSTR_BYTES_IN_LEN)) {
        return MP_QSTRnull; // none has this length
    }
    if (chain[mp_qstr_const_hashes_static[0] % CHAINS] == 0) {
        make_chains();
    }
    qstr_hash_t hash = qstr_compute_hash((const byte *)str, len);
    for (const qstr_pool_t *pool = MP_STATE_VM(last_pool); pool != NULL; pool = pool->prev) {
        size_t at;
        if (find_in(pool, str, len, hash, &at)) {
            return pool->total_prev_len + at;
        }
    }
    return MP_QSTRnull;
}

qstr qstr_from_strn(const char *str, size_t len) {
    qstr found = qstr_find_strn(str, len);
    return found != MP_QSTRnull ? found : from_strn_by_reading(str, len);
}
