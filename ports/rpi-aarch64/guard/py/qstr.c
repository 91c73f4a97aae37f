// SPDX-License-Identifier: MIT
// Interned strings. The binary search for a name compares it with about ten others, which mostly differ in their first
// bytes; the C library's strncmp() is made for long strings.

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
#define strncmp compare_short

#include "py/qstr.c"
