// SPDX-License-Identifier: MIT
// Keys from the bytes that a terminal sends: UTF-8 characters, control characters, escape sequences (ECMA-48) of
// the usual terminals. Plain C, which the host tests call too.

#ifndef PORTS_RPI_AARCH64_MACHINE_LINE_KEYS_H
#define PORTS_RPI_AARCH64_MACHINE_LINE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum _line_key_t {
    KEY_NONE,           // not complete yet, or without a meaning here
    KEY_CHARACTER,      // its bytes are in `bytes`
    KEY_ENTER,
    KEY_TAB,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_UP,
    KEY_DOWN,
    KEY_HOME,
    KEY_END,
    KEY_WORD_LEFT,
    KEY_WORD_RIGHT,
    KEY_BACKSPACE,
    KEY_DELETE,
    KEY_CUT_WORD_LEFT,
    KEY_CUT_WORD_RIGHT,
    KEY_CUT_TO_START,
    KEY_CUT_TO_END,
} line_key_t;

#define LINE_KEYS_PARAMETERS (2) // of an escape sequence that are looked at

typedef struct _line_keys_t {
    uint8_t state;      // line_keys.c
    uint8_t parameter;  // index of the number that is being read
    uint8_t parameters[LINE_KEYS_PARAMETERS];
    uint8_t have;       // bytes of the character so far
    uint8_t size;       // bytes that it will have
    char bytes[4];
} line_keys_t;

void line_keys_init(line_keys_t *keys);

// Whether the next byte begins a key.
bool line_keys_is_idle(const line_keys_t *keys);

// Takes a byte; returns the key that it completes. Bytes that are not UTF-8 are dropped.
line_key_t line_keys_put(line_keys_t *keys, uint8_t byte);

// The columns that a character takes on the screen: 0 (it combines with the one before), 1 or 2.
unsigned line_keys_columns(uint32_t character);

#endif // PORTS_RPI_AARCH64_MACHINE_LINE_KEYS_H
