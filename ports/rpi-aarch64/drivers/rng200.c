// SPDX-License-Identifier: MIT
// See rng200.h.

#include "mmio.h"
#include "rng200.h"
#include "timer.h"

#define CTRL                (0x00)
#define RNG_SOFT_RESET      (0x04)
#define RBG_SOFT_RESET      (0x08)
#define TOTAL_BIT_COUNT     (0x0c)
#define BIT_COUNT_THRESHOLD (0x10)
#define INT_STATUS          (0x18)
#define FIFO_DATA           (0x20)
#define FIFO_COUNT          (0x24)

#define CTRL_RBG_ENABLE     (0x1fff)
#define CTRL_DIVIDER        (3u << 13)
#define WARM_UP_BITS        (0x40000)   // discarded after the start
#define FIRST_BITS          (16)        // no word is available before this many were counted
#define STATUS_NIST_FAIL    (1u << 5)
#define STATUS_LOCKOUT      (1u << 31)
#define STATUS_ALL          (0xffffffff)
#define FIFO_WORDS          (0xff)

void rng200_start(uintptr_t base) {
    mmio_write(base + BIT_COUNT_THRESHOLD, WARM_UP_BITS);
    mmio_write(base + CTRL, CTRL_DIVIDER | CTRL_RBG_ENABLE);
}

// The generator of bits (RBG) is inside the reset of the block: it is reset first and released last.
static void restart(uintptr_t base) {
    mmio_clear_bits(base + CTRL, CTRL_RBG_ENABLE);
    mmio_write(base + INT_STATUS, STATUS_ALL);
    mmio_write(base + RBG_SOFT_RESET, 1);
    mmio_write(base + RNG_SOFT_RESET, 1);
    mmio_write(base + RNG_SOFT_RESET, 0);
    mmio_write(base + RBG_SOFT_RESET, 0);
    rng200_start(base); // a reset may forget how many bits are discarded
}

static bool has_word(uintptr_t base) {
    return mmio_read(base + TOTAL_BIT_COUNT) > FIRST_BITS && (mmio_read(base + FIFO_COUNT) & FIFO_WORDS) != 0;
}

rng_result_t rng200_take(uintptr_t base, bool *restarted, uint32_t *word) {
    uint64_t deadline = timer_deadline_us(RNG_WAIT_US);
    for (;;) {
        if (mmio_read(base + INT_STATUS) & (STATUS_LOCKOUT | STATUS_NIST_FAIL)) {
            if (*restarted) {
                return RNG_UNHEALTHY;
            }
            *restarted = true;
            restart(base);
        } else if (has_word(base)) {
            *word = mmio_read(base + FIFO_DATA);
            return RNG_OK;
        }
        if (timer_expired(deadline)) {
            return RNG_TIMEOUT;
        }
    }
}
