// SPDX-License-Identifier: MIT
// See clock_manager.h. Source and divisor of a running clock must not change: its output would glitch, and the block
// that it drives may lock up.

#include "clock_manager.h"
#include "mmio.h"
#include "timer.h"

#define CTL             (0x00)
#define DIV             (0x04)

#define PASSWORD        (0x5a000000) // writes without it are ignored
#define CTL_SOURCE      (0xf)
#define CTL_ENABLE      (1u << 4)
#define CTL_KILL        (1u << 5)
#define CTL_BUSY        (1u << 7)
#define CTL_FIXED       (0x600 | 1u << 8 | CTL_SOURCE) // MASH, FLIP, SRC: not to be changed while it is busy
#define DIV_INTEGER     (12) // the lowest bit of the divisor's whole part

// A clock stops at the end of its cycle, which is 0.2 ms at most: that of the crystal divided by 4095.
#define STOP_US         (1000)
#define START_US        (10)

static void write_control(uintptr_t clock, uint32_t value) {
    mmio_write(clock + CTL, PASSWORD | value);
}

static bool has_stopped(uintptr_t clock) {
    return timer_wait_register(clock + CTL, CTL_BUSY, 0, STOP_US);
}

// KILL resets the generator and may glitch, so it is used only for a clock that does not stop by itself, such as one
// whose source is off.
static bool stop(uintptr_t clock) {
    uint32_t control = mmio_read(clock + CTL);
    if ((control & (CTL_ENABLE | CTL_BUSY)) == 0) {
        return true;
    }
    write_control(clock, control & CTL_FIXED);
    if (has_stopped(clock)) {
        return true;
    }
    write_control(clock, (control & CTL_FIXED) | CTL_KILL);
    return has_stopped(clock);
}

bool clock_manager_run(uintptr_t clock, uint32_t source, uint32_t divisor) {
    if (!stop(clock)) {
        return false;
    }
    mmio_write(clock + DIV, PASSWORD | divisor << DIV_INTEGER);
    write_control(clock, source);
    write_control(clock, source | CTL_ENABLE);
    // Blocks lose what is written to them without their clock. QEMU never sets BUSY.
    (void)timer_wait_register(clock + CTL, CTL_BUSY, CTL_BUSY, START_US);
    return true;
}
