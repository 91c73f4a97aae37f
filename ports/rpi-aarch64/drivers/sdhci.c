// SPDX-License-Identifier: MIT
// SD host controllers; see sdhci.h. Names of registers and bits are those of the SD Host Controller Simplified
// Specification. Registers are accessed as words of 32 bits only; both controllers take no other width.

#include "mmio.h"
#include "sdhci.h"
#include "timer.h"

#define BLOCK               (0x04) // size and count
#define ARGUMENT            (0x08)
#define COMMAND             (0x0c) // transfer mode and command
#define RESPONSE            (0x10)
#define DATA                (0x20)
#define PRESENT             (0x24)
#define CONTROL0            (0x28) // host, power
#define CONTROL1            (0x2c) // clock, time-out, reset
#define STATUS              (0x30)
#define STATUS_ENABLE       (0x34)
#define SIGNAL_ENABLE       (0x38)
#define CONTROL2            (0x3c)

#define PRESENT_COMMAND     (1u << 0)  // a command is under way
#define PRESENT_DATA        (1u << 1)  // the data lines are in use

#define CONTROL0_WIDE       (1u << 1)
#define CONTROL0_HIGH_SPEED (1u << 2)
#define CONTROL0_POWER      (0xfu << 8) // 3.3 V, on

#define CLOCK_INTERNAL      (1u << 0)
#define CLOCK_STABLE        (1u << 1)
#define CLOCK_CARD          (1u << 2)
#define CLOCK_ON            (CLOCK_INTERNAL | CLOCK_STABLE | CLOCK_CARD)
#define CLOCK_DIVIDER_LOW   (8)
#define CLOCK_DIVIDER_HIGH  (6)
#define CLOCK_DIVIDER_MAX   (1023)
#define DATA_TIMEOUT        (0xeu << 16) // the longest: the wait below ends earlier
#define RESET_ALL           (1u << 24)
#define RESET_COMMAND       (1u << 25)
#define RESET_DATA          (1u << 26)

#define STATUS_COMMAND      (1u << 0)
#define STATUS_TRANSFER     (1u << 1)
#define STATUS_WRITE_READY  (1u << 4)
#define STATUS_READ_READY   (1u << 5)
#define STATUS_ERRORS       (0xffff8000)
#define STATUS_NO_ANSWER    (1u << 16)
#define STATUS_NO_DATA      (1u << 20)
#define STATUS_DAMAGED      (0x006e0000) // CRC, end bit and index of command and data
// Without the card's insertion and removal: no board has the switch.
#define STATUS_USED         (0x03ff0033)

#define TRANSFER_COUNT      (1u << 1)
#define TRANSFER_AUTO_CMD12 (1u << 2)
#define TRANSFER_READ       (1u << 4)
#define TRANSFER_MULTI      (1u << 5)
#define COMMAND_BUSY        (3u << 16)
#define COMMAND_RESPONSE    (3u << 16)
#define COMMAND_HAS_DATA    (1u << 21)

#define IDENTIFY_HZ         (400000)
// Of the SD clock, between two writes of a register. Two are enough for the Arasan; what it loses is not noticed.
#define GAP_CLOCKS          (4)
#define SLEPT_GAP           (64)        // ticks, 1 to 3 us; falling asleep takes as long

#define RESET_US            (100000)
#define CLOCK_US            (150000)
#define POWER_US            (2000)      // until the supply is stable
#define WAKE_US             (1000)      // of the card, and 74 clocks
#define COMMAND_US          (10000)     // an answer of 136 bits at the lowest clock takes less than 2 ms
#define DATA_US             (1000000)   // a card may be busy for 500 ms

// R1's errors by what becomes of them; the others are the card's state.
#define R1_RANGE            (0xe0000000)
#define R1_PROTECTED        (0x04000000)
#define R1_CRC              (0x00800000)
#define R1_ERRORS           (0xfdf98008)

static uint32_t get(const sdhci_t *host, uint32_t offset) {
    return mmio_read(host->base + offset);
}

static void wait_gap(const sdhci_t *host) {
    uint64_t end = host->last_write + host->gap;
    while (!timer_expired(end)) {
        if (host->gap > SLEPT_GAP) {
            timer_wait_until(end);
        }
    }
}

