// SPDX-License-Identifier: MIT
// SPI by software: MicroPython's file, compiled in this folder. It reads buffers of Python, whose pages may have to be
// fetched, so it must not be linked as a driver: a driver must not raise faults.

#include "py/mpconfig.h"

#if MICROPY_PY_MACHINE_SOFTSPI
#include "drivers/bus/spi.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "hooks.h"

// Ctrl-C ends a transfer at once, with the clock at rest.
static void delay(const mp_soft_spi_obj_t *self, uint32_t us) {
    uint64_t deadline = timer_deadline_us(us);
    do {
        if (bind_is_interrupted()) {
            mp_hal_pin_write(self->sck, self->polarity);
            mp_handle_pending(true);
        }
    } while (!timer_expired(deadline));
}

#define mp_hal_delay_us_fast(us) delay(self, us)
#pragma GCC diagnostic ignored "-Wold-style-declaration"
#include "drivers/bus/softspi.c"
#endif
