// SPDX-License-Identifier: MIT
// Property calls over the VideoCore mailbox; see mailbox.h.

#include "core/arch.h"
#include "mailbox.h"
#include "mmio.h"
#include "timer.h"

// Registers: mailbox 0 is read by the ARM, mailbox 1 written.
#define READ            (0x00)
#define STATUS0         (0x18)
#define WRITE           (0x20)
#define STATUS1         (0x38)

#define STATUS_FULL     (1u << 31)
#define STATUS_EMPTY    (1u << 30)

#define CHANNEL_PROPERTY (8)

// At this bus alias VideoCore accesses RAM without its L2 cache.
#define BUS_ALIAS       (0xc0000000)
#define BUS_LIMIT       (0x40000000)

#define CODE_REQUEST    (0)
#define CODE_OK         (0x80000000)
#define TAG_ANSWERED    (0x80000000)

// Words of the message: two of the header, three of the tag, the values, the end tag.
#define HEADER_CODE     (1)
#define TAG_ID          (2)
#define TAG_SIZE        (3)
#define TAG_CODE        (4)
#define TAG_VALUES      (5)

// The slowest calls change clocks and regulators and talk to I2C devices.
#define ANSWER_US       (1000000)
// Stale answers that are discarded before the call fails: the FIFO holds 8.
#define MAX_STALE       (64)

#define TAG_FIRMWARE_REVISION   (0x00000001)
#define TAG_BOARD_REVISION      (0x00010002)
#define TAG_SERIAL              (0x00010004)
#define TAG_ARM_MEMORY          (0x00010005)
#define TAG_CLOCK_RATE          (0x00030002)
#define TAG_MAX_CLOCK_RATE      (0x00030004)
#define TAG_MIN_CLOCK_RATE      (0x00030007)
#define TAG_TEMPERATURE         (0x00030006)
#define TAG_GET_EXPANDER        (0x00030041)
#define TAG_SET_POWER           (0x00028001)
#define TAG_SET_CLOCK_RATE      (0x00038002)
#define TAG_SET_EXPANDER        (0x00038041)

#define EXPANDER_FIRST_PIN      (128)

#define POWER_WAIT              (2) // in the request
#define POWER_ABSENT            (2) // in the answer

bool mailbox_init(mailbox_t *mailbox, uintptr_t base, uint32_t *buffer, uint64_t pa) {
    *mailbox = (mailbox_t) { 0 };
    if (((uintptr_t)buffer | pa) % MAILBOX_BUFFER_ALIGN != 0
        || pa > BUS_LIMIT - MAILBOX_BUFFER_SIZE) {
        return false;
    }
    mailbox->base = base;
    mailbox->buffer = buffer;
    mailbox->bus_address = BUS_ALIAS | (uint32_t)pa;
    return true;
}

static void compose(uint32_t *buffer, uint32_t tag, const uint32_t *values, size_t sent,
    size_t words) {
    buffer[0] = (uint32_t)(TAG_VALUES + words + 1) * 4;
    buffer[HEADER_CODE] = CODE_REQUEST;
    buffer[TAG_ID] = tag;
    buffer[TAG_SIZE] = (uint32_t)words * 4;
    buffer[TAG_CODE] = 0;
    for (size_t i = 0; i < words; ++i) {
        buffer[TAG_VALUES + i] = i < sent ? values[i] : 0;
    }
    buffer[TAG_VALUES + words] = 0;
}

// Hands the message over and waits until the same address comes back. Another answer (to a request of an earlier
// kernel, or of another channel) is discarded.
static bool exchange(const mailbox_t *mailbox) {
    uint32_t message = mailbox->bus_address | CHANNEL_PROPERTY;
    for (unsigned n = 0; n < MAX_STALE; ++n) {
        if (mmio_read(mailbox->base + STATUS0) & STATUS_EMPTY) {
            break;
        }
        (void)mmio_read(mailbox->base + READ);
    }
    if (!timer_wait_register(mailbox->base + STATUS1, STATUS_FULL, 0, ANSWER_US)) {
        return false;
    }
    mmio_write(mailbox->base + WRITE, message);
    for (unsigned n = 0; n < MAX_STALE; ++n) {
        if (!timer_wait_register(mailbox->base + STATUS0, STATUS_EMPTY, 0, ANSWER_US)) {
            return false;
        }
        if (mmio_read(mailbox->base + READ) == message) {
            return true;
        }
    }
    return false;
}

// The answer's length must cover what is expected: QEMU marks unknown tags as answered, with length 0.
static mailbox_result_t check_answer(const uint32_t *buffer, size_t expected_bytes) {
    if (buffer[HEADER_CODE] != CODE_OK) {
        return MAILBOX_REFUSED;
    }
    uint32_t code = buffer[TAG_CODE];
    if (!(code & TAG_ANSWERED) || (code & ~TAG_ANSWERED) < expected_bytes) {
        return MAILBOX_UNKNOWN;
    }
    return MAILBOX_OK;
}

// mailbox_property() with the least length of the answer in bytes.
static mailbox_result_t call(mailbox_t *mailbox, uint32_t tag, uint32_t *values, size_t sent, size_t expected,
    size_t expected_bytes) {
    size_t words = sent > expected ? sent : expected;
    if (mailbox->base == 0 || mailbox->dead) {
        return MAILBOX_ABSENT;
    }
    if (words > MAILBOX_MAX_VALUES) {
        return MAILBOX_REFUSED;
    }
    compose(mailbox->buffer, tag, values, sent, words);
    // Clean, so that VideoCore sees it, and invalid, so that nothing is written back over the answer.
    arch_clean_inval_poc((uintptr_t)mailbox->buffer, MAILBOX_BUFFER_SIZE);
    if (!exchange(mailbox)) {
        mailbox->dead = true; // the answer may come into the buffer of the next call
        return MAILBOX_TIMEOUT;
    }
    // Speculative accesses may have loaded stale lines while VideoCore worked.
    arch_clean_inval_poc((uintptr_t)mailbox->buffer, MAILBOX_BUFFER_SIZE);
    mailbox_result_t result = check_answer(mailbox->buffer, expected_bytes);
    for (size_t i = 0; result == MAILBOX_OK && i < expected; ++i) {
        values[i] = mailbox->buffer[TAG_VALUES + i];
    }
    return result;
}

