// SPDX-License-Identifier: MIT
// A truncated .mpy file: the fetched code uses the end-of-file value as bytes, endlessly where each byte announces
// another one. Names and strings of code in a ROMFS are used in place, and must end with a 0 as all others.

#include "py/qstr.h"
#include "py/reader.h"
#include "py/runtime.h"

static void guard_assert(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("incompatible .mpy file"));
}

static inline int guard_byte(mp_reader_t *reader) {
    mp_uint_t byte = reader->readbyte(reader->data);
    if (byte == MP_READER_EOF) {
        guard_assert();
    }
    return byte;
}

static inline qstr guard_name(const char *name, size_t len) {
    if (name[len] != '\0') {
        guard_assert();
    }
    return qstr_from_strn_static(name, len);
}

#undef NDEBUG
#define __assert_no_args() guard_assert()
#define __assert_func(...) guard_assert()
#define qstr_from_strn_static(name, len) guard_name((name), (len))

// Replaces reader->readbyte(reader->data); every reader has data.
#define readbyte(source) data == NULL ? 0 : guard_byte(reader)

#include "py/persistentcode.c"
