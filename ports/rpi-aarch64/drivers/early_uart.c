// SPDX-License-Identifier: MIT
// The PL011 before the MMU is on; see early_uart.h.

#include "early_uart.h"
#include "gpio.h"
#include "mmio.h"
#include "pl011_registers.h"

#define BAUD        (115200)
// Reads of the flag register: with the MMU off one takes 50 ns or more, and a FIFO of 32 bytes 2.8 ms.
#define MAX_POLLS   (200000)

static void wait_for_clear(uintptr_t base, uint32_t flag) {
    for (unsigned n = 0; n < MAX_POLLS && (mmio_read(base + FR) & flag); ++n) {
    }
}

static void set_pins(uintptr_t base) {
    const gpio_t gpio = { .base = base };
    // Bluetooth's pins first: one UART must not be on two pairs of pins.
    gpio_set_function(&gpio, PL011_PIN_BLUETOOTH_TX, GPIO_INPUT);
    gpio_set_function(&gpio, PL011_PIN_BLUETOOTH_RX, GPIO_INPUT);
    gpio_set_function(&gpio, PL011_PIN_TX, GPIO_ALT0);
    gpio_set_function(&gpio, PL011_PIN_RX, GPIO_ALT0);
}

void early_uart_start(uintptr_t base, uint32_t clock, uintptr_t gpio) {
    wait_for_clear(base, FR_BUSY);
    mmio_write(base + CR, 0);
    mmio_write(base + IMSC, 0);
    mmio_write(base + ICR, INT_ALL);
    if (gpio != 0) {
        set_pins(gpio);
    }
    // The divisor clock / (16 * BAUD) in units of 1/64: six bits of fraction.
    uint32_t divisor = (uint32_t)(((uint64_t)clock * 4 + BAUD / 2) / BAUD);
    mmio_write(base + IBRD, divisor >> 6);
    mmio_write(base + FBRD, divisor & 63);
    mmio_write(base + LCRH, LCRH_8BIT_FIFO); // latches the divisor, so it is written last
    mmio_write(base + CR, CR_ENABLE);
}

void early_uart_put(uintptr_t base, uint8_t byte) {
    wait_for_clear(base, FR_TXFF);
    if (!(mmio_read(base + FR) & FR_TXFF)) {
        mmio_write(base + DR, byte);
    }
}

void early_uart_puts(uintptr_t base, const char *text) {
    for (; *text != '\0'; ++text) {
        early_uart_put(base, (uint8_t)*text);
    }
}

void early_uart_put_hex(uintptr_t base, uint64_t value) {
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)(value >> shift) & 15;
        early_uart_put(base, (uint8_t)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
}
