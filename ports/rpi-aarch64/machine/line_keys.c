// SPDX-License-Identifier: MIT
// Keys from bytes; see line_keys.h.

#include <stddef.h>
#include <string.h>

#include "line_keys.h"

enum { STATE_IDLE, STATE_CHARACTER, STATE_ESCAPE, STATE_CSI, STATE_SS3 };

#define ESCAPE (27)
#define DELETE (127)
#define MODIFIER_ALT (3) // 1 + a bit each for Shift, Alt, Ctrl: from here on one of the last two is down

static const uint8_t control_keys[32] = {
    [1] = KEY_HOME, [2] = KEY_LEFT, [4] = KEY_DELETE, [5] = KEY_END, [6] = KEY_RIGHT, [8] = KEY_BACKSPACE,
    [9] = KEY_TAB, [11] = KEY_CUT_TO_END, [13] = KEY_ENTER, [14] = KEY_DOWN, [16] = KEY_UP,
    [21] = KEY_CUT_TO_START, [23] = KEY_CUT_WORD_LEFT,
};

void line_keys_init(line_keys_t *keys) {
    *keys = (line_keys_t) {.state = STATE_IDLE};
}

bool line_keys_is_idle(const line_keys_t *keys) {
    return keys->state == STATE_IDLE;
}

static line_key_t finish(line_keys_t *keys, line_key_t key) {
    keys->state = STATE_IDLE;
    return key;
}

// --- characters (Unicode 3.9, table 3-7) ---

static unsigned size_of_character(uint8_t first) {
    if (first < 0xc2 || first > 0xf4) {
        return 0; // a continuation, or never in UTF-8
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

// Whether the second byte may follow the first: no overlong form, no surrogate, nothing above U+10FFFF.
static bool is_second(uint8_t first, uint8_t byte) {
    switch (first) {
        case 0xe0:
            return byte >= 0xa0;
        case 0xed:
            return byte < 0xa0;
        case 0xf0:
            return byte >= 0x90;
        case 0xf4:
            return byte < 0x90;
        default:
            return true;
    }
}

static line_key_t put_first(line_keys_t *keys, uint8_t byte) {
    keys->bytes[0] = (char)byte;
    keys->have = 1;
    if (byte < 0x80) {
        keys->size = 1;
        return KEY_CHARACTER;
    }
    keys->size = (uint8_t)size_of_character(byte);
    keys->state = keys->size != 0 ? STATE_CHARACTER : STATE_IDLE;
    return KEY_NONE;
}

static line_key_t put_continuation(line_keys_t *keys, uint8_t byte) {
    if (keys->have == 1 && !is_second((uint8_t)keys->bytes[0], byte)) {
        return finish(keys, KEY_NONE);
    }
    keys->bytes[keys->have++] = (char)byte;
    return keys->have == keys->size ? finish(keys, KEY_CHARACTER) : KEY_NONE;
}

// --- escape sequences ---

static line_key_t letter_key(uint8_t final, bool word) {
    switch (final) {
        case 'A':
            return KEY_UP;
        case 'B':
            return KEY_DOWN;
        case 'C':
            return word ? KEY_WORD_RIGHT : KEY_RIGHT;
        case 'D':
            return word ? KEY_WORD_LEFT : KEY_LEFT;
        case 'H':
            return KEY_HOME;
        case 'F':
            return KEY_END;
        default:
            return KEY_NONE;
    }
}

// ESC [ number ~
static line_key_t number_key(unsigned number, bool word) {
    switch (number) {
        case 1:
        case 7:
            return KEY_HOME;
        case 3:
            return word ? KEY_CUT_WORD_RIGHT : KEY_DELETE;
        case 4:
        case 8:
            return KEY_END;
        default:
            return KEY_NONE;
    }
}

// After ESC: Alt and a key, or the beginning of a sequence.
static line_key_t put_escape(line_keys_t *keys, uint8_t byte) {
    switch (byte) {
        case '[':
        case 'O':
            keys->state = byte == '[' ? STATE_CSI : STATE_SS3;
            keys->parameter = 0;
            memset(keys->parameters, 0, sizeof(keys->parameters));
            return KEY_NONE;
        case 'b':
            return finish(keys, KEY_WORD_LEFT);
        case 'f':
            return finish(keys, KEY_WORD_RIGHT);
        case 'd':
            return finish(keys, KEY_CUT_WORD_RIGHT);
        case 8:
        case DELETE:
            return finish(keys, KEY_CUT_WORD_LEFT);
        default:
            return finish(keys, KEY_NONE);
    }
}

// ESC [ 1 ; modifier C is a cursor key with Ctrl or Alt; some terminals send ESC [ 5 C.
static line_key_t put_csi(line_keys_t *keys, uint8_t byte) {
    if (byte >= 0x40) {
        bool only = keys->parameter == 0;
        bool word = keys->parameters[1] >= MODIFIER_ALT || (only && keys->parameters[0] == 5);
        return finish(keys, byte == '~' ? number_key(keys->parameters[0], word) : letter_key(byte, word));
    }
    if (byte == ';') {
        keys->parameter += keys->parameter < LINE_KEYS_PARAMETERS;
    } else if (byte >= '0' && byte <= '9' && keys->parameter < LINE_KEYS_PARAMETERS) {
        uint8_t *number = &keys->parameters[keys->parameter];
        *number = *number < 25 ? (uint8_t)(*number * 10 + (byte - '0')) : 255;
    }
    return KEY_NONE;
}

// ESC O letter: cursor keys in application mode; small letters with Ctrl (rxvt).
static line_key_t put_ss3(line_keys_t *keys, uint8_t byte) {
    bool word = byte >= 'a';
    return finish(keys, letter_key(word ? (uint8_t)(byte - 'a' + 'A') : byte, word));
}

// A control character ends what was not complete.
line_key_t line_keys_put(line_keys_t *keys, uint8_t byte) {
    bool is_continuation = byte >= 0x80 && byte < 0xc0;
    if (keys->state == STATE_CHARACTER && is_continuation) {
        return put_continuation(keys, byte);
    }
    if (byte == ESCAPE) {
        keys->state = STATE_ESCAPE;
        return KEY_NONE;
    }
    if (keys->state == STATE_ESCAPE) {
        return put_escape(keys, byte);
    }
    if (byte < sizeof(control_keys)) {
        return finish(keys, (line_key_t)control_keys[byte]);
    }
    if (keys->state == STATE_CSI && byte < DELETE) {
        return put_csi(keys, byte);
    }
    if (keys->state == STATE_SS3 && byte < DELETE) {
        return put_ss3(keys, byte);
    }
    if (byte == DELETE) {
        return finish(keys, KEY_BACKSPACE);
    }
    keys->state = STATE_IDLE;
    return put_first(keys, byte);
}

// --- columns ---

typedef struct _range_t {
    uint32_t first, last;
} range_t;

// Combining marks, joiners and variation selectors; East Asian wide characters and emoji. Blocks, not single
// characters: a cursor in a rare one may be off by a column.
static const range_t none[] = {
    {0x300, 0x36f}, {0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};
static const range_t wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
    {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
    {0x20000, 0x3fffd},
};

static bool is_in(const range_t *ranges, size_t count, uint32_t character) {
    for (size_t i = 0; i < count; ++i) {
        if (character >= ranges[i].first && character <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

unsigned line_keys_columns(uint32_t character) {
    if (is_in(none, sizeof(none) / sizeof(none[0]), character)) {
        return 0;
    }
    return is_in(wide, sizeof(wide) / sizeof(wide[0]), character) ? 2 : 1;
}
