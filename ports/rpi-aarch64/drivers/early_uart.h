// SPDX-License-Identifier: MIT
// The console before the MMU is on: a PL011 that only sends, set up by plain register writes without the firmware's
// help. Compiled like boot_map.c, for RAM as Device memory.

#ifndef PORTS_RPI_AARCH64_DRIVERS_EARLY_UART_H
#define PORTS_RPI_AARCH64_DRIVERS_EARLY_UART_H

#include <stdint.h>

// Sets the PL011 at `base` to 115200 baud, 8N1, from `clock` Hz, and connects it to GPIO14 and GPIO15, taking it
// from the Bluetooth chip; `gpio` is 0 where there are no pins to set. What the firmware is still sending is sent
// first, for a bounded time.
void early_uart_start(uintptr_t base, uint32_t clock, uintptr_t gpio);

// Sends a byte; waits for room for a bounded time, then drops it.
void early_uart_put(uintptr_t base, uint8_t byte);

// Sends a text, and the 16 hexadecimal digits of a value.
void early_uart_puts(uintptr_t base, const char *text);
void early_uart_put_hex(uintptr_t base, uint64_t value);

#endif // PORTS_RPI_AARCH64_DRIVERS_EARLY_UART_H
