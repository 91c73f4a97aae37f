// SPDX-License-Identifier: MIT
// Reports before the MMU is on; see early.h. Symbols are taken PC-relative, so pointers to them are physical addresses.

#include "aarch64/cpu.h"
#include "drivers/early_uart.h"
#include "drivers/gpio.h"
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

// Header pin 11. It is shown to a scope or a logic analyser: one pulse a place.
#define SCOPE_PIN       (17)
#define ON_MS           (100)
#define OFF_MS          (150)
#define SLOWEST_HZ      (19200000)  // if CNTFRQ_EL0 is 0: at EL3 nothing has written it yet

static const char lines[PLACE_COUNT][40] = {
    "[boot 1 of 12: entry]\r\n",
    "[boot 2 of 12: EL1]\r\n",
    "[boot 3 of 12: memory cleared]\r\n",
    "[boot 4 of 12: page tables]\r\n",
    "[boot 5 of 12: MMU on]\r\n",
    "[boot 6 of 12: devices]\r\n",
    "[boot 7 of 12: interrupts]\r\n",
    "[boot 8 of 12: console]\r\n",
    "[boot 9 of 12: RAM found]\r\n",
    "[boot 10 of 12: cores parked]\r\n",
    "[boot 11 of 12: frames]\r\n",
    "[boot 12 of 12: MicroPython]\r\n",
};

const char *early_place_line(unsigned place) {
    return lines[place - 1];
}

static void pause_ms(uint64_t ms) {
    uint64_t hz = cpu_counter_frequency();
    uint64_t end = cpu_counter() + (hz != 0 ? hz : SLOWEST_HZ) / 1000 * ms;
    while (cpu_counter() < end) {
    }
}

static void drive(const gpio_t *gpio, unsigned led, bool high) {
    gpio_write(gpio, SCOPE_PIN, high);
    if (led != 0) {
        gpio_write(gpio, led, high);
    }
}

void early_blink(uintptr_t base, unsigned led) {
    const gpio_t gpio = { .base = base };
    gpio_set_function(&gpio, SCOPE_PIN, GPIO_OUTPUT);
    if (led != 0) {
        gpio_set_function(&gpio, led, GPIO_OUTPUT);
    }
    drive(&gpio, led, true);
    pause_ms(ON_MS);
    drive(&gpio, led, false);
    pause_ms(OFF_MS);
}

void early_place(unsigned place) {
    start_console();
    early_uart_puts(soc->uart, early_place_line(place));
    if (soc->gpio != 0) {
        early_blink(soc->gpio, soc->led);
    }
}

#endif // BOOT_BRINGUP
