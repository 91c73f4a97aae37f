// SPDX-License-Identifier: MIT
// Addresses in quarantine: they were mapped, are not any more, and something may still point to them. A trace finds
// out: from quarantine_begin() to quarantine_end() it shows every word that may be an address.
//
// The table has a fixed size, so that unmapping never fails. When it is full, ranges that are close to each other
// become one, with what lies between them: then a pointer to one holds the other too.

#ifndef MODULES_MEMORY_CORE_SPACE_QUARANTINE_H
#define MODULES_MEMORY_CORE_SPACE_QUARANTINE_H

#include "core/mem_types.h"

#define QUARANTINE_RANGES (128)

typedef struct _quarantine_range_t {
    mem_va_t start, end;
    bool seen;                 // something points to it, or it came after the last quarantine_begin()
} quarantine_range_t;

// All 0: empty.
typedef struct _quarantine_t {
    quarantine_range_t range[QUARANTINE_RANGES]; // by ascending addresses, apart
    size_t count;              // less than QUARANTINE_RANGES between calls
    uint64_t limit;            // bytes; ranges that are no longer together became one
} quarantine_t;

// [start, end) was unmapped, in the tables and in every TLB.
void quarantine_add(quarantine_t *q, mem_va_t start, mem_va_t end);

// A trace begins: no pointer was seen. Then a word of it, an address or not: a pointer to the end of a range, behind
// its last byte, holds the range too. Then its end: ranges that were not seen leave the table.
void quarantine_begin(quarantine_t *q);
void quarantine_see(quarantine_t *q, mem_va_t word);
void quarantine_end(quarantine_t *q);

// The words that quarantine_see() wants: all others are in no range. Empty for an empty table.
mem_range_t quarantine_hull(const quarantine_t *q);

// The end of the first range that has a part of [start, end); MEM_ADDR_NONE when none has.
mem_va_t quarantine_end_in(const quarantine_t *q, mem_va_t start, mem_va_t end);

// Whether the ranges are in order and apart.
bool quarantine_is_sound(const quarantine_t *q);

#endif // MODULES_MEMORY_CORE_SPACE_QUARANTINE_H