static void put(sdhci_t *host, uint32_t offset, uint32_t value) {
    if (host->gap != 0) {
        wait_gap(host);
    }
    mmio_write(host->base + offset, value);
    if (host->gap != 0) {
        host->last_write = timer_ticks();
    }
}

// --- setting up ---

static bool reset(sdhci_t *host, uint32_t bit, uint32_t us) {
    put(host, CONTROL1, get(host, CONTROL1) | bit);
    return timer_wait_register(host->base + CONTROL1, bit, 0, us);
}

static void set_gap(sdhci_t *host, uint32_t hz) {
    host->gap = host->arasan ? GAP_CLOCKS * timer_frequency() / hz + 1 : 0;
    host->last_write = timer_ticks();
}

// The clock is base / (2 * divider), or base itself with divider 0.
static uint32_t divider(uint32_t base, uint32_t hz) {
    if (base <= hz) {
        return 0;
    }
    uint32_t n = (uint32_t)(((uint64_t)base + 2 * (uint64_t)hz - 1) / (2 * (uint64_t)hz));
    return n < CLOCK_DIVIDER_MAX ? n : CLOCK_DIVIDER_MAX;
}

bool sdhci_set_clock(sdhci_t *host, uint32_t hz) {
    uint32_t n = divider(host->base_clock, hz);
    uint32_t control = DATA_TIMEOUT | CLOCK_INTERNAL
        | (n & 0xff) << CLOCK_DIVIDER_LOW | (n >> 8) << CLOCK_DIVIDER_HIGH;
    put(host, CONTROL1, get(host, CONTROL1) & ~CLOCK_CARD);
    put(host, CONTROL1, control);
    if (!timer_wait_register(host->base + CONTROL1, CLOCK_STABLE, CLOCK_STABLE, CLOCK_US)) {
        return false;
    }
    put(host, CONTROL1, control | CLOCK_CARD);
    set_gap(host, hz);
    return true;
}

bool sdhci_start(sdhci_t *host) {
    set_gap(host, IDENTIFY_HZ);
    if (!reset(host, RESET_ALL, RESET_US)) {
        return false;
    }
    put(host, CONTROL0, CONTROL0_POWER);
    put(host, CONTROL2, 0);
    timer_sleep_us(POWER_US);
    if (!sdhci_set_clock(host, IDENTIFY_HZ)) {
        return false;
    }
    put(host, SIGNAL_ENABLE, 0);
    put(host, STATUS_ENABLE, STATUS_USED);
    timer_sleep_us(WAKE_US);
    return true;
}

void sdhci_set_wide(sdhci_t *host) {
    put(host, CONTROL0, get(host, CONTROL0) | CONTROL0_WIDE);
}

void sdhci_set_high_speed(sdhci_t *host) {
    if (!host->arasan) {
        put(host, CONTROL0, get(host, CONTROL0) | CONTROL0_HIGH_SPEED);
    }
}

// Two writes: QEMU's controller does nothing when both bits are set at once.
void sdhci_reset_lines(sdhci_t *host) {
    (void)reset(host, RESET_COMMAND, RESET_US);
    (void)reset(host, RESET_DATA, RESET_US);
    put(host, STATUS, 0xffffffff);
}

// --- commands ---

static sd_result_t error_of(uint32_t status) {
    if (status & STATUS_DAMAGED) {
        return SD_CRC;
    }
    return status & (STATUS_NO_ANSWER | STATUS_NO_DATA) ? SD_TIMEOUT : SD_REFUSED;
}

// Waits for one of the bits. Errors come first: where a command times out the controller may set both.
static sd_result_t wait_status(const sdhci_t *host, uint32_t wanted, uint32_t us) {
    uint32_t status = get(host, STATUS);
    if ((status & (wanted | STATUS_ERRORS)) == 0) {
        uint64_t deadline = timer_deadline_us(us);
        bool expired;
        do {
            expired = timer_expired(deadline); // before the look, which an interrupt may have delayed
            status = get(host, STATUS);
        } while ((status & (wanted | STATUS_ERRORS)) == 0 && !expired);
    }
    if (status & STATUS_ERRORS) {
        // A time-out of the data that were complete at the same time is none.
        bool complete = wanted == STATUS_TRANSFER && status & STATUS_TRANSFER
            && (status & 0x7fff0000) == STATUS_NO_DATA;
        return complete ? SD_OK : error_of(status);
    }
    return status & wanted ? SD_OK : SD_TIMEOUT;
}

