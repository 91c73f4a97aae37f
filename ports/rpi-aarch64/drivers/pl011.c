// SPDX-License-Identifier: MIT
// PL011 driver; see pl011.h.

#include "mmio.h"
#include "pl011.h"
#include "pl011_registers.h"
#include "timer.h"

#define DR_ERROR    (0x700) // framing, parity, break
#define DR_OVERRUN  (0x800)

#define IFLS_EIGHTH     (0x00)  // receive interrupt at 1/8: the most time before an overrun
#define INT_RX          (1u << 4)
#define INT_RX_TIMEOUT  (1u << 6)

// Longer than a full FIFO (32 bytes) at 9600 baud, the slowest that firmware may have left.
#define BUSY_US         (50000)
// Longer than one byte at 9600 baud.
#define TX_US           (2000)
// Bytes that an empty FIFO takes; later revisions take 32.
#define TX_FIFO_SIZE    (16)
// Bytes that one interrupt takes, as many as the FIFO has: the next interrupt takes what came meanwhile.
#define MAX_RX          (16)
// Free bytes in the ring before reception starts again, so that it does not stop at every byte.
#define RESUME_ROOM     (256)

bool pl011_divisor(uint32_t clock, uint32_t baud, uint32_t *integer, uint32_t *fraction) {
    if (baud == 0) {
        return false;
    }
    // The divisor clock / (16 * baud) in units of 1/64.
    uint64_t divisor = ((uint64_t)clock * 4 + baud / 2) / baud;
    if (divisor < 64 || divisor > 65535 * 64) {
        return false;
    }
    *integer = (uint32_t)(divisor >> 6);
    *fraction = (uint32_t)(divisor & 63);
    return true;
}

void pl011_disable(pl011_t *uart, uintptr_t base) {
    *uart = (pl011_t) { .base = base };
    timer_wait_register(base + FR, FR_BUSY, 0, BUSY_US);
    mmio_write(base + CR, 0);
    mmio_write(base + IMSC, 0);
    mmio_write(base + DMACR, 0);
    mmio_clear_bits(base + LCRH, LCRH_8BIT_FIFO); // FEN off empties both FIFOs, which are one byte deep then
    // One read empties them. Further ones would lose what a client sends to an emulated board that starts: QEMU also
    // receives while the UART is disabled.
    (void)mmio_read(base + DR);
    mmio_write(base + ICR, INT_ALL);
}

bool pl011_enable(pl011_t *uart, uint32_t clock, uint32_t baud) {
    return pl011_enable_line(uart, clock, baud, LCRH_8BIT_FIFO);
}

bool pl011_enable_line(pl011_t *uart, uint32_t clock, uint32_t baud, uint32_t line) {
    uint32_t integer, fraction;
    if (!pl011_divisor(clock, baud, &integer, &fraction)) {
        return false;
    }
    mmio_write(uart->base + IBRD, integer);
    mmio_write(uart->base + FBRD, fraction);
    mmio_write(uart->base + LCRH, line); // latches the divisor, so it is written last
    // Turning the FIFO on discards bytes received since it was emptied. QEMU then accepts no more input until the data
    // register is read, even when it is empty.
    (void)mmio_read(uart->base + DR);
    mmio_write(uart->base + IFLS, IFLS_EIGHTH);
    mmio_write(uart->base + CR, CR_ENABLE);
    return true;
}

void pl011_start_rx(pl011_t *uart, ring_t *ring, pl011_hook_t hook, void *arg) {
    uart->ring = ring;
    uart->hook = hook;
    uart->hook_arg = arg;
    uart->rx_stopped = false;
    // The timeout is for bytes that do not fill the FIFO to its level: single keys.
    mmio_write(uart->base + IMSC, INT_RX | INT_RX_TIMEOUT);
}

void pl011_stop_rx(const pl011_t *uart) {
    mmio_write(uart->base + IMSC, 0);
}

// Returns whether the byte is good.
static bool note_errors(pl011_t *uart, uint32_t data) {
    // Overrun says that bytes after this one were lost, not that this one is bad.
    uart->stats.overruns += (data & DR_OVERRUN) != 0;
    uart->stats.line_errors += (data & DR_ERROR) != 0;
    return (data & DR_ERROR) == 0;
}

