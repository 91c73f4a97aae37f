// SPDX-License-Identifier: MIT
// The PL011 before the MMU is on; see early_uart.h. Registers: Arm DDI 0183, GPIO: BCM2711 manual 5.2.

#include "early_uart.h"
#include "mmio.h"

#define DR          (0x00)
#define FR          (0x18)
#define IBRD        (0x24)
#define FBRD        (0x28)
#define LCRH        (0x2c)
#define CR          (0x30)
#define IMSC        (0x38)
#define ICR         (0x44)

#define FR_BUSY         (1u << 3)
#define FR_TXFF         (1u << 5)
#define LCRH_8BIT_FIFO  (0x70)
#define CR_ENABLE       (0x301) // UARTEN, TXE, RXE
#define INT_ALL         (0x7ff)

#define GPFSEL1     (0x04)
#define GPFSEL3     (0x0c)
#define GPIO14_15   (077u << 12)    // in GPFSEL1
#define ALT0        (044u << 12)    // of both
#define GPIO32_33   (077u << 6)     // in GPFSEL3: the Bluetooth chip; 0 makes both inputs

#define BAUD        (115200)
// Reads of the flag register: with the MMU off one takes 50 ns or more, and a FIFO of 32 bytes 2.8 ms.
#define MAX_POLLS   (200000)

static void wait_for_clear(uintptr_t base, uint32_t flag) {
    for (unsigned n = 0; n < MAX_POLLS && (mmio_read(base + FR) & flag); ++n) {
    }
}

static void set_pins(uintptr_t gpio) {
    // Bluetooth's pins first: one UART must not be on two pairs of pins.
    mmio_clear_bits(gpio + GPFSEL3, GPIO32_33);
    mmio_write(gpio + GPFSEL1, (mmio_read(gpio + GPFSEL1) & ~GPIO14_15) | ALT0);
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