static void get_response(sdhci_t *host) {
    for (unsigned i = 0; i < 4; ++i) {
        host->response[i] = get(host, RESPONSE + 4 * i);
    }
}

// Sends a command, and gets its response. A controller whose clock is off answers nothing at all.
static sd_result_t send(sdhci_t *host, uint32_t command, uint32_t argument, uint32_t block) {
    bool uses_data = command & COMMAND_HAS_DATA || (command & COMMAND_RESPONSE) == COMMAND_BUSY;
    bool aborts = (command & SDHCI_ABORT) == SDHCI_ABORT;
    uint32_t inhibit = PRESENT_COMMAND | (uses_data && !aborts ? PRESENT_DATA : 0);
    if ((get(host, CONTROL1) & CLOCK_ON) != CLOCK_ON
        || !timer_wait_register(host->base + PRESENT, inhibit, 0, uses_data ? DATA_US : COMMAND_US)) {
        return SD_TIMEOUT;
    }
    put(host, STATUS, 0xffffffff);
    if (command & COMMAND_HAS_DATA) {
        put(host, BLOCK, block);
    }
    put(host, ARGUMENT, argument);
    put(host, COMMAND, command);
    sd_result_t result = wait_status(host, STATUS_COMMAND, COMMAND_US);
    if (result == SD_OK) {
        get_response(host);
    }
    return result;
}

sd_result_t sdhci_command(sdhci_t *host, uint32_t command, uint32_t argument) {
    sd_result_t result = send(host, command, argument, 0);
    if (result == SD_OK && (command & COMMAND_RESPONSE) == COMMAND_BUSY) {
        result = wait_status(host, STATUS_TRANSFER, DATA_US);
    }
    return result;
}

sd_result_t sdhci_r1_result(uint32_t r1) {
    if ((r1 & R1_ERRORS) == 0) {
        return SD_OK;
    }
    if (r1 & R1_RANGE) {
        return SD_RANGE;
    }
    if (r1 & R1_PROTECTED) {
        return SD_PROTECTED;
    }
    return r1 & R1_CRC ? SD_CRC : SD_REFUSED;
}

// --- data ---

static sd_result_t move_blocks(sdhci_t *host, const sdhci_transfer_t *transfer) {
    uint8_t *to = transfer->read;
    const uint8_t *from = transfer->write;
    uint32_t ready = to != NULL ? STATUS_READ_READY : STATUS_WRITE_READY;
    for (uint32_t n = 0; n < transfer->count; ++n) {
        sd_result_t result = wait_status(host, ready, DATA_US);
        if (result != SD_OK) {
            return result;
        }
        put(host, STATUS, ready);
        if (to != NULL) {
            mmio_read_run(host->base + DATA, to, transfer->size / 4);
            to += transfer->size;
        } else {
            mmio_write_run(host->base + DATA, from, transfer->size / 4);
            from += transfer->size;
        }
    }
    return wait_status(host, STATUS_TRANSFER, DATA_US);
}

sd_result_t sdhci_transfer(sdhci_t *host, const sdhci_transfer_t *transfer) {
    uint32_t command = SDHCI_COMMAND(transfer->index, SDHCI_R1) | COMMAND_HAS_DATA;
    if (transfer->read != NULL) {
        command |= TRANSFER_READ;
    }
    if (transfer->count > 1) {
        command |= TRANSFER_MULTI | TRANSFER_COUNT | TRANSFER_AUTO_CMD12;
    }
    sd_result_t result = send(host, command, transfer->argument, transfer->count << 16 | transfer->size);
    if (result == SD_OK) {
        result = sdhci_r1_result(host->response[0]);
    }
    return result == SD_OK ? move_blocks(host, transfer) : result;
}