mailbox_result_t mailbox_property(mailbox_t *mailbox, uint32_t tag, uint32_t *values, size_t sent,
    size_t expected) {
    return call(mailbox, tag, values, sent, expected, 4 * expected);
}

// Calls a tag that sends one word (an id) and answers with it and one value.
static mailbox_result_t get_by_id(mailbox_t *mailbox, uint32_t tag, uint32_t id, uint32_t *value) {
    uint32_t values[2] = { id, 0 };
    mailbox_result_t result = mailbox_property(mailbox, tag, values, 1, 2);
    if (result == MAILBOX_OK) {
        *value = values[1];
    }
    return result;
}

mailbox_result_t mailbox_clock_rate(mailbox_t *mailbox, uint32_t clock, uint32_t *hz) {
    return get_by_id(mailbox, TAG_CLOCK_RATE, clock, hz);
}

mailbox_result_t mailbox_clock_limits(mailbox_t *mailbox, uint32_t clock, uint32_t *min,
    uint32_t *max) {
    uint32_t low;
    mailbox_result_t result = get_by_id(mailbox, TAG_MIN_CLOCK_RATE, clock, &low);
    if (result == MAILBOX_OK) {
        result = get_by_id(mailbox, TAG_MAX_CLOCK_RATE, clock, max);
    }
    if (result == MAILBOX_OK) {
        *min = low;
    }
    return result;
}

mailbox_result_t mailbox_set_clock_rate(mailbox_t *mailbox, uint32_t clock, uint32_t *hz) {
    // The third word is 0: turbo settings follow the rate as usual.
    uint32_t values[3] = { clock, *hz, 0 };
    mailbox_result_t result = mailbox_property(mailbox, TAG_SET_CLOCK_RATE, values, 3, 2);
    if (result == MAILBOX_OK) {
        *hz = values[1];
    }
    return result;
}

mailbox_result_t mailbox_raise_clock(mailbox_t *mailbox, uint32_t clock) {
    uint32_t hz;
    mailbox_result_t result = get_by_id(mailbox, TAG_MAX_CLOCK_RATE, clock, &hz);
    return result == MAILBOX_OK ? mailbox_set_clock_rate(mailbox, clock, &hz) : result;
}

mailbox_result_t mailbox_set_power(mailbox_t *mailbox, uint32_t domain, bool on) {
    uint32_t values[2] = { domain, POWER_WAIT | on };
    mailbox_result_t result = mailbox_property(mailbox, TAG_SET_POWER, values, 2, 2);
    return result == MAILBOX_OK && values[1] & POWER_ABSENT ? MAILBOX_REFUSED : result;
}

mailbox_result_t mailbox_firmware_revision(mailbox_t *mailbox, uint32_t *revision) {
    return mailbox_property(mailbox, TAG_FIRMWARE_REVISION, revision, 0, 1);
}

mailbox_result_t mailbox_arm_memory(mailbox_t *mailbox, mailbox_memory_t *memory) {
    uint32_t values[2];
    mailbox_result_t result = mailbox_property(mailbox, TAG_ARM_MEMORY, values, 0, 2);
    if (result == MAILBOX_OK) {
        *memory = (mailbox_memory_t) { .base = values[0], .size = values[1] };
    }
    return result;
}

mailbox_result_t mailbox_board_revision(mailbox_t *mailbox, uint32_t *revision) {
    return mailbox_property(mailbox, TAG_BOARD_REVISION, revision, 0, 1);
}

mailbox_result_t mailbox_serial(mailbox_t *mailbox, uint64_t *serial) {
    uint32_t values[2];
    mailbox_result_t result = mailbox_property(mailbox, TAG_SERIAL, values, 0, 2);
    if (result == MAILBOX_OK) {
        *serial = (uint64_t)values[1] << 32 | values[0];
    }
    return result;
}

// The one sensor has id 0.
mailbox_result_t mailbox_temperature(mailbox_t *mailbox, uint32_t *millidegrees) {
    return get_by_id(mailbox, TAG_TEMPERATURE, 0, millidegrees);
}

// The firmware puts a status in the place of the pin's number: 0 when it has done what was asked. The length that it
// gives its answer covers that word, and not in every release the second one.
static mailbox_result_t call_expander(mailbox_t *mailbox, uint32_t tag, uint32_t pin, uint32_t *value) {
    uint32_t values[2] = { EXPANDER_FIRST_PIN + pin, *value };
    mailbox_result_t result = call(mailbox, tag, values, 2, 2, 4);
    if (result == MAILBOX_OK && values[0] != 0) {
        return MAILBOX_REFUSED;
    }
    *value = values[1];
    return result;
}

mailbox_result_t mailbox_set_expander(mailbox_t *mailbox, uint32_t pin, bool high) {
    uint32_t value = high;
    return call_expander(mailbox, TAG_SET_EXPANDER, pin, &value);
}

mailbox_result_t mailbox_get_expander(mailbox_t *mailbox, uint32_t pin, bool *high) {
    uint32_t value = 0;
    mailbox_result_t result = call_expander(mailbox, TAG_GET_EXPANDER, pin, &value);
    if (result == MAILBOX_OK) {
        *high = value != 0;
    }
    return result;
}
