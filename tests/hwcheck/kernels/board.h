// SPDX-License-Identifier: MIT
// Where raspi3b, raspi4b and virt have what the kernels of this folder use.
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#if defined(RASPI3B)
#define RAM 0x00000000UL
#define DEVICES 0x3f000000UL
#elif defined(RASPI4B)
#define RAM 0x00000000UL
#define DEVICES 0xfe000000UL
#else
#define RAM 0x40000000UL
#define DEVICES 0x09000000UL
#endif

#ifdef VIRT
#define RAM_END (RAM + 0x10000000)
#define UART DEVICES
#else
#define RAM_END 0x3c000000UL // from here on it is the VideoCore's
#define UART (DEVICES + 0x201000)
#define MAILBOX (DEVICES + 0xb880)
#define WATCHDOG (DEVICES + 0x100000)
#endif

static inline volatile uint32_t *reg(uint64_t address) {
    return (volatile uint32_t *)address;
}

static inline void uart_init(void) {
    *reg(UART + 0x30) = 0; // off
    *reg(UART + 0x24) = 26; // 115200 baud at 48 MHz
    *reg(UART + 0x28) = 3;
    *reg(UART + 0x2c) = 0x70; // 8 bits, FIFO
    *reg(UART + 0x30) = 0x301;
}

static inline void print(const char *text) {
    for (; *text; text++) {
        while (*reg(UART + 0x18) & 0x20) {
        }
        *reg(UART) = (uint8_t)*text;
    }
}

// The machine is over: a board resets itself, virt is switched off.
static inline void finish(void) {
    #ifdef VIRT
    register uint64_t call __asm__ ("x0") = 0x84000008; // SYSTEM_OFF of PSCI
    __asm__ volatile ("hvc #0" : "+r" (call) : : "memory");
    #else
    *reg(WATCHDOG + 0x24) = 0x5a000001;
    *reg(WATCHDOG + 0x1c) = 0x5a000020;
    #endif
    for (;;) {
        __asm__ volatile ("wfe");
    }
}

#endif
