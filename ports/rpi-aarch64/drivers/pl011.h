// SPDX-License-Identifier: MIT
// Arm PL011 UART (DDI 0183), 8n1 as a rule: transmission polled, reception by interrupt into a ring.
// The driver makes no assumption about what used the UART before. The caller sets up pins and clock.

#ifndef PORTS_RPI_AARCH64_DRIVERS_PL011_H
#define PORTS_RPI_AARCH64_DRIVERS_PL011_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port.h"
#include "ring.h"

// Called for every good byte received, in interrupt context, before it goes into the ring.
// Returns true if it consumed the byte, which is then not stored.
typedef bool (*pl011_hook_t)(void *arg, uint8_t byte);

typedef struct _pl011_t {
    uintptr_t base;
    ring_t *ring;
    pl011_hook_t hook;
    void *hook_arg;
    bool rx_stopped;    // the ring was full: receive interrupts are masked
    bool tx_stuck;      // the last byte timed out: do not wait that long again
    uart_stats_t stats;
} pl011_t;

// Divisors for a baud rate at a UART clock in Hz, rounded to the nearest 1/64: less than 1 % off.
// Returns false if the rate cannot be made (divisor below 1 or above 65535).
bool pl011_divisor(uint32_t clock, uint32_t baud, uint32_t *integer, uint32_t *fraction);

// Stops the UART: lets the last byte leave (bounded), disables it, masks and
// clears its interrupts, empties its FIFOs. The UART's clock may be changed afterwards.
void pl011_disable(pl011_t *uart, uintptr_t base);

// Starts a disabled UART at the baud rate, for polled transmission; nothing is received into a
// ring yet. Returns false if the rate cannot be made; the UART then stays disabled.
bool pl011_enable(pl011_t *uart, uint32_t clock, uint32_t baud);

// The same with the value of LCRH (pl011_registers.h), which must have LCRH_FIFO.
bool pl011_enable_line(pl011_t *uart, uint32_t clock, uint32_t baud, uint32_t line);

// Whether a PL011 is there, by a register that keeps what is written. For one that is not in use: it loses its rate.
bool pl011_answers(uintptr_t base);

// Starts reception into the ring by interrupt. The hook may be 0.
void pl011_start_rx(pl011_t *uart, ring_t *ring, pl011_hook_t hook, void *arg);

// Stops reception: nothing interrupts any more. Call it before the handler is removed.
void pl011_stop_rx(const pl011_t *uart);

// The interrupt handler; arg is the pl011_t.
void pl011_irq(void *arg);

// After bytes were taken from the ring: starts reception again if the ring had been full and has
// room now. IRQ must be masked. Cheap when there is nothing to do.
void pl011_resume_rx(pl011_t *uart);

// Sends; waits for room in the FIFO, bounded. Returns the number of bytes sent.
// Works with interrupts masked and needs pl011_t's base only, so crash output can use it.
size_t pl011_write(pl011_t *uart, const char *data, size_t size);

// These do not wait. A break is sent for as long as it is on.
bool pl011_has_room(const pl011_t *uart);
bool pl011_try_put(const pl011_t *uart, uint8_t byte);
bool pl011_is_idle(const pl011_t *uart);
void pl011_set_break(const pl011_t *uart, bool on);

// Waits until everything has left the wire, bounded.
void pl011_flush(pl011_t *uart);

#endif // PORTS_RPI_AARCH64_DRIVERS_PL011_H
