// SPDX-License-Identifier: MIT
// SPI by software: MicroPython's file, compiled in this folder. It reads buffers of Python, whose pages may have to be
// fetched, so it must not be linked as a driver: a driver must not raise faults.

#include "py/mpconfig.h"

#if MICROPY_PY_MACHINE_SOFTSPI
#pragma GCC diagnostic ignored "-Wold-style-declaration"
#include "drivers/bus/softspi.c"
#endif
