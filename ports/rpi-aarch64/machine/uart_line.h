// SPDX-License-Identifier: MIT
// The UARTs besides the console, for machine.UART: the mini UART (number 1), and on BCM2711 four PL011 (2 to 5). Both
// kinds have the same functions.

#ifndef PORTS_RPI_AARCH64_MACHINE_UART_LINE_H
#define PORTS_RPI_AARCH64_MACHINE_UART_LINE_H

#include "drivers/mini_uart.h"
#include "drivers/pl011.h"

#define UART_LINE_FIRST (1)
#define UART_LINE_END   (6)
#define UART_LINE_MINI  (1)

typedef struct _uart_format_t {
    uint32_t baud;
    uint8_t bits;       // 5 to 8; the mini UART: 7 or 8
    int8_t parity;      // -1: none, 0: even, 1: odd; the mini UART has none
    uint8_t stop;       // 1 or 2; the mini UART has 1
} uart_format_t;

typedef struct _uart_line_t {
    uint8_t id;
    bool open;
    union {
        pl011_t pl011;
        mini_uart_t mini;
    };
    ring_t ring;
} uart_line_t;

// Whether this SoC has the UART, and whether it answers. The line must not be open.
bool uart_line_is_known(unsigned id);
bool uart_line_answers(unsigned id);

// The clock in Hz that a UART divides; 0 if the firmware does not answer. And whether it can generate the rate.
uint32_t uart_line_clock(unsigned id);
bool uart_line_has_rate(unsigned id, uint32_t clock, uint32_t baud);

// Starts a line with a ring of `size` bytes, a power of two. The rate must be possible. hook: see pl011.h.
void uart_line_open(uart_line_t *line, const uart_format_t *format, uint8_t *data, uint32_t size, pl011_hook_t hook);
void uart_line_close(uart_line_t *line);

// The number of received bytes, and the next one or -1.
uint32_t uart_line_count(uart_line_t *line);
int uart_line_get(uart_line_t *line);

// These do not wait.
bool uart_line_has_room(const uart_line_t *line);
bool uart_line_try_put(const uart_line_t *line, uint8_t byte);
bool uart_line_is_idle(const uart_line_t *line);
void uart_line_set_break(const uart_line_t *line, bool on);

#endif // PORTS_RPI_AARCH64_MACHINE_UART_LINE_H
