// SPDX-License-Identifier: MIT
// The I2C master of BCM2837 and BCM2711; see bsc.h.

#include "aarch64/cpu.h"
#include "bsc.h"
#include "i2c_lines.h"
#include "mmio.h"
#include "timer.h"

#define C               (0x00)
#define S               (0x04)
#define DLEN            (0x08)
#define A               (0x0c)
#define FIFO            (0x10)
#define DIV             (0x14)
#define DEL             (0x18)
#define CLKT            (0x1c)

#define C_I2CEN         (1u << 15)
#define C_ST            (1u << 7)
#define C_CLEAR         (3u << 4)
#define C_READ          (1u << 0)

#define S_TA            (1u << 0)
#define S_DONE          (1u << 1)
#define S_TXD           (1u << 4)
#define S_RXD           (1u << 5)
#define S_ERR           (1u << 8)
#define S_CLKT          (1u << 9)
#define S_EVENTS        (S_DONE | S_ERR | S_CLKT) // cleared by writing 1

#define FIFO_SIZE       (16)    // bytes
#define US_PER_SECOND   (1000000)

static uint32_t read(const bsc_t *bsc, uint32_t offset) {
    return mmio_read(bsc->base + offset);
}

static void write(const bsc_t *bsc, uint32_t offset, uint32_t value) {
    mmio_write(bsc->base + offset, value);
}

