// SPDX-License-Identifier: MIT
// See bcm2835_rng.h.

#include "bcm2835_rng.h"
#include "mmio.h"
#include "timer.h"

#define CTRL            (0x00)
#define STATUS          (0x04)
#define DATA            (0x08)

#define CTRL_ENABLE     (1u << 0)
#define STATUS_WARM_UP  (0x40000)   // written: the number of words to discard first
#define STATUS_COUNT    (0xff000000) // words that can be read

void bcm2835_rng_start(uintptr_t base) {
    mmio_write(base + STATUS, STATUS_WARM_UP);
    mmio_write(base + CTRL, CTRL_ENABLE);
}

rng_result_t bcm2835_rng_take(uintptr_t base, uint32_t *word) {
    uint64_t deadline = timer_deadline_us(RNG_WAIT_US);
    while ((mmio_read(base + STATUS) & STATUS_COUNT) == 0) {
        if (timer_expired(deadline)) {
            return RNG_TIMEOUT;
        }
    }
    *word = mmio_read(base + DATA);
    return RNG_OK;
}
