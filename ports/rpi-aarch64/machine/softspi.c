// SPDX-License-Identifier: MIT
// SPI by software: MicroPython's, as a file of this folder. It reads the buffers of Python, whose pages may have to be
// fetched, so it must not be linked with the drivers, in which no fault may be raised.

#include "py/mpconfig.h"

#if MICROPY_PY_MACHINE_SOFTSPI
#pragma GCC diagnostic ignored "-Wold-style-declaration"
#include "drivers/bus/softspi.c"
#endif
