// SPDX-License-Identifier: MIT
// Where the image's parts lie. Sections with different permissions start on page boundaries, since
// the kernel map is made page by page: text RX, rodata R, data and bss RW. What can be written is
// between guards, pages that are mapped nowhere in the image's window.

#include "boot/layout.h"

OUTPUT_FORMAT("elf64-littleaarch64")
OUTPUT_ARCH(aarch64)
ENTRY(_start)

SECTIONS
{
    . = LAYOUT_IMAGE + 0x80000;
    __image_start = .;
    __text_start = .;
    .text : {
        __head_start = .;
        KEEP(*(.text.head))
        *(.text.boot*)
        . = ALIGN(4096);
        __head_end = .;
        // Runs from an identity mapping of this page while TTBR1 is being replaced.
        __trampoline_start = .;
        KEEP(*(.text.trampoline*))
        . = ALIGN(4096);
        __trampoline_end = .;
        KEEP(*(.text.el2))
        KEEP(*(.text.vectors))
        // No-raise section: code that must not be left half way. A fault with a return address in
        // here on the stack is a crash, not an exception (thread_fault.h).
        __no_raise_start = .;
        *gc_port.o(.text .text.*) *bindings/gc.o(.text .text.*) *bindings/gc_collect.o(.text .text.*)
        *bindings/gc_areas.o(.text .text.*) *bindings/gc_views.o(.text .text.*)
        *bindings/memory_system.o(.text .text.*)
        *core/frames?*.o(.text .text.*) *core/paging?*.o(.text .text.*)
        *core/space?*.o(.text .text.*) *core/heap?*.o(.text .text.*) *core/gc?*.o(.text .text.*)
        *extmod/vfs_[bfl]*.o(.text .text.*) *extmod/vfs_reader.o(.text .text.*) // vfs_rom*.o only reads memory
        *oofatfs?*.o(.text .text.*) *littlefs?*.o(.text .text.*)
        *bindings/ramdisk.o(.text .text.*) *core/disk?*.o(.text .text.*)
        *machine/uart.o(.text .text.*) *drivers?*.o(.text .text.*) *stdout_helpers.o(.text .text.*)
        __no_raise_end = .;
        // Code that may be left anywhere: what it changes is its own, or pixels. Ctrl-C raises KeyboardInterrupt
        // here wherever it is (thread_fault.h).
        __interruptible_start = .;
        *interpreter.o(.text.mpz_* .text.mpn_*) *extmod/modframebuf.o(.text .text.*)
        __interruptible_end = .;
        *(.text .text.*)
    }
    . = ALIGN(4096);
    __text_end = .;
    __rodata_start = .;
    .rodata : { *(.rodata .rodata.*) *(.got .got.plt) }
    . = ALIGN(4096);
    __rodata_end = .;
    . += LAYOUT_GUARD;
    __data_start = .;
    .data : { *(.data .data.*) *(.tdata .tdata.*) . = ALIGN(16); }
    . = ALIGN(16);
    __data_end = .;
    .bss (NOLOAD) : {
        *(.bss.uncleared.*)     // nothing in it is read before it was written
        . = ALIGN(64);
        __bss_start = .;
        *(.tbss .tbss.*)
        *(.bss .bss.* COMMON)
        . = ALIGN(64);
        __bss_end = .;
    }
    . = ALIGN(4096);
    __data_rw_end = .;
    . += LAYOUT_GUARD;
    // Not cleared at start: RAM keeps it over a reset.
    .noinit (NOLOAD) : {
        __crash_record_start = .;
        *(.noinit.*)
        . = ALIGN(4096);
        __crash_record_end = .;
    }
    // The memory behind the stacks and the collector's first arena. They are used through their
    // windows (layout.h), between guards, so these pages are not mapped at their link addresses.
    .stacks (NOLOAD) : {
        __thread_stack_start = .;
        . += LAYOUT_THREAD_STACK_FIXED;
        __thread_stack_end = .;
        __exception_stack_start = .;
        . += LAYOUT_EXCEPTION_STACK_SIZE;
        __exception_stack_end = .;
        __emergency_stack_start = .;
        . += LAYOUT_EMERGENCY_STACK_SIZE;
        __first_arena_start = .;
        . += LAYOUT_FIRST_ARENA_SIZE;
    }
    __image_end = .;
    _image_size = __image_end - __image_start;

    /DISCARD/ : { *(.comment) *(.note .note.*) *(.eh_frame .eh_frame_hdr) *(.init_array*) *(.ARM.exidx*) }
}

ASSERT(__trampoline_end - __trampoline_start <= 4096, "the trampoline must fit one page")
