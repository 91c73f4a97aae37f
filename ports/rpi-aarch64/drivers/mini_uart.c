// SPDX-License-Identifier: MIT
// See mini_uart.h.

#include "mini_uart.h"
#include "mmio.h"

#define ENABLES         (0x04) // of the AUX block
#define IO              (0x40)
#define IER             (0x44)
#define IIR             (0x48)
#define LCR             (0x4c)
#define MCR             (0x50)
#define LSR             (0x54)
#define CNTL            (0x60)
#define BAUD            (0x68)

#define ENABLE_UART     (1u << 0)
// The manual has the bits of receiver and transmitter exchanged, and says that bits 3:2 have no effect. Without them
// nothing interrupts (errata); bit 2 is what Linux sets.
#define IER_RECEIVE     (1u << 0)
#define IER_LINE_STATUS (1u << 2)
#define IER_ON          (IER_RECEIVE | IER_LINE_STATUS)
#define IIR_CLEAR_BOTH  (0xc6)
#define LCR_7_BITS      (2)
#define LCR_8_BITS      (3) // the manual says 1 (errata)
#define LCR_BREAK       (1u << 6)
#define LSR_DATA        (1u << 0)
#define LSR_ROOM        (1u << 5)
#define LSR_IDLE        (1u << 6)
#define CNTL_BOTH       (3) // receiver and transmitter

#define MAX_DIVISOR     (65536)
// The most bytes that one interrupt takes.
#define MAX_RX          (16)

bool mini_uart_divisor(uint32_t clock, uint32_t baud, uint32_t *divisor) {
    if (baud == 0) {
        return false;
    }
    uint64_t whole = ((uint64_t)clock + 4 * (uint64_t)baud) / (8 * (uint64_t)baud);
    if (whole < 1 || whole > MAX_DIVISOR) {
        return false;
    }
    *divisor = (uint32_t)whole - 1;
    return true;
}

void mini_uart_disable(mini_uart_t *uart, uintptr_t base) {
    *uart = (mini_uart_t) {.base = base};
    mmio_set_bits(base + ENABLES, ENABLE_UART); // the other registers do not respond without it
    mmio_write(base + CNTL, 0);
    mmio_write(base + IER, 0);
    mmio_write(base + IIR, IIR_CLEAR_BOTH);
    // QEMU accepts no more input after its FIFO was cleared until this register is read.
    (void)mmio_read(base + IO);
}

void mini_uart_off(const mini_uart_t *uart) {
    mmio_clear_bits(uart->base + ENABLES, ENABLE_UART);
}

bool mini_uart_enable(mini_uart_t *uart, uint32_t clock, uint32_t baud, unsigned bits) {
    uint32_t divisor;
    if (!mini_uart_divisor(clock, baud, &divisor)) {
        return false;
    }
    mmio_write(uart->base + LCR, bits == 7 ? LCR_7_BITS : LCR_8_BITS);
    mmio_write(uart->base + MCR, 0);
    mmio_write(uart->base + BAUD, divisor);
    mmio_write(uart->base + CNTL, CNTL_BOTH);
    return true;
}

void mini_uart_start_rx(mini_uart_t *uart, ring_t *ring, pl011_hook_t hook, void *arg) {
    uart->ring = ring;
    uart->hook = hook;
    uart->hook_arg = arg;
    uart->rx_stopped = false;
    mmio_write(uart->base + IER, IER_ON);
}

void mini_uart_stop_rx(const mini_uart_t *uart) {
    mmio_write(uart->base + IER, 0);
}

// A byte is read only if the ring has room for it: in QEMU a full ring then makes the sender wait.
void mini_uart_irq(void *arg) {
    mini_uart_t *uart = arg;
    for (unsigned n = 0; n < MAX_RX && (mmio_read(uart->base + LSR) & LSR_DATA); ++n) {
        if (ring_room(uart->ring) == 0) {
            mmio_write(uart->base + IER, 0);
            uart->rx_stopped = true;
            return;
        }
        uint8_t byte = (uint8_t)mmio_read(uart->base + IO);
        if (uart->hook == 0 || !uart->hook(uart->hook_arg, byte)) {
            (void)ring_put(uart->ring, byte);
        }
    }
}

void mini_uart_resume_rx(mini_uart_t *uart) {
    if (uart->rx_stopped && ring_room(uart->ring) > uart->ring->mask / 2) {
        uart->rx_stopped = false;
        mmio_write(uart->base + IER, IER_ON);
    }
}

bool mini_uart_has_room(const mini_uart_t *uart) {
    return (mmio_read(uart->base + LSR) & LSR_ROOM) != 0;
}

bool mini_uart_try_put(const mini_uart_t *uart, uint8_t byte) {
    if (!mini_uart_has_room(uart)) {
        return false;
    }
    mmio_write(uart->base + IO, byte);
    return true;
}

bool mini_uart_is_idle(const mini_uart_t *uart) {
    return (mmio_read(uart->base + LSR) & LSR_IDLE) != 0;
}

void mini_uart_set_break(const mini_uart_t *uart, bool on) {
    if (on) {
        mmio_set_bits(uart->base + LCR, LCR_BREAK);
    } else {
        mmio_clear_bits(uart->base + LCR, LCR_BREAK);
    }
}
