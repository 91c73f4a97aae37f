// SPDX-License-Identifier: MIT
// VideoCore's mailbox, property channel: requests to the firmware.
// One call at a time, from the thread; every wait is bounded.

#ifndef PORTS_RPI_AARCH64_DRIVERS_MAILBOX_H
#define PORTS_RPI_AARCH64_DRIVERS_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes of the buffer: whole cache lines, enough for every tag here.
#define MAILBOX_BUFFER_SIZE (128)
#define MAILBOX_BUFFER_ALIGN (64)
// 32-bit values that one call can carry.
#define MAILBOX_MAX_VALUES (MAILBOX_BUFFER_SIZE / 4 - 6)

// Clock ids.
#define MAILBOX_CLOCK_EMMC  (1)
#define MAILBOX_CLOCK_UART  (2)
#define MAILBOX_CLOCK_ARM   (3)
#define MAILBOX_CLOCK_CORE  (4)
#define MAILBOX_CLOCK_EMMC2 (12)

// Power domains.
#define MAILBOX_POWER_SD    (0)

typedef enum _mailbox_result_t {
    MAILBOX_OK,
    MAILBOX_ABSENT,     // this machine has no mailbox, or an earlier call timed out
    MAILBOX_TIMEOUT,    // VideoCore did not take the request or did not answer in time
    MAILBOX_REFUSED,    // the firmware answered that the request is bad or that it failed
    MAILBOX_UNKNOWN,    // the firmware does not implement the tag, or its answer is too short
} mailbox_result_t;

typedef struct _mailbox_t {
    uintptr_t base;     // 0: no mailbox
    uint32_t *buffer;
    uint32_t bus_address; // of the buffer, as VideoCore sees it
    bool dead;          // a call timed out: VideoCore may still write its answer into the buffer
} mailbox_t;

typedef struct _mailbox_memory_t {
    uint32_t base;
    uint32_t size;
} mailbox_memory_t;

// buffer: MAILBOX_BUFFER_SIZE bytes, aligned to MAILBOX_BUFFER_ALIGN, used for nothing else, with
// physical address pa below 1 GiB, the range that VideoCore reaches. Returns false if the buffer
// breaks these rules.
bool mailbox_init(mailbox_t *mailbox, uintptr_t base, uint32_t *buffer, uint64_t pa);

// Calls one tag. After a call that timed out every further one fails with MAILBOX_ABSENT, without a wait.
// values: `sent` words to send, replaced by `expected` words of the answer; room for the larger of the two. Unchanged
// when the result is not MAILBOX_OK.
mailbox_result_t mailbox_property(mailbox_t *mailbox, uint32_t tag, uint32_t *values, size_t sent,
    size_t expected);

// Rates are in Hz. These and all functions below leave their outputs unchanged unless the result is
// MAILBOX_OK.
mailbox_result_t mailbox_clock_rate(mailbox_t *mailbox, uint32_t clock, uint32_t *hz);
mailbox_result_t mailbox_clock_limits(mailbox_t *mailbox, uint32_t clock, uint32_t *min,
    uint32_t *max);
// *hz: the rate wanted, replaced by what the firmware says it is now.
mailbox_result_t mailbox_set_clock_rate(mailbox_t *mailbox, uint32_t clock, uint32_t *hz);

// Sets the highest rate that the firmware allows.
mailbox_result_t mailbox_raise_clock(mailbox_t *mailbox, uint32_t clock);

// Switches a power domain and waits until it is stable. MAILBOX_REFUSED: the firmware has no such domain.
mailbox_result_t mailbox_set_power(mailbox_t *mailbox, uint32_t domain, bool on);

// The time of the firmware's build, in seconds since 1970.
mailbox_result_t mailbox_firmware_revision(mailbox_t *mailbox, uint32_t *revision);
// The ARM's share of RAM in bytes, the board's revision code, its serial number.
mailbox_result_t mailbox_arm_memory(mailbox_t *mailbox, mailbox_memory_t *memory);
mailbox_result_t mailbox_board_revision(mailbox_t *mailbox, uint32_t *revision);
mailbox_result_t mailbox_serial(mailbox_t *mailbox, uint64_t *serial);

// Thousandths of a degree Celsius of the SoC.
mailbox_result_t mailbox_temperature(mailbox_t *mailbox, uint32_t *millidegrees);

// Pins of the firmware's GPIO expander, numbered from 0.
mailbox_result_t mailbox_set_expander(mailbox_t *mailbox, uint32_t pin, bool high);
mailbox_result_t mailbox_get_expander(mailbox_t *mailbox, uint32_t pin, bool *high);

#endif // PORTS_RPI_AARCH64_DRIVERS_MAILBOX_H