// Empties the FIFO, which an error does not, and clears all events.
static void clear(const bsc_t *bsc) {
    write(bsc, C, C_CLEAR);
    write(bsc, S, S_EVENTS);
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

bsc_result_t bsc_start(bsc_t *bsc, uint32_t core_hz, uint32_t *hz) {
    uint32_t divider = (core_hz + *hz - 1) / *hz;
    divider = larger(divider + divider % 2, BSC_MIN_DIVIDER);
    divider = divider < BSC_MAX_DIVIDER ? divider : BSC_MAX_DIVIDER;
    *hz = core_hz / divider;
    bsc->byte_us = I2C_LINES_BYTE_CLOCKS * US_PER_SECOND / *hz + 1;
    clear(bsc);
    write(bsc, DIV, divider);
    // Data changes a sixteenth of a period after the falling edge, and is sampled a quarter after the rising edge.
    write(bsc, DEL, larger(divider / 16, 1) << 16 | larger(divider / 4, 1));
    uint64_t clocks = (uint64_t)bsc->timeout_us * *hz / US_PER_SECOND;
    write(bsc, CLKT, clocks < 0xffff ? (uint32_t)clocks + 1 : 0); // 0: the block has no limit
    return read(bsc, DIV) == divider ? BSC_OK : BSC_ABSENT;
}

void bsc_stop(const bsc_t *bsc) {
    clear(bsc);
    write(bsc, C, 0);
}

static void begin(const bsc_t *bsc, uint32_t device, size_t size, uint32_t direction) {
    write(bsc, A, device);
    write(bsc, DLEN, (uint32_t)size);
    write(bsc, C, C_I2CEN | C_ST | direction);
}

// Fills or empties the FIFO as far as possible. Returns whether a byte was moved.
static bool move(const bsc_t *bsc, bsc_bytes_t *bytes, bool in) {
    size_t before = bytes->size;
    while (bytes->size != 0 && read(bsc, S) & (in ? S_RXD : S_TXD)) {
        if (in) {
            *bytes->data = (uint8_t)read(bsc, FIFO);
        } else {
            write(bsc, FIFO, *bytes->data);
        }
        ++bytes->data;
        --bytes->size;
    }
    return bytes->size != before;
}

static bsc_result_t error_of(uint32_t status) {
    // A device that does not answer may also hold the clock, so the timeout is checked first.
    return status & S_CLKT ? BSC_TIMEOUT : status & S_ERR ? BSC_NACK : BSC_OK;
}

static bool is_reached(const bsc_bytes_t *bytes, uint32_t status, uint32_t until) {
    return until != 0 ? (status & until) != 0 : bytes->size == 0;
}

// The bytes of a full FIFO and the address take their time although nothing can be moved.
static uint64_t next_deadline(const bsc_t *bsc) {
    return timer_deadline_us(bsc->timeout_us + (uint64_t)(FIFO_SIZE + 1) * bsc->byte_us);
}

// Moves bytes until one of the status bits `until` is set; 0: until all are moved. Errors are checked first: after one
// the block may set no other bit.
static bsc_result_t move_until(const bsc_t *bsc, bsc_bytes_t *bytes, bool in, uint32_t until) {
    uint64_t deadline = next_deadline(bsc);
    for (bool late = false;; late = timer_expired(deadline)) {
        uint32_t status = read(bsc, S);
        bsc_result_t error = error_of(status);
        if (error != BSC_OK) {
            return error;
        }
        bool moved = move(bsc, bytes, in);
        if (is_reached(bytes, status, until)) {
            return BSC_OK;
        }
        if (bsc->give_up()) {
            return BSC_GIVEN_UP;
        }
        if (moved) {
            deadline = next_deadline(bsc);
        } else if (late) {
            return BSC_TIMEOUT; // the status was read after the clock, so an interrupt cannot have used up the time
        }
    }
}

// Ends a transfer between its bytes. A read then ends with NACK and STOP, which the block sends while it is enabled: if
// it were not, it would send them at the start of the next transfer.
static void abandon(const bsc_t *bsc) {
    write(bsc, DLEN, 0); // QEMU takes each write of C with I2CEN for a start
    write(bsc, C, C_I2CEN | C_CLEAR | (read(bsc, C) & C_READ));
    (void)timer_wait_register(bsc->base + S, S_TA, 0, 2 * bsc->byte_us);
}

// Leaves the block idle, also after an error.
static bsc_result_t end(const bsc_t *bsc, bsc_result_t result, size_t left) {
    if (result == BSC_OK && left != 0) {
        result = BSC_SHORT;
    } else if (result == BSC_NACK) {
        // ERR comes with the bit, DONE after the STOP, which a block that is switched off does not send.
        (void)timer_wait_register(bsc->base + S, S_DONE, S_DONE, bsc->byte_us);
    } else if (result != BSC_OK) {
        abandon(bsc);
    }
    clear(bsc);
    return result;
}

static bsc_result_t finish(const bsc_t *bsc, bsc_bytes_t bytes, bool in) {
    bsc_result_t result = move_until(bsc, &bytes, in, S_DONE);
    if (in && result == BSC_OK) {
        (void)move(bsc, &bytes, in); // bytes that arrived between the reads of FIFO and status
    }
    return end(bsc, result, bytes.size);
}

// Waits until the transfer is active: a byte written earlier could be lost.
static bsc_result_t begin_write(const bsc_t *bsc, uint32_t device, bsc_bytes_t out) {
    bsc_bytes_t none = { out.data, 0 };
    clear(bsc);
    begin(bsc, device, out.size, 0);
    return move_until(bsc, &none, false, S_TA | S_DONE);
}

bsc_result_t bsc_write(const bsc_t *bsc, uint32_t device, bsc_bytes_t out) {
    bsc_result_t result = begin_write(bsc, device, out);
    return result == BSC_OK ? finish(bsc, out, false) : end(bsc, result, 0);
}

bsc_result_t bsc_read(const bsc_t *bsc, uint32_t device, bsc_bytes_t in) {
    clear(bsc);
    begin(bsc, device, in.size, C_READ);
    return finish(bsc, in, true);
}

// After the start of the read: lets the bytes of the write leave the FIFO, which serves both directions. Until it was
// empty once, RXD tells of them. QEMU sets RXD at once, so the time is limited to that of the bytes.
static void wait_until_written(const bsc_t *bsc, size_t size) {
    uint32_t bytes = (uint32_t)(size < FIFO_SIZE ? size : FIFO_SIZE) + 2; // with both addresses
    (void)timer_wait_register(bsc->base + S, S_RXD, 0, bytes * bsc->byte_us);
}

// Writes all bytes but the last to the FIFO, and waits until there is room for that one.
static bsc_result_t feed_all_but_last(const bsc_t *bsc, bsc_bytes_t out) {
    bsc_bytes_t none = { out.data, 0 };
    bsc_bytes_t first = { out.data, out.size - 1 };
    bsc_result_t result = move_until(bsc, &first, false, 0);
    return result == BSC_OK ? move_until(bsc, &none, false, S_TXD) : result;
}

bsc_result_t bsc_write_read(const bsc_t *bsc, uint32_t device, bsc_bytes_t out, bsc_bytes_t in) {
    if (out.size == 0) {
        return bsc_read(bsc, device, in);
    }
    bsc_result_t result = begin_write(bsc, device, out);
    if (result == BSC_OK) {
        result = feed_all_but_last(bsc, out);
    }
    if (result != BSC_OK) {
        return end(bsc, result, 0);
    }
    // The block cannot end the write before it has the last byte. After that, the read must be programmed before the
    // byte has been sent.
    uint64_t state = cpu_irq_save();
    write(bsc, FIFO, out.data[out.size - 1]);
    write(bsc, S, S_DONE);
    begin(bsc, device, in.size, C_READ);
    cpu_irq_restore(state);
    wait_until_written(bsc, out.size);
    return finish(bsc, in, true);
}
