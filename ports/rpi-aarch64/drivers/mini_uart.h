// SPDX-License-Identifier: MIT
// The mini UART of BCM2835 to BCM2711 (BCM2835 ARM Peripherals, "Mini UART", and its errata): 7 or 8 data bits, no
// parity, one stop bit; FIFOs of 8 bytes. Reception by interrupt into a ring, as in pl011.h. The caller sets up the
// pins.

#ifndef PORTS_RPI_AARCH64_DRIVERS_MINI_UART_H
#define PORTS_RPI_AARCH64_DRIVERS_MINI_UART_H

#include "pl011.h"

typedef struct _mini_uart_t {
    uintptr_t base;     // of the AUX block
    ring_t *ring;
    pl011_hook_t hook;
    void *hook_arg;
    bool rx_stopped;    // the ring was full: the receive interrupt is off
} mini_uart_t;

// The divisor for a baud rate at the core's clock in Hz, rounded to the nearest: less than 1 % off up to 1/400 of the
// clock. Returns false if the rate cannot be made.
bool mini_uart_divisor(uint32_t clock, uint32_t baud, uint32_t *divisor);

// Stops the UART, so that it can be configured, and makes its registers accessible.
void mini_uart_disable(mini_uart_t *uart, uintptr_t base);

// Starts a disabled UART; nothing is received into a ring yet. False: the rate cannot be made.
bool mini_uart_enable(mini_uart_t *uart, uint32_t clock, uint32_t baud, unsigned bits);

// After mini_uart_disable(): disables it in the AUX block, whose other parts stay unchanged.
void mini_uart_off(const mini_uart_t *uart);

// As the functions of pl011.h.
void mini_uart_start_rx(mini_uart_t *uart, ring_t *ring, pl011_hook_t hook, void *arg);
void mini_uart_stop_rx(const mini_uart_t *uart);
void mini_uart_irq(void *arg);
void mini_uart_resume_rx(mini_uart_t *uart);
bool mini_uart_has_room(const mini_uart_t *uart);
bool mini_uart_try_put(const mini_uart_t *uart, uint8_t byte);
bool mini_uart_is_idle(const mini_uart_t *uart);
void mini_uart_set_break(const mini_uart_t *uart, bool on);

#endif // PORTS_RPI_AARCH64_DRIVERS_MINI_UART_H
