// SPDX-License-Identifier: MIT
// See uart_line.h.

#include "aarch64/cpu.h"
#include "boot/soc.h"
#include "drivers/board.h"
#include "drivers/irq.h"
#include "drivers/pl011_registers.h"
#include "uart.h"
#include "uart_line.h"

#define PL011_FIRST (2)
#define PL011_SIZE  (0x200)

static uart_line_t *pl011_open[UART_LINE_END];

static bool is_mini(unsigned id) {
    return id == UART_LINE_MINI;
}

static uintptr_t base_of(unsigned id) {
    return soc_mmio(is_mini(id) ? soc->aux : soc->uart2 + (id - PL011_FIRST) * PL011_SIZE);
}

bool uart_line_is_known(unsigned id) {
    return is_mini(id) || (id >= PL011_FIRST && id < UART_LINE_END && soc->uart2 != 0);
}

// QEMU's raspi4b does not model numbers 2 to 5: their registers read as 0.
bool uart_line_answers(unsigned id) {
    return is_mini(id) ? soc->aux != 0 : pl011_answers(base_of(id));
}

uint32_t uart_line_clock(unsigned id) {
    uint32_t hz = 0;
    if (!is_mini(id)) {
        return uart_clock(); // one clock for all PL011
    }
    (void)mailbox_clock_rate(&board_mailbox, MAILBOX_CLOCK_CORE, &hz);
    return hz;
}

bool uart_line_has_rate(unsigned id, uint32_t clock, uint32_t baud) {
    uint32_t integer, fraction;
    return is_mini(id) ? mini_uart_divisor(clock, baud, &integer) : pl011_divisor(clock, baud, &integer, &fraction);
}

// --- interrupts ---

// All PL011 share the interrupt of the console.
static void pl011_irq_of_all(void *arg) {
    (void)arg;
    uart_interrupt();
    for (unsigned id = PL011_FIRST; id < UART_LINE_END; ++id) {
        if (pl011_open[id] != NULL) {
            pl011_irq(&pl011_open[id]->pl011);
        }
    }
}

static void set_irq(uart_line_t *line, bool on) {
    if (is_mini(line->id)) {
        irq_set_handler(soc->aux_irq, on ? mini_uart_irq : NULL, &line->mini);
        (void)(on ? irq_enable(soc->aux_irq) : irq_disable(soc->aux_irq));
        return;
    }
    uint64_t state = cpu_irq_save();
    pl011_open[line->id] = on ? line : NULL;
    irq_set_handler(soc->uart_irq, pl011_irq_of_all, NULL);
    cpu_irq_restore(state);
}

// A program may have masked IRQ: bytes are then received when it asks for them.
static void poll_if_masked(uart_line_t *line) {
    if (cpu_irq_is_masked() && is_mini(line->id)) {
        mini_uart_irq(&line->mini);
    } else if (cpu_irq_is_masked()) {
        pl011_irq(&line->pl011);
    }
}

// The handler is there before the UART interrupts, and until after: nothing else ends the interrupt.
static void start_rx(uart_line_t *line, pl011_hook_t hook) {
    uint64_t state = cpu_irq_save();
    if (is_mini(line->id)) {
        mini_uart_start_rx(&line->mini, &line->ring, hook, line);
    } else {
        pl011_start_rx(&line->pl011, &line->ring, hook, line);
    }
    set_irq(line, true);
    cpu_irq_restore(state);
}

static void stop_rx(uart_line_t *line) {
    if (is_mini(line->id)) {
        mini_uart_stop_rx(&line->mini);
    } else {
        pl011_stop_rx(&line->pl011);
    }
    set_irq(line, false);
}

// --- open and closed ---

static uint32_t control_of(const uart_format_t *format) {
    uint32_t parity = format->parity < 0 ? 0 : LCRH_PARITY | (format->parity == 0 ? LCRH_EVEN : 0);
    return (uint32_t)(format->bits - 5) << LCRH_BITS | LCRH_FIFO | (format->stop == 2 ? LCRH_2_STOP : 0) | parity;
}

void uart_line_open(uart_line_t *line, const uart_format_t *format, uint8_t *data, uint32_t size, pl011_hook_t hook) {
    uint32_t clock = uart_line_clock(line->id);
    ring_init(&line->ring, data, size);
    if (is_mini(line->id)) {
        mini_uart_disable(&line->mini, base_of(line->id));
        (void)mini_uart_enable(&line->mini, clock, format->baud, format->bits);
    } else {
        pl011_disable(&line->pl011, base_of(line->id));
        (void)pl011_enable_line(&line->pl011, clock, format->baud, control_of(format));
    }
    start_rx(line, hook);
    line->open = true;
}

void uart_line_close(uart_line_t *line) {
    line->open = false;
    stop_rx(line);
    if (is_mini(line->id)) {
        mini_uart_disable(&line->mini, base_of(line->id));
        mini_uart_off(&line->mini);
    } else {
        pl011_disable(&line->pl011, base_of(line->id));
    }
}

// --- bytes ---

uint32_t uart_line_count(uart_line_t *line) {
    poll_if_masked(line);
    return ring_count(&line->ring);
}

int uart_line_get(uart_line_t *line) {
    poll_if_masked(line);
    int byte = ring_get(&line->ring);
    if (byte >= 0) {
        uint64_t state = cpu_irq_save();
        if (is_mini(line->id)) {
            mini_uart_resume_rx(&line->mini);
        } else {
            pl011_resume_rx(&line->pl011);
        }
        cpu_irq_restore(state);
    }
    return byte;
}

bool uart_line_has_room(const uart_line_t *line) {
    return is_mini(line->id) ? mini_uart_has_room(&line->mini) : pl011_has_room(&line->pl011);
}

bool uart_line_try_put(const uart_line_t *line, uint8_t byte) {
    return is_mini(line->id) ? mini_uart_try_put(&line->mini, byte) : pl011_try_put(&line->pl011, byte);
}

bool uart_line_is_idle(const uart_line_t *line) {
    return is_mini(line->id) ? mini_uart_is_idle(&line->mini) : pl011_is_idle(&line->pl011);
}

void uart_line_set_break(const uart_line_t *line, bool on) {
    if (is_mini(line->id)) {
        mini_uart_set_break(&line->mini, on);
    } else {
        pl011_set_break(&line->pl011, on);
    }
}
