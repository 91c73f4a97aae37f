// SPDX-License-Identifier: MIT
// The functions of MicroPython's hardware layer that take more than a line: console input, delays,
// wall-clock time.

#include "genhdr/mpversion.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#include "boot/boot.h"
#include "drivers/irq.h"
#include "fault/start_count.h"
#include "machine/entropy.h"
#include "machine/uart.h"
#if MICROPY_VFS_FAT
#include "lib/oofatfs/ff.h"
#endif

#define FAT_FIRST_YEAR (1980)

#define RANDOM_PART (4096)

#define DIGITS(at) ((MICROPY_BUILD_DATE[at] - '0') * 10 + MICROPY_BUILD_DATE[(at) + 1] - '0')

// Not in uart.c, which is in the no-raise section (firmware.ld.S): Python's scheduled callbacks run while
// this waits, and they may fault or call a pager.
int mp_hal_stdin_rx_chr(void) {
    if (boot_info.prompt_ticks == 0) {
        boot_info.prompt_ticks = timer_ticks(); // the first prompt is out: boot is over
        boot_info.asleep_ticks = irq_asleep_ticks();
    }
    for (;;) {
        int byte = uart_get();
        if (byte >= 0) {
            return byte;
        }
        start_count_clear();
        // Sleeps; a byte that arrives after the look above ends the sleep at once (irq_wait).
        mp_event_wait_indefinite();
    }
}

// Pending work is handled one callback at a time: if more are due, do not sleep.
static bool work_is_left(void) {
    return MP_STATE_VM(sched_state) == MP_SCHED_PENDING;
}

void mp_hal_wait_event(int timeout_ms) {
    if (!work_is_left()) {
        timer_wait_ms(timeout_ms);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t deadline = timer_deadline_us((uint64_t)ms * 1000);
    do {
        mp_handle_pending(true);
        if (!work_is_left()) {
            timer_wait_until(deadline);
        }
    } while (!timer_expired(deadline));
    mp_handle_pending(true);
}

// Short waits spin, since a sleep may cost more than they last.
void mp_hal_delay_us(mp_uint_t us) {
    if (us >= 10000) {
        mp_hal_delay_ms(us / 1000);
        us %= 1000;
    }
    timer_spin_us((uint32_t)us);
}

static uint64_t time_at_zero; // when the counter was 0, in nanoseconds
static bool time_was_set;

// Without a clock the time is that of the image at least: MICROPY_BUILD_DATE is "2026-11-29".
uint64_t mp_hal_time_ns(void) {
    uint64_t built = timeutils_seconds_since_epoch(DIGITS(0) * 100 + DIGITS(2), DIGITS(5), DIGITS(8), 0, 0, 0);
    return (time_was_set ? time_at_zero : built * 1000000000) + timer_us() * 1000;
}

void mp_hal_set_time_ns(uint64_t ns) {
    time_at_zero = ns - timer_us() * 1000;
    time_was_set = true;
}

// The seed of `random`, which is not for secrets: if the generator fails, the import does not.
uint32_t mp_hal_random_seed(void) {
    uint32_t seed;
    if (entropy_fill((uint8_t *)&seed, sizeof(seed)) != 0) {
        entropy_fill_weak((uint8_t *)&seed, sizeof(seed));
    }
    return seed;
}

// In pieces, so that Ctrl-C ends a long call.
void mp_hal_get_random(size_t count, uint8_t *bytes) {
    while (count != 0) {
        size_t part = count < RANDOM_PART ? count : RANDOM_PART;
        int error = entropy_fill(bytes, part);
        if (error != 0) {
            mp_raise_OSError(error);
        }
        bytes += part;
        count -= part;
        mp_handle_pending(true);
    }
}

#if MICROPY_VFS_FAT
// The time stamp of files, in FAT's format.
DWORD get_fattime(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000, &tm);
    if (tm.tm_year < FAT_FIRST_YEAR) {
        return ((DWORD)1 << 21) | ((DWORD)1 << 16); // 1980-01-01
    }
    return ((DWORD)(tm.tm_year - 1980) << 25) | ((DWORD)tm.tm_mon << 21) | ((DWORD)tm.tm_mday << 16)
           | ((DWORD)tm.tm_hour << 11) | ((DWORD)tm.tm_min << 5) | ((DWORD)tm.tm_sec / 2);
}
#endif
