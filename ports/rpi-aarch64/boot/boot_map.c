// SPDX-License-Identifier: MIT
// Runs before the MMU is on: compiled without unaligned access, vector registers, memset calls and
// tables of pointers (BOOT_CFLAGS in the Makefile). Symbols are taken PC-relative, so pointers to
// them are physical addresses here.

#include <stdbool.h>
#include <stddef.h>

#include "aarch64/cpu.h"
#include "boot_map.h"
#include "core/paging/descriptor.h"
#include "early.h"
#include "layout.h"
#include "soc.h"

#define BOOT_TABLES (28)
#define FDT_MAGIC_LE (0xedfe0dd0) // 0xd00dfeed, stored big-endian, as this CPU reads it
#define FDT_MAX_SIZE (0x200000)   // of the boot protocol

#define RAM_RO (MEM_PROT_R | MEM_TYPE_NORMAL)
#define RAM_RW (MEM_PROT_R | MEM_PROT_W | MEM_TYPE_NORMAL)
#define RAM_RX (MEM_PROT_R | MEM_PROT_X | MEM_TYPE_NORMAL)
#define DEVICE_RW (MEM_PROT_R | MEM_PROT_W | MEM_TYPE_DEVICE)

extern char __image_start[], __text_end[], __rodata_end[], __data_rw_end[], __image_end[];
extern char __head_start[], __head_end[], __data_start[];
extern char __thread_stack_start[], __exception_stack_start[], __emergency_stack_start[], __first_arena_start[];
extern char __crash_record_start[], __crash_record_end[];

boot_map_t boot_map;

static uint64_t boot_tables[BOOT_TABLES][DESC_ENTRIES] __attribute__((aligned(4096)));
static unsigned boot_tables_used;

static uint64_t *new_table(void) {
    if (boot_tables_used == BOOT_TABLES) {
        early_stop("the boot map needs more tables than BOOT_TABLES");
    }
    return boot_tables[boot_tables_used++]; // .bss: cleared already
}

// The table of level `leaf` that translates va; those that do not exist are made.
static uint64_t *table_for(uint64_t *root, uint64_t va, unsigned leaf) {
    uint64_t *table = root;
    for (unsigned level = 0; level < leaf; ++level) {
        uint64_t *slot = &table[desc_index(va, level)];
        if (!desc_is_valid(*slot)) {
            *slot = desc_table((uintptr_t)new_table());
        }
        table = (uint64_t *)(uintptr_t)desc_table_pa(*slot);
    }
    return table;
}

// Maps [va, va + size) to pa, all page aligned, with 2 MiB blocks where both are aligned.
static void map(uint64_t *root, uint64_t va, uint64_t pa, uint64_t size, mem_attrs_t attrs) {
    uint64_t delta = pa - va;
    for (uint64_t end = va + size; va < end;) {
        bool block = mem_is_aligned(va | delta, MEM_BLOCK2M_SIZE) && end - va >= MEM_BLOCK2M_SIZE;
        unsigned leaf = block ? 2 : 3;
        uint64_t *table = table_for(root, va, leaf);
        uint64_t entry = desc_leaf(leaf, va + delta, attrs, desc_va_is_upper(va));
        uint64_t step = desc_entry_size(leaf);
        unsigned i = desc_index(va, leaf);
        for (; i < DESC_ENTRIES && end - va >= step; ++i) { // as far as this table goes
            table[i] = entry;
            entry += step; // the address is the only part that differs
            va += step;
        }
    }
}

// Maps a part of the image, given by addresses where it is running now, at its link address.
static void map_image(uint64_t *root, const char *start, const char *end, mem_attrs_t attrs) {
    uint64_t pa = (uintptr_t)start;
    map(root, LAYOUT_IMAGE + 0x80000 + (pa - boot_map.image_pa), pa, end - start, attrs);
}

static uint32_t big_endian(uint32_t value) {
    return __builtin_bswap32(value);
}

// x0 is a device tree when it is 8-aligned, in the first GiB of RAM outside the image, and has a
// good magic and size. (QEMU's raspi machines pass 0x100, an old tag list.)
static void find_dtb(uint64_t x0, uint64_t image_end) {
    uint64_t limit = soc->ram_start + MEM_BLOCK1G_SIZE - soc->ram_reserve;
    if (x0 == 0 || !mem_is_aligned(x0, 8) || x0 < soc->ram_start || x0 > limit - FDT_MAX_SIZE) {
        return;
    }
    const volatile uint32_t *header = (const volatile uint32_t *)(uintptr_t)x0;
    if (header[0] != FDT_MAGIC_LE) {
        return;
    }
    uint64_t size = big_endian(header[1]);
    bool overlaps = x0 < image_end && x0 + size > boot_map.image_pa;
    if (size >= 40 && size <= FDT_MAX_SIZE && !overlaps) {
        boot_map.dtb_pa = x0;
        boot_map.dtb_size = size;
    }
}

