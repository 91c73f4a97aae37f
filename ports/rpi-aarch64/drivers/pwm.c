// SPDX-License-Identifier: MIT
// See pwm.h.

#include "mmio.h"
#include "pwm.h"
#include "timer.h"

#define CTL             (0x00) // 8 bits per channel
#define STA             (0x04)
#define RANGE           (0x10) // 16 bytes per channel
#define DATA            (0x14)

#define CTL_ENABLE      (1u << 0)
#define CTL_INVERT      (1u << 4)
#define CTL_MARK_SPACE  (1u << 7) // one pulse per period; otherwise it is spread over the period
#define CTL_CHANNEL     (0xffu)
#define STA_BUS_ERROR   (1u << 8)

// What is written goes to the block's clock, 9.6 MHz at least, through a few flip-flops: a second write of a register
// within that time is lost or damaged (BERR).
#define SETTLE_US       (2)

static void set_control(uintptr_t base, unsigned channel, uint32_t bits) {
    uint32_t others = mmio_read(base + CTL) & ~(CTL_CHANNEL << 8 * channel);
    mmio_write(base + CTL, others | bits << 8 * channel);
}

void pwm_change(uintptr_t base, unsigned channel, uint32_t period, uint32_t high) {
    mmio_write(base + RANGE + 16 * channel, period);
    mmio_write(base + DATA + 16 * channel, high);
    timer_spin_us(SETTLE_US);
}

void pwm_start(uintptr_t base, unsigned channel, uint32_t period, uint32_t high, bool invert) {
    pwm_stop(base, channel);
    mmio_write(base + STA, STA_BUS_ERROR);
    pwm_change(base, channel, period, high);
    set_control(base, channel, CTL_ENABLE | CTL_MARK_SPACE | (invert ? CTL_INVERT : 0));
}

void pwm_stop(uintptr_t base, unsigned channel) {
    set_control(base, channel, 0);
    timer_spin_us(SETTLE_US);
}
