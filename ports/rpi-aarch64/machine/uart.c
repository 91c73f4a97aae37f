// SPDX-License-Identifier: MIT
// The console and MicroPython's standard input and output on it; see uart.h.

#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"

#include "aarch64/cpu.h"
#include "drivers/board.h"
#include "drivers/irq.h"
#include "drivers/pl011.h"
#include "drivers/pl011_registers.h"
#include "drivers/ring.h"
#include "boot/soc.h"
#include "uart.h"

// The rate to set, and the range in which the firmware's answer is accepted. QEMU answers 3 MHz.
#define CLOCK_HZ            (48000000)
#define CLOCK_MIN_HZ        (2000000)
#define CLOCK_MAX_HZ        (250000000)

static pl011_t console;
static ring_t ring;
static uint8_t ring_data[UART_RING_SIZE] __attribute__((section(".bss.uncleared.ring")));
static uint32_t clock_hz; // 0: not set up yet

// Ctrl-C must work while Python computes, so the interrupt handler looks for it.
static bool look_for_interrupt(void *arg, uint8_t byte) {
    (void)arg;
    if (byte != mp_interrupt_char) {
        return false;
    }
    mp_sched_keyboard_interrupt();
    MP_STATE_MAIN_THREAD(stack_limit) = 0; // the next check of the stack notices (guard/py/cstack.c)
    return true;
}

static void set_pins(void) {
    if (board_gpio.base == 0) {
        return;
    }
    // Bluetooth's pins first: one UART must not be on two pairs of pins.
    gpio_set_function(&board_gpio, PL011_PIN_BLUETOOTH_TX, GPIO_INPUT);
    gpio_set_function(&board_gpio, PL011_PIN_BLUETOOTH_RX, GPIO_INPUT);
    gpio_set_pull(&board_gpio, PL011_PIN_TX, GPIO_PULL_NONE);
    gpio_set_pull(&board_gpio, PL011_PIN_RX, GPIO_PULL_UP);
    gpio_set_function(&board_gpio, PL011_PIN_TX, GPIO_ALT0);
    gpio_set_function(&board_gpio, PL011_PIN_RX, GPIO_ALT0);
}

static bool is_plausible(uint32_t hz) {
    return hz >= CLOCK_MIN_HZ && hz <= CLOCK_MAX_HZ;
}

// Sets 48 MHz and reads the rate back: the answer to the first request may be an echo. The UART must be
// disabled.
static uint32_t set_clock(void) {
    uint32_t hz = CLOCK_HZ;
    (void)mailbox_set_clock_rate(&board_mailbox, MAILBOX_CLOCK_UART, &hz);
    if (mailbox_clock_rate(&board_mailbox, MAILBOX_CLOCK_UART, &hz) == MAILBOX_OK
        && is_plausible(hz)) {
        return hz;
    }
    return soc->uart_clock;
}

static void start(uint32_t hz) {
    clock_hz = hz;
    if (!pl011_enable(&console, hz, UART_BAUD)) {
        clock_hz = soc->uart_clock;
        (void)pl011_enable(&console, clock_hz, UART_BAUD);
    }
}

void uart_init(void) {
    clock_hz = 0;
    board_init();
    ring_init(&ring, ring_data, UART_RING_SIZE);
    if (soc->uart == 0) {
        return; // without output, main.py may still run
    }
    pl011_disable(&console, soc_mmio(soc->uart));
    uint32_t hz = set_clock();
    set_pins();
    start(hz);
    irq_set_handler(soc->uart_irq, pl011_irq, &console);
    irq_prefer(soc->uart_irq); // its FIFO is full after 1.4 ms, and it takes Ctrl-C
    irq_enable(soc->uart_irq);
    pl011_start_rx(&console, &ring, look_for_interrupt, NULL);
}

void uart_interrupt(void) {
    pl011_irq(&console);
}

// Starts the UART for a crash before uart_init(), without the mailbox, which may be the cause.
static void start_early(void) {
    board_init();
    pl011_disable(&console, soc_mmio(soc->uart));
    set_pins();
    start(soc->uart_clock);
}

void uart_early_write(const char *data, size_t size) {
    if (soc->uart == 0) {
        return;
    }
    if (clock_hz == 0) {
        start_early();
    }
    pl011_write(&console, data, size);
}

void uart_early_puts(const char *text) {
    for (; *text != '\0'; ++text) {
        if (*text == '\n') {
            uart_early_write("\r", 1);
        }
        uart_early_write(text, 1);
    }
}

// A program may have masked IRQ. What it does not read then is only received when it reads, and Ctrl-C is found then.
static void poll_if_masked(void) {
    if (cpu_irq_is_masked() && soc->uart != 0) {
        pl011_irq(&console);
    }
}

int uart_get(void) {
    poll_if_masked();
    int byte = ring_get(&ring);
    if (byte >= 0 && console.rx_stopped) {
        uint64_t state = cpu_irq_save();
        pl011_resume_rx(&console);
        cpu_irq_restore(state);
    }
    return byte;
}

bool uart_take(uint8_t byte, unsigned nth) {
    return ring_take(&ring, byte, nth);
}

size_t uart_available(void) {
    poll_if_masked();
    return ring_count(&ring);
}

size_t uart_write(const char *data, size_t size) {
    return soc->uart != 0 ? pl011_write(&console, data, size) : 0;
}

void uart_flush(void) {
    if (soc->uart != 0) {
        pl011_flush(&console);
    }
}

const uart_stats_t *port_uart_stats(void) {
    return &console.stats;
}

uint32_t uart_clock(void) {
    return clock_hz;
}

uint64_t uart_arm_memory_size(void) {
    mailbox_memory_t memory;
    if (mailbox_arm_memory(&board_mailbox, &memory) != MAILBOX_OK) {
        return 0;
    }
    return (uint64_t)memory.base + memory.size;
}

// --- MicroPython's standard input and output ---

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ready = 0;
    if ((poll_flags & MP_STREAM_POLL_RD) && uart_available() > 0) {
        ready |= MP_STREAM_POLL_RD;
    }
    return ready | (poll_flags & MP_STREAM_POLL_WR);
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    return uart_write(str, len);
}
