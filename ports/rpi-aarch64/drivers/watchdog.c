// SPDX-License-Identifier: MIT
// Power management block; see watchdog.h.

#include "mmio.h"
#include "watchdog.h"

#define RSTC                (0x1c)
#define RSTS                (0x20)
#define WDOG                (0x24)

#define PASSWORD            (0x5a000000) // writes without it are ignored
#define RSTC_CONFIG_MASK    (0x30)
#define RSTC_FULL_RESET     (0x20)
#define TICKS_PER_S         (65536)
#define WDOG_TICKS          (10)
// Partition 63, spread over the even bits: the firmware takes it as "halt".
#define RSTS_HALT           (0x555)

// The count first: it runs as soon as the reset is configured.
static void start(uintptr_t base, uint32_t ticks) {
    mmio_write(base + WDOG, PASSWORD | ticks);
    uint32_t control = mmio_read(base + RSTC) & ~(uint32_t)RSTC_CONFIG_MASK;
    mmio_write(base + RSTC, PASSWORD | control | RSTC_FULL_RESET);
}

void watchdog_reset(uintptr_t base) {
    start(base, WDOG_TICKS);
}

void watchdog_start(uintptr_t base, uint32_t ms) {
    start(base, (ms * TICKS_PER_S + 999) / 1000);
}

void watchdog_halt(uintptr_t base) {
    // The other bits belong to the firmware and stay unchanged.
    mmio_write(base + RSTS, PASSWORD | mmio_read(base + RSTS) | RSTS_HALT);
    watchdog_reset(base);
}

uint32_t watchdog_status(uintptr_t base) {
    return mmio_read(base + RSTS);
}
