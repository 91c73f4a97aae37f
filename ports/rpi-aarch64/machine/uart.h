// SPDX-License-Identifier: MIT
// The console: PL011 on GPIO14 (TX) and GPIO15 (RX), 115200 baud, 8n1.
// MicroPython's mp_hal_stdin_* and mp_hal_stdout_* functions are built on it in uart.c.

#ifndef PORTS_RPI_AARCH64_MACHINE_UART_H
#define PORTS_RPI_AARCH64_MACHINE_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drivers/pl011.h"

#define UART_BAUD (115200)
#define UART_RING_SIZE (65536)

// Takes over the UART and its pins; sets clock and baud rate; starts reception
// by interrupt. Needs soc, the device mappings and irq_init(). IRQ may still be masked.
void uart_init(void);

// Sends by polled register access alone: works with interrupts masked, before uart_init()
// (it then brings up the UART with its default clock) and in a crash. Bounded. The first sends bytes
// as they are, the second text, LF as CR LF. Both need the MMU on.
void uart_early_write(const char *data, size_t size);
void uart_early_puts(const char *text);

// The handler of the UART's interrupt, for a handler that also serves other UARTs on the same line.
void uart_interrupt(void);

// Received bytes: the next one or -1, and how many there are.
int uart_get(void);
size_t uart_available(void);

// Takes the received bytes up to and including the `nth` that is `byte`. Returns false, and takes nothing, if there are
// fewer.
bool uart_take(uint8_t byte, unsigned nth);

// Sends bytes as they are; returns how many. Bounded: bytes that a UART does not send are dropped and counted.
size_t uart_write(const char *data, size_t size);

// Waits until everything has left the wire, bounded.
void uart_flush(void);

// The UART's clock in Hz that the baud rate was computed from.
uint32_t uart_clock(void);

// Bytes of RAM from address 0 that belong to the ARM, by the firmware; 0: no answer.
uint64_t uart_arm_memory_size(void);

#endif // PORTS_RPI_AARCH64_MACHINE_UART_H
