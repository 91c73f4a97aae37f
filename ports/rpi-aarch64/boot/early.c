// SPDX-License-Identifier: MIT
// Reports before the MMU is on; see early.h. Symbols are taken PC-relative, so pointers to them are physical addresses.

#include "aarch64/cpu.h"
#include "drivers/early_uart.h"
#include "drivers/mmio.h"
#include "early.h"
#include "place.h"
#include "soc.h"

static void start_console(void) {
    soc_init(); // again: nothing may rely on how far boot came
    early_uart_start(soc->uart, soc->uart_clock, soc->gpio);
}

static void put_field(const char *name, uint64_t value) {
    early_uart_puts(soc->uart, ",\"");
    early_uart_puts(soc->uart, name);
    early_uart_puts(soc->uart, "\":\"0x");
    early_uart_put_hex(soc->uart, value);
    early_uart_puts(soc->uart, "\"");
}

static void begin_crash(const char *cause) {
    start_console();
    early_uart_puts(soc->uart, "\r\nCRASH {\"cause\":\"");
    early_uart_puts(soc->uart, cause);
    early_uart_puts(soc->uart, "\"");
}

static void __attribute__((noreturn)) end_crash(void) {
    early_uart_puts(soc->uart, "}\r\n");
    cpu_stop();
}

void boot_exception(uint64_t esr, uint64_t elr, uint64_t far) {
    begin_crash("exception before the MMU is on");
    put_field("esr", esr);
    put_field("elr", elr);
    put_field("far", far);
    end_crash();
}

void early_stop(const char *cause) {
    begin_crash(cause);
    end_crash();
}

#if BOOT_BRINGUP

#define GPFSEL          (0x00)
#define GPSET           (0x1c)
#define GPCLR           (0x28)
#define GPIO_OUTPUT     (1u)
// Header pin 11. It is shown to a scope or a logic analyser: one pulse a place.
#define SCOPE_PIN       (17)
#define ON_MS           (100)
#define OFF_MS          (150)
#define SLOWEST_HZ      (19200000)  // if CNTFRQ_EL0 is 0: at EL3 nothing has written it yet

static const char names[PLACE_COUNT][16] = {
    "entry", "EL1", "memory cleared", "page tables", "MMU on", "devices",
    "interrupts", "console", "RAM found", "cores parked", "frames", "MicroPython",
};

const char *early_place_name(unsigned place) {
    return names[place - 1];
}

static void pause_ms(uint64_t ms) {
    uint64_t hz = cpu_counter_frequency();
    uint64_t end = cpu_counter() + (hz != 0 ? hz : SLOWEST_HZ) / 1000 * ms;
    while (cpu_counter() < end) {
    }
}

static void make_output(uintptr_t gpio, unsigned pin) {
    uintptr_t select = gpio + GPFSEL + 4 * (pin / 10);
    unsigned shift = 3 * (pin % 10);
    mmio_write(select, (mmio_read(select) & ~(7u << shift)) | GPIO_OUTPUT << shift);
}

static void set(uintptr_t gpio, unsigned pin, unsigned where) {
    mmio_write(gpio + where + 4 * (pin / 32), 1u << (pin % 32));
}

void early_blink(uintptr_t gpio, unsigned led) {
    make_output(gpio, SCOPE_PIN);
    set(gpio, SCOPE_PIN, GPSET);
    if (led != 0) {
        make_output(gpio, led);
        set(gpio, led, GPSET);
    }
    pause_ms(ON_MS);
    set(gpio, SCOPE_PIN, GPCLR);
    if (led != 0) {
        set(gpio, led, GPCLR);
    }
    pause_ms(OFF_MS);
}

// These places have one digit.
void early_place(unsigned place) {
    start_console();
    early_uart_puts(soc->uart, "[boot ");
    early_uart_put(soc->uart, (uint8_t)('0' + place));
    early_uart_puts(soc->uart, " of 12: ");
    early_uart_puts(soc->uart, early_place_name(place));
    early_uart_puts(soc->uart, "]\r\n");
    if (soc->gpio != 0) {
        early_blink(soc->gpio, soc->led);
    }
}

#endif // BOOT_BRINGUP
