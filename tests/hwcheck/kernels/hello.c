// SPDX-License-Identifier: MIT
// A first kernel: prints a line with the MMU off, turns MMU and caches on with an identity map, and
// then lets one page show another frame, and one more page a third. With FLAWED it does so as many a first kernel does.
#include "board.h"

#define TABLE 3UL
#define BLOCK 1UL
#define PAGE 3UL
#define ACCESSED (1UL << 10)
#define INNER (3UL << 8)
#define READ_ONLY (2UL << 6)
#define NO_EXECUTE (3UL << 53)
#define NORMAL (0UL << 2) // index 0 of MAIR: write-back
#define DEVICE (1UL << 2) // index 1: nGnRE

#ifdef FLAWED
// Any memory may be read, written and executed, and no attribute says who shares it.
#define CODE (ACCESSED | NORMAL)
#define DATA (ACCESSED | NORMAL)
#define REGISTERS (ACCESSED | DEVICE)
#define MAPPED_END (RAM + 0x3f000000)
#define WALKS 0 // walks go past the cache, in which the tables are
#else
#define CODE (ACCESSED | INNER | NORMAL | READ_ONLY)
#define DATA (ACCESSED | INNER | NORMAL | NO_EXECUTE)
#define REGISTERS (ACCESSED | DEVICE | NO_EXECUTE)
#define MAPPED_END RAM_END
#define WALKS (3UL << 12 | 1UL << 10 | 1UL << 8) // write-back, inner shareable, as the tables are
#endif

#define MIB_2 0x200000UL
#define WINDOW 0x100000000UL // its first page shows one frame, then another

static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level2[4][512] __attribute__((aligned(4096)));
static uint64_t window2[512] __attribute__((aligned(4096)));
static uint64_t window3[512] __attribute__((aligned(4096)));
static volatile uint64_t first[512] __attribute__((aligned(4096)));
static volatile uint64_t second[512] __attribute__((aligned(4096)));
static volatile uint64_t third[512] __attribute__((aligned(4096)));

static void map_2_mib(uint64_t address, uint64_t attributes) {
    uint64_t gib = address >> 30;
    level1[gib] = (uint64_t)level2[gib] | TABLE;
    level2[gib][address >> 21 & 511] = address | attributes | BLOCK;
}

static void make_tables(void) {
    extern char _start[];
    uint64_t code = (uint64_t)_start & ~(MIB_2 - 1);
    for (uint64_t address = RAM; address < MAPPED_END; address += MIB_2) {
        map_2_mib(address, address == code ? CODE : DATA);
    }
    for (uint64_t address = DEVICES; address < DEVICES + 0x1000000; address += MIB_2) {
        map_2_mib(address, REGISTERS);
    }
    level1[WINDOW >> 30] = (uint64_t)window2 | TABLE;
    window2[0] = (uint64_t)window3 | TABLE;
    window3[0] = (uint64_t)first | DATA | PAGE;
}

static void turn_mmu_on(void) {
    uint64_t tcr = 25 | WALKS | 1UL << 23 | 1UL << 32; // 39 bits of addresses, no TTBR1, 36 bits out
    __asm__ volatile ("msr mair_el1, %0" : : "r" (0x04ffUL));
    __asm__ volatile ("msr tcr_el1, %0" : : "r" (tcr));
    __asm__ volatile ("msr ttbr0_el1, %0" : : "r" (level1));
    #ifndef FLAWED
    __asm__ volatile ("dsb ish\n isb\n tlbi vmalle1\n ic iallu\n dsb ish\n isb" : : : "memory");
    #endif
    __asm__ volatile ("msr sctlr_el1, %0" : : "r" (0x30d0180dUL) : "memory");
    #ifndef FLAWED
    __asm__ volatile ("isb" : : : "memory");
    #endif
}

static void show_other_frame(void) {
    #ifdef FLAWED
    window3[0] = (uint64_t)second | DATA | PAGE;
    #else
    *(volatile uint64_t *)window3 = 0;
    __asm__ volatile ("dsb ishst\n tlbi vaae1is, %0\n dsb ish" : : "r" (WINDOW >> 12) : "memory");
    *(volatile uint64_t *)window3 = (uint64_t)second | DATA | PAGE;
    __asm__ volatile ("dsb ishst\n isb" : : : "memory");
    #endif
}

static void show_one_more(void) {
    *(volatile uint64_t *)&window3[1] = (uint64_t)third | DATA | PAGE;
    __asm__ volatile ("dsb ishst\n isb" : : : "memory");
}

void kernel_main(void) {
    volatile uint64_t *window = (volatile uint64_t *)WINDOW;
    uart_init();
    print("hello, the MMU is off\n");
    make_tables();
    turn_mmu_on();
    print("hello, the MMU is on\n");
    window[0] = 1;
    show_other_frame();
    window[0] = 2;
    show_one_more();
    window[512] = 3;
    print(first[0] == 1 && second[0] == 2 && third[0] == 3 ? "three frames\n" : "too few frames\n");
    finish();
}
