// SPDX-License-Identifier: MIT
// What the fuzz targets share: reading operations from the input, and stopping at the first contradiction.

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// libFuzzer's entry point.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct _fuzz_input_t {
    const uint8_t *next, *end;
} fuzz_input_t;

static inline bool fuzz_more(const fuzz_input_t *in) {
    return in->next < in->end;
}

// The next byte; 0 when the input is used up.
static inline unsigned fuzz_byte(fuzz_input_t *in) {
    return in->next < in->end ? *in->next++ : 0;
}

static inline unsigned fuzz_word(fuzz_input_t *in) {
    unsigned high = fuzz_byte(in);
    return high << 8 | fuzz_byte(in);
}

// Ends the process with a report when `good` is false; libFuzzer keeps the input.
#define FUZZ_CHECK(good) \
    do { \
        if (!(good)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #good); \
            abort(); \
        } \
    } while (0)

#endif // TESTS_FUZZ_FUZZ_H
