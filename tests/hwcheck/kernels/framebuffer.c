// SPDX-License-Identifier: MIT
// Asks the VideoCore for a frame buffer and draws a square, with the caches on. With FLAWED the
// kernel forgets that the VideoCore does not look into them.
#include "caches.h"

#define WIDTH 320
#define HEIGHT 200

#define PAGE 2 // of a descriptor: a page, no block

static uint64_t level3[512] __attribute__((aligned(4096)));
static volatile uint32_t request[32] __attribute__((aligned(64)));

static void send_request(void) {
    #ifndef FLAWED
    clean_and_invalidate(request, sizeof request);
    #endif
    while (*reg(MAILBOX + 0x38) & 0x80000000) {
    }
    *reg(MAILBOX + 0x20) = (uint32_t)(uint64_t)request | 0xc0000000 | 8;
    while (*reg(MAILBOX + 0x18) & 0x40000000) {
    }
    (void)*reg(MAILBOX);
    #ifndef FLAWED
    __asm__ volatile ("dsb sy" : : : "memory");
    clean_and_invalidate(request, sizeof request);
    #endif
}

static uint64_t get_framebuffer(void) {
    static const uint32_t tags[] = {
        24 * 4, 0,
        0x48003, 8, 0, WIDTH, HEIGHT,
        0x48004, 8, 0, WIDTH, HEIGHT,
        0x48005, 4, 0, 32,
        0x40001, 8, 0, 4096, 0,
        0,
    };
    for (unsigned i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        request[i] = tags[i];
    }
    send_request();
    return request[19] & 0x3fffffff;
}

// By pages: what is behind the frame buffer is the VideoCore's.
static void map_framebuffer(uint64_t start, uint64_t end, uint64_t attributes) {
    for (uint64_t page = start & ~4095UL; page < end; page += 4096) {
        level3[page >> 12 & 511] = page | attributes | PAGE;
    }
    __asm__ volatile ("dsb ishst" : : : "memory");
    *(volatile uint64_t *)&level2[0][start >> 21] = (uint64_t)level3 | 3;
    __asm__ volatile ("dsb ishst\n isb" : : : "memory");
}

static void draw_square(volatile uint32_t *pixels) {
    for (int y = 50; y < 150; y++) {
        for (int x = 110; x < 210; x++) {
            pixels[y * WIDTH + x] = 0xff0000ff;
        }
    }
}

void kernel_main(void) {
    uart_init();
    make_tables();
    turn_caches_on();
    uint64_t at = get_framebuffer();
    if (at) {
        #ifdef FLAWED
        map_framebuffer(at, at + WIDTH * HEIGHT * 4, WRITE_BACK);
        #else
        map_framebuffer(at, at + WIDTH * HEIGHT * 4, UNCACHED);
        #endif
        draw_square((volatile uint32_t *)at);
    }
    print(at ? "a square\n" : "no frame buffer\n");
    __asm__ volatile ("sevl\n wfe");
    finish();
}
