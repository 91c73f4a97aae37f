// SPDX-License-Identifier: MIT
// The facts of boot_info that are fixed when the image is built and loaded: where the image's parts are, the windows of
// the kernel half, and what must stay at its address when the boot map is replaced.

#include "aarch64/cpu.h"
#include "boot.h"
#include "boot_map.h"
#include "layout.h"
#include "soc.h"

extern char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[];
extern char __data_rw_end[], __crash_record_start[], __crash_record_end[], __emergency_stack_start[];
extern char __first_arena_start[];
extern char __thread_stack_start[], __exception_stack_start[], __trampoline_start[];

#define RW (MEM_PROT_R | MEM_PROT_W)
#define WINDOW(window, name) {LAYOUT_##window, LAYOUT_##window + LAYOUT_##window##_SIZE, name}

static const boot_range_t layout[] = {
    WINDOW(LINEAR, "linear"), WINDOW(IMAGE, "image"), WINDOW(STACKS, "stacks"), WINDOW(HEAP, "heap"),
    WINDOW(DTB, "dtb"), WINDOW(VIEW, "view"), WINDOW(GC, "gc"), WINDOW(FREE, "free"), WINDOW(MMIO, "mmio"),
};

static boot_section_t *add_section(const char *name, const char *start, uint64_t size, mem_attrs_t prot) {
    boot_section_t *section = &boot_info.sections[boot_info.section_count++];
    *section = (boot_section_t) {
        .name = name, .va = (uintptr_t)start, .pa = boot_image_pa(start), .size = size, .prot = prot,
    };
    return section;
}

// A part of the image that is used in another window than it was linked for.
static void add_section_at(mem_va_t va, const char *name, const char *start, uint64_t size) {
    add_section(name, start, size, RW)->va = va;
}

// In address order.
static void describe_sections(void) {
    boot_section_t *text = add_section("text", __text_start, __text_end - __text_start, MEM_PROT_R | MEM_PROT_X);
    text->protected_name = "kernel text";
    boot_section_t *rodata = add_section("rodata", __rodata_start, __rodata_end - __rodata_start, MEM_PROT_R);
    rodata->protected_name = "kernel rodata";
    add_section("data", __data_start, __data_rw_end - __data_start, RW);
    add_section("crash record", __crash_record_start, __crash_record_end - __crash_record_start, RW);
    add_section_at(LAYOUT_THREAD_STACK_PART, "thread stack", __thread_stack_start, LAYOUT_THREAD_STACK_FIXED);
    add_section_at(LAYOUT_EXCEPTION_STACK_TOP - LAYOUT_EXCEPTION_STACK_SIZE, "exception stack",
        __exception_stack_start, LAYOUT_EXCEPTION_STACK_SIZE);
    add_section_at(LAYOUT_EMERGENCY_STACK_TOP - LAYOUT_EMERGENCY_STACK_SIZE, "emergency stack",
        __emergency_stack_start, LAYOUT_EMERGENCY_STACK_SIZE);
    add_section_at(LAYOUT_FIRST_ARENA, "first arena", __first_arena_start, LAYOUT_FIRST_ARENA_SIZE);
}

static void describe_devices(void) {
    boot_info.soc = soc->name;
    boot_info.mmio = soc->windows;
    while (boot_info.mmio_count < SOC_MAX_WINDOWS && soc->windows[boot_info.mmio_count].end != 0) {
        ++boot_info.mmio_count;
    }
}

static void keep(mem_va_t va) {
    boot_info.kept[boot_info.kept_count++] = va;
}

void boot_describe(void) {
    boot_info.pa_range = cpu_pa_range();
    boot_info.linear = LAYOUT_LINEAR;
    boot_info.window = (mem_range_t) {boot_map.window_start, boot_map.window_end};
    boot_info.stack = (mem_range_t) {LAYOUT_THREAD_STACK_BOTTOM, LAYOUT_THREAD_STACK_PART};
    boot_info.trampoline = boot_image_pa(__trampoline_start);
    boot_info.layout = layout;
    boot_info.layout_count = sizeof(layout) / sizeof(layout[0]);
    describe_sections();
    describe_devices();
    keep((uintptr_t)__image_start);
    keep((uintptr_t)__data_start);
    keep(LAYOUT_THREAD_STACK_TOP - 8);
    keep(LAYOUT_EXCEPTION_STACK_TOP - 8);
    keep(LAYOUT_EMERGENCY_STACK_TOP - 8);
    keep(LAYOUT_FIRST_ARENA);
    keep(soc_mmio(soc->uart));
}
