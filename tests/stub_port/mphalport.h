// SPDX-License-Identifier: MIT
// The stub port's hardware layer: the declarations that MicroPython expects to find here.

#ifndef TESTS_STUB_PORT_MPHALPORT_H
#define TESTS_STUB_PORT_MPHALPORT_H

#include "py/mpconfig.h"

static inline void mp_hal_set_interrupt_char(int c) {
    (void)c;
}

#endif // TESTS_STUB_PORT_MPHALPORT_H
