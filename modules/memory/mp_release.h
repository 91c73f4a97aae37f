// SPDX-License-Identifier: MIT
// What differs between releases of MicroPython, 1.25 to 1.29. This tree was built with 1.25.0 and 1.26.1; the other
// guards come from reading the sources. No other C file asks for a release. Formats of numbers (INT_FMT, and HEX_FMT
// since 1.26) come from py/mpconfig.h in each of them.

#ifndef MODULES_MEMORY_MP_RELEASE_H
#define MODULES_MEMORY_MP_RELEASE_H

#include "py/mpconfig.h"
#include "py/objint.h"

#define MP_RELEASE_SINCE(minor) (MICROPY_VERSION >= MICROPY_MAKE_VERSION(1, minor, 0))

// mp_time_localtime_get() of the port fills a structure; before, it returns the tuple.
#define MP_RELEASE_LOCALTIME_FILLS (MP_RELEASE_SINCE(27))

// extmod/modos.c defines os.urandom() and calls mp_hal_get_random() of the port; before, the port defines it.
#define MP_RELEASE_HAS_URANDOM (MP_RELEASE_SINCE(28))

// The lowest `size` bytes of an int, the lowest byte first; higher ones are left out.
static inline void mp_release_int_to_bytes(mp_obj_t value, size_t size, uint8_t *bytes) {
    #if MP_RELEASE_SINCE(29)
    mp_obj_int_to_bytes(value, size, bytes, false, false, false);
    #else
    mp_obj_int_to_bytes_impl(value, false, size, bytes);
    #endif
}

#endif // MODULES_MEMORY_MP_RELEASE_H