static inline void take_byte(pl011_t *uart, uint32_t data) {
    if ((data & (DR_ERROR | DR_OVERRUN)) != 0 && !note_errors(uart, data)) {
        return;
    }
    ++uart->stats.received;
    if (uart->hook == 0 || !uart->hook(uart->hook_arg, (uint8_t)data)) {
        ring_append(uart->ring, (uint8_t)data); // there is room: drain() asked before it read the byte
    }
}

// Moves bytes from the FIFO to the ring while there are any and there is room.
// A byte is only read when it can be stored: what stays in the FIFO holds back QEMU's sender, and
// on hardware shows up as an overrun instead of vanishing.
static void drain(pl011_t *uart) {
    uint32_t room = ring_room(uart->ring); // at least: each byte takes one place at most
    for (uint32_t n = 0; n < MAX_RX; ++n) {
        if (mmio_read(uart->base + FR) & FR_RXFE) {
            return;
        }
        if (n >= room) {
            mmio_write(uart->base + IMSC, 0);
            uart->rx_stopped = true;
            ++uart->stats.ring_full;
            return;
        }
        take_byte(uart, mmio_read(uart->base + DR));
    }
}

void pl011_irq(void *arg) {
    pl011_t *uart = arg;
    if (mmio_read(uart->base + FR) & FR_RXFE) {
        // The interrupt is asserted without a byte: clear it, or it repeats endlessly. Clearing it while
        // there are bytes would lose their interrupt; one may have arrived since the test, so drain() follows.
        mmio_write(uart->base + ICR, INT_RX | INT_RX_TIMEOUT);
    }
    drain(uart);
}

void pl011_resume_rx(pl011_t *uart) {
    if (!uart->rx_stopped) {
        return;
    }
    uint32_t size = uart->ring->mask + 1;
    if (ring_room(uart->ring) < (size < 2 * RESUME_ROOM ? size / 2 : RESUME_ROOM)) {
        return;
    }
    uart->rx_stopped = false;
    // Drain first: the timeout interrupt of bytes below the FIFO's level may be over.
    drain(uart);
    if (!uart->rx_stopped) {
        mmio_write(uart->base + IMSC, INT_RX | INT_RX_TIMEOUT);
    }
}

// How many bytes may be written without a further look; 0 when the UART is stuck.
static size_t wait_tx_room(pl011_t *uart) {
    if (mmio_read(uart->base + FR) & FR_TXFE) {
        uart->tx_stuck = false;
        return TX_FIFO_SIZE;
    }
    bool room = timer_wait_register(uart->base + FR, FR_TXFF, 0, uart->tx_stuck ? 0 : TX_US);
    uart->tx_stuck = !room;
    return room;
}

size_t pl011_write(pl011_t *uart, const char *data, size_t size) {
    size_t sent = 0;
    for (size_t room; size != 0; size -= room, data += room) {
        room = wait_tx_room(uart);
        if (room == 0) {
            ++uart->stats.tx_dropped;
            room = 1;
            continue;
        }
        room = room < size ? room : size;
        for (size_t i = 0; i < room; ++i) {
            mmio_write(uart->base + DR, (uint8_t)data[i]);
        }
        sent += room;
    }
    return sent;
}

void pl011_flush(pl011_t *uart) {
    timer_wait_register(uart->base + FR, FR_BUSY, 0, BUSY_US);
}

bool pl011_answers(uintptr_t base) {
    mmio_write(base + IBRD, 1);
    return mmio_read(base + IBRD) == 1;
}

bool pl011_has_room(const pl011_t *uart) {
    return (mmio_read(uart->base + FR) & FR_TXFF) == 0;
}

bool pl011_try_put(const pl011_t *uart, uint8_t byte) {
    if (!pl011_has_room(uart)) {
        return false;
    }
    mmio_write(uart->base + DR, byte);
    return true;
}

bool pl011_is_idle(const pl011_t *uart) {
    return (mmio_read(uart->base + FR) & FR_BUSY) == 0;
}

void pl011_set_break(const pl011_t *uart, bool on) {
    if (on) {
        mmio_set_bits(uart->base + LCRH, LCRH_BREAK);
    } else {
        mmio_clear_bits(uart->base + LCRH, LCRH_BREAK);
    }
}
