// SPDX-License-Identifier: MIT
// An independent reading of a flattened device tree (Devicetree Specification, chapter 5): neither libfdt nor a line
// of boot_fdt.c. Strict: a blob that is not whole and well formed has no reading, so nothing is asked about it.

#ifndef TESTS_FUZZ_FDT_READING_H
#define TESTS_FUZZ_FDT_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READING_MAX (64)

typedef struct _reading_range_t {
    uint64_t start, last;       // inclusive: a range may end with the last address there is
} reading_range_t;

typedef struct _reading_t {
    reading_range_t ram[READING_MAX], reserved[READING_MAX];
    size_t n_ram, n_reserved;
} reading_t;

// What the blob says of memory. False: it is not well formed, or has more ranges than there is room for.
bool fdt_reading(const uint8_t *blob, size_t size, reading_t *out);

#endif // TESTS_FUZZ_FDT_READING_H
