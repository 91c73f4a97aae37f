// SPDX-License-Identifier: MIT
// The lexer: a name is compared with all keywords, of which few begin with the same letter.

#include <string.h>

#include "py/mpconfig.h"
#include "py/misc.h"

static inline int guard_compare(const char *name, const char *keyword) {
    int first = (byte)name[0] - (byte)keyword[0];
    return first != 0 ? first : (strcmp)(name, keyword);
}

#define strcmp guard_compare
#include "py/lexer.c"
