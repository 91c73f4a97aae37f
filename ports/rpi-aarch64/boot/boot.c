// SPDX-License-Identifier: MIT
// From start.S to MicroPython: console, memory, other cores. Runs in the upper half on the boot map.

#include <string.h>

#include <libfdt.h>

#include "aarch64/cpu.h"
#include "core/arch.h"
#include "boot.h"
#include "boot_map.h"
#include "boot_ram.h"
#include "fault/crash_record.h"
#include "devices.h"
#include "drivers/board.h"
#include "drivers/irq.h"
#include "drivers/mmio.h"
#include "drivers/timer.h"
#include "layout.h"
#include "main.h"
#include "parking.h"
#include "place.h"
#include "hooks.h"
#include "machine/entropy.h"
#include "soc.h"
#include "machine/uart.h"
#include "fault/user_mode.h"

extern char __image_start[], __image_end[];

static void find_dtb(void) {
    if (boot_map.dtb_size == 0) {
        return;
    }
    const void *dtb = (const void *)(LAYOUT_DTB + (boot_map.dtb_pa & MEM_PAGE_MASK));
    size_t used = boot_fdt_used_size(dtb, boot_map.dtb_size);
    if (used != 0) {
        boot_info.dtb = dtb;
        boot_info.dtb_size = used;
    }
}

// Without a usable device tree: what the firmware answers on the mailbox, else the SoC's default.
static void default_ram(void) {
    uint64_t size = uart_arm_memory_size();
    boot_info.source = size != 0 ? "mailbox" : "board default";
    boot_info.ram[0] = (mem_range_t) {soc->ram_start, soc->ram_start + (size != 0 ? size : soc->ram_size)};
    boot_info.ram_count = 1;
}

// What is no RAM, whatever the banks say: it is reserved, so that it has a name, and not in a bank, so that it is never
// mapped as memory.
static void exclude(uint64_t start, uint64_t end, const char *name) {
    boot_reserve(start, end, name);
    boot_ram_cut(boot_info.ram, &boot_info.ram_count, (mem_range_t) {start, end});
}

// VideoCore's share is at the top of the first GiB; the device tree may not say where it begins.
static void limit_to_arm_memory(void) {
    uint64_t size = uart_arm_memory_size();
    if (size != 0 && size < MEM_BLOCK1G_SIZE) {
        exclude(soc->ram_start + size, soc->ram_start + MEM_BLOCK1G_SIZE, "videocore");
    }
}

// The first access to RAM that is not there would be a crash later, or would reach other RAM.
static void limit_to_soc(void) {
    for (size_t i = 0; i < boot_info.ram_count; ++i) {
        if (boot_info.ram[i].end > soc->ram_end) {
            exclude(soc->ram_end, UINT64_MAX, "not RAM");
            return;
        }
    }
}

static void find_memory(void) {
    strncpy(boot_info.model, soc->machine, BOOT_MODEL_SIZE - 1);
    boot_info.cores = soc->stub_end != soc->ram_start ? PARKING_CORES : 1;
    find_dtb();
    if (boot_info.dtb != NULL && boot_fdt_read(&boot_info)) {
        boot_info.source = "device tree";
    } else {
        default_ram();
    }
    boot_info.image = (mem_range_t) {boot_map.image_pa, boot_map.image_pa + (__image_end - __image_start)};
    boot_reserve(soc->ram_start, soc->stub_end, "stub");
    limit_to_arm_memory();
    limit_to_soc();
    for (unsigned i = 0; i < SOC_MAX_WINDOWS && soc->windows[i].end != 0; ++i) {
        exclude(soc->windows[i].start, soc->windows[i].end, soc->windows[i].name);
    }
}

// From now on the tree is our packed copy: the blob's own place has been given back. Without a copy
// there is no tree, since its old place may be overwritten at any time.
static void keep_dtb(void) {
    const mem_range_t copy = memory_system_device_tree();
    if (boot_info.dtb == NULL) {
        return;
    }
    if (copy.end == copy.start) {
        boot_info.dtb = NULL;
        return;
    }
    void *packed = (void *)(LAYOUT_LINEAR + copy.start);
    memcpy(packed, boot_info.dtb, boot_info.dtb_size);
    fdt_set_totalsize(packed, (uint32_t)boot_info.dtb_size);
    boot_info.dtb = packed;
}

// Called by start.S: x0 as the firmware passed it, the counter at the first instruction, the
// exception level at entry.
void boot_main(uint64_t x0, uint64_t start_ticks, uint64_t entry_el) {
    soc_init(); // again: before the MMU was on it chose by physical addresses
    boot_place(PLACE_MMU);
    boot_info.x0 = x0;
    boot_info.start_ticks = start_ticks;
    boot_info.entry_el = (unsigned)entry_el;
    crash_record_take();
    boot_info.reset_asked = crash_record_reset_asked();
    devices_probe();
    boot_place(PLACE_DEVICES);
    irq_init(soc);
    timer_init(soc->timer_irq);
    boot_place(PLACE_INTERRUPTS);
    uart_init();
    entropy_start();
    boot_place(PLACE_CONSOLE);
    user_mode_init();
    find_memory();
    boot_place(PLACE_RAM);
    boot_info.firmware = board_firmware();
    board_raise_clock();
    parking_start();
    boot_place(PLACE_CORES);
    boot_describe();
    memory_system_init();
    boot_place(PLACE_FRAMES);
    keep_dtb();
    cpu_irq_enable(); // from here on the console receives
    main_loop();
}