// The window begins after the image; a device tree in the way pushes it behind itself.
static void place_window(uint64_t image_end) {
    uint64_t start = mem_align_up(image_end, MEM_PAGE_SIZE);
    uint64_t dtb_end = boot_map.dtb_pa + boot_map.dtb_size;
    if (boot_map.dtb_pa < start + BOOT_WINDOW_SIZE && dtb_end > start) {
        start = mem_align_up(dtb_end, MEM_PAGE_SIZE);
    }
    boot_map.window_start = start;
    boot_map.window_end = start + BOOT_WINDOW_SIZE;
}

static void map_devices(uint64_t *root) {
    for (unsigned i = 0; i < SOC_MAX_WINDOWS && soc->windows[i].end != 0; ++i) {
        uint64_t start = soc->windows[i].start;
        map(root, LAYOUT_MMIO + start, start, soc->windows[i].end - start, DEVICE_RW);
    }
    if (soc->stub_end != soc->ram_start) {
        // The firmware's spin table and our parking page, to park the other cores from C, which read without caches.
        // The tree may be in the page of the spin table, and a page has one memory type in all its mappings.
        map(root, LAYOUT_MMIO, 0, MEM_PAGE_SIZE, RAM_RW);
        map(root, LAYOUT_MMIO + PARKING_PAGE, PARKING_PAGE, MEM_PAGE_SIZE, DEVICE_RW);
    }
}

static void map_dtb(uint64_t *root) {
    uint64_t start = mem_align_down(boot_map.dtb_pa, MEM_PAGE_SIZE);
    uint64_t end = mem_align_up(boot_map.dtb_pa + boot_map.dtb_size, MEM_PAGE_SIZE);
    map(root, LAYOUT_DTB, start, end - start, RAM_RO);
}

// The parts of the image that are not used at their link addresses.
static void map_in_windows(uint64_t *root) {
    map(root, LAYOUT_THREAD_STACK_PART, (uintptr_t)__thread_stack_start, LAYOUT_THREAD_STACK_FIXED, RAM_RW);
    map(root, LAYOUT_EXCEPTION_STACK_TOP - LAYOUT_EXCEPTION_STACK_SIZE,
        (uintptr_t)__exception_stack_start, LAYOUT_EXCEPTION_STACK_SIZE, RAM_RW);
    map(root, LAYOUT_EMERGENCY_STACK_TOP - LAYOUT_EMERGENCY_STACK_SIZE,
        (uintptr_t)__emergency_stack_start, LAYOUT_EMERGENCY_STACK_SIZE, RAM_RW);
    map(root, LAYOUT_FIRST_ARENA, (uintptr_t)__first_arena_start, LAYOUT_FIRST_ARENA_SIZE, RAM_RW);
}

boot_map_t *boot_map_build(uint64_t x0, uint64_t image_pa) {
    soc_init();
    uint64_t image_end = (uintptr_t)__image_end;
    boot_map.image_pa = image_pa;
    find_dtb(x0, image_end);
    place_window(image_end);

    uint64_t *upper = new_table();
    map_image(upper, __image_start, __text_end, RAM_RX);
    map_image(upper, __text_end, __rodata_end, RAM_RO);
    map_image(upper, __data_start, __data_rw_end, RAM_RW);
    map_image(upper, __crash_record_start, __crash_record_end, RAM_RW);
    map_in_windows(upper);
    map(upper, LAYOUT_LINEAR + boot_map.window_start, boot_map.window_start, BOOT_WINDOW_SIZE, RAM_RW);
    map_devices(upper);
    if (boot_map.dtb_size != 0) {
        map_dtb(upper);
    }

    uint64_t *lower = new_table();
    map(lower, (uintptr_t)__head_start, (uintptr_t)__head_start, __head_end - __head_start, RAM_RX);

    boot_map.mair = DESC_MAIR_VALUE;
    boot_map.tcr = desc_tcr_value(cpu_pa_range());
    boot_map.ttbr0 = (uintptr_t)lower;
    boot_map.ttbr1 = (uintptr_t)upper;
    boot_map.empty_root = (uintptr_t)new_table();
    // What was written here must not be hidden by lines that a previous stage left in the caches.
    cpu_invalidate_cache((uintptr_t)__data_start, image_end);
    return &boot_map;
}
