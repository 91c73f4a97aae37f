// SPDX-License-Identifier: MIT
// The traceback of a deep recursion: of its entries the first and the last calls are kept, and how many are left out
// between them. At 115200 baud, 15,000 lines would take a minute and a half.
//
// Entries are three words (file, line, block), from the innermost call out. Where some are left out, one entry without
// a file has their number in place of the line; a ring of the outermost ones follows it.

#ifndef PORTS_RPI_AARCH64_GUARD_TRACEBACK_H
#define PORTS_RPI_AARCH64_GUARD_TRACEBACK_H

#include "py/qstr.h"

#define TRACEBACK_WORDS (3)
#define TRACEBACK_INNER (24) // entries
#define TRACEBACK_OUTER (24)
#define TRACEBACK_MOST (TRACEBACK_INNER + 1 + TRACEBACK_OUTER)

// Entry `i` of a traceback.
static inline size_t *traceback_entry(size_t *words, size_t i) {
    return words + i * TRACEBACK_WORDS;
}

// How many entries of a full traceback are left out.
static inline size_t traceback_left_out(size_t *words) {
    const size_t *entry = traceback_entry(words, TRACEBACK_INNER);
    return entry[0] == MP_QSTRnull ? entry[1] : 0;
}

// Which entry is the oldest of the ring, if `left_out` (not 0) are: the number took the place of the first of them.
static inline size_t traceback_oldest(size_t left_out) {
    return TRACEBACK_INNER + 1 + (left_out - 1) % TRACEBACK_OUTER;
}

#endif // PORTS_RPI_AARCH64_GUARD_TRACEBACK_H
