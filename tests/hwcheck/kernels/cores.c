// SPDX-License-Identifier: MIT
// Two cores count with a spin lock, and core 0 calls a function that it has copied. With FLAWED the
// cores do not turn their caches on, but for that of instructions.
#include "caches.h"

#define SPIN_TABLE_1 0xe0UL // where the firmware's core 1 looks for an address
#define COPY 0x800000UL // 2 MiB of its own
#define ROUNDS 1000

static uint32_t lock;
static volatile uint32_t counter, done;

static void take(void) {
    uint32_t value;
    __asm__ volatile (
        "1: ldaxr %w0, [%1]\n"
        "cbnz %w0, 1b\n"
        "stxr %w0, %w2, [%1]\n"
        "cbnz %w0, 1b"
        : "=&r" (value) : "r" (&lock), "r" (1) : "memory");
}

static void release(void) {
    __asm__ volatile ("stlr wzr, [%0]" : : "r" (&lock) : "memory");
}

static void count(void) {
    for (int i = 0; i < ROUNDS; i++) {
        take();
        counter++;
        release();
    }
    take();
    done++;
    release();
}

static void prepare(void) {
    #ifdef FLAWED
    __asm__ volatile ("msr sctlr_el1, %0\n isb" : : "r" (0x30d01800UL)); // instructions only
    #else
    turn_caches_on();
    #endif
}

void core_1_main(void) {
    prepare();
    count();
}

// Before the MMU is on: the spin table is in the 2 MiB of the code, which is read only from then on.
static void start_core_1(void) {
    extern char start_core_1_entry[] __asm__ ("start_core_1");
    __asm__ volatile ("str %0, [%1]\n dsb sy\n sev"
        : : "r" (start_core_1_entry), "r" (SPIN_TABLE_1) : "memory");
}

// movz w0, #value; ret
static uint32_t call_copy(uint32_t value) {
    volatile uint32_t *code = (volatile uint32_t *)COPY;
    code[0] = 0x52800000 | value << 5;
    code[1] = 0xd65f03c0;
    #ifndef FLAWED
    uint64_t *block = &level2[0][COPY >> 21];
    __asm__ volatile ("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r" (code) : "memory");
    *(volatile uint64_t *)block = 0;
    __asm__ volatile ("dsb ishst\n tlbi vaae1is, %0\n dsb ish" : : "r" (COPY >> 12) : "memory");
    *(volatile uint64_t *)block = COPY | EXECUTED;
    __asm__ volatile ("dsb ishst\n isb" : : : "memory");
    #endif
    return ((uint32_t (*)(void))COPY)();
}

void kernel_main(void) {
    uart_init();
    #ifndef FLAWED
    make_tables();
    #endif
    start_core_1();
    prepare();
    count();
    while (done < 2) {
    }
    print(counter == 2 * ROUNDS ? "counted\n" : "lost some\n");
    print(call_copy(7) == 7 ? "called\n" : "something else ran\n");
    finish();
}
