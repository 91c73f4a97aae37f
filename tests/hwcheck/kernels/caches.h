// SPDX-License-Identifier: MIT
// MMU and caches of a Raspberry Pi, as framebuffer.c and cores.c use them: without a flaw.
#ifndef CACHES_H
#define CACHES_H

#include <stddef.h>

#include "board.h"

#define MIB_2 0x200000UL
#define WRITE_BACK 0x60000000000701UL // a block: read and written, inner shareable
#define EXECUTED 0x00000000000781UL // a block: read and executed
#define DEVICE 0x60000000000405UL
#define UNCACHED 0x60000000000709UL

static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level2[4][512] __attribute__((aligned(4096)));

static inline void map(uint64_t address, uint64_t end, uint64_t attributes) {
    for (address &= ~(MIB_2 - 1); address < end; address += MIB_2) {
        level1[address >> 30] = (uint64_t)level2[address >> 30] | 3;
        *(volatile uint64_t *)&level2[address >> 30][address >> 21 & 511] = address | attributes;
    }
    __asm__ volatile ("dsb ishst\n isb" : : : "memory");
}

static inline void make_tables(void) {
    map(RAM, MIB_2, EXECUTED);
    map(MIB_2, RAM_END, WRITE_BACK);
    map(DEVICES, DEVICES + 0x1000000, DEVICE);
}

static inline void turn_caches_on(void) {
    __asm__ volatile ("msr mair_el1, %0" : : "r" (0x4404ffUL));
    __asm__ volatile ("msr tcr_el1, %0" : : "r" (25 | 0x3500 | 1UL << 23 | 1UL << 32));
    __asm__ volatile ("msr ttbr0_el1, %0" : : "r" (level1));
    __asm__ volatile ("dsb ish\n isb\n tlbi vmalle1\n ic iallu\n dsb ish\n isb" : : : "memory");
    __asm__ volatile ("msr sctlr_el1, %0\n isb" : : "r" (0x30d0180dUL) : "memory");
}

// What was written goes to memory, and what is read next comes from it.
static inline void clean_and_invalidate(volatile void *start, size_t size) {
    uint64_t end = (uint64_t)start + size;
    for (uint64_t line = (uint64_t)start & ~63UL; line < end; line += 64) {
        __asm__ volatile ("dc civac, %0" : : "r" (line) : "memory");
    }
    __asm__ volatile ("dsb sy" : : : "memory");
}

#endif
