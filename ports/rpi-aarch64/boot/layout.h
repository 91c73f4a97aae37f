// SPDX-License-Identifier: MIT
// The one place for virtual addresses: of everything in the upper (TTBR1) half.
// Included by C, by assembly and by the linker script, so it holds plain #defines only.
//
// Two entries of the level 0 table serve the kernel (512 GiB each): the first is the linear map of
// physical memory, the second holds all other windows but that of the views, which has nearly all of
// the rest. Few level 0 entries in use mean few tables.

#ifndef PORTS_RPI_AARCH64_BOOT_LAYOUT_H
#define PORTS_RPI_AARCH64_BOOT_LAYOUT_H

// Physical address PA of RAM is at LAYOUT_LINEAR + PA (never device memory).
#define LAYOUT_LINEAR           0xffff000000000000
#define LAYOUT_LINEAR_SIZE      0x0000008000000000

// The image is linked here and mapped page by page, wherever the firmware loaded it.
#define LAYOUT_IMAGE            0xffff008000000000
#define LAYOUT_IMAGE_SIZE       0x0000000040000000

// Bytes of unmapped addresses on both sides of what can be written and overrun.
#define LAYOUT_GUARD            0x1000

// Stacks, each between guards of LAYOUT_STACK_GUARD bytes of unmapped addresses.
#define LAYOUT_STACKS           0xffff008040000000
#define LAYOUT_STACKS_SIZE      0x0000000040000000
#define LAYOUT_STACK_GUARD      0x10000

// The kernel heap (1 MiB), between guard pages.
#define LAYOUT_HEAP             0xffff008080000000
#define LAYOUT_HEAP_SIZE        0x0000000040000000

// The device tree blob as the firmware left it, read-only, during boot.
#define LAYOUT_DTB              0xffff0080c0000000
#define LAYOUT_DTB_SIZE         0x0000000040000000

// Areas of the garbage-collected heap. The first one is part of the image.
#define LAYOUT_GC               0xffff00a000000000
#define LAYOUT_GC_SIZE          0x0000001000000000
#define LAYOUT_FIRST_ARENA      (LAYOUT_GC + LAYOUT_GUARD)
#define LAYOUT_FIRST_ARENA_SIZE 0x18000

// Free for memory.kernel.map().
#define LAYOUT_FREE             0xffff00b000000000
#define LAYOUT_FREE_SIZE        0x0000001000000000

// Device memory at physical address PA is at LAYOUT_MMIO + PA.
#define LAYOUT_MMIO             0xffff00c000000000
#define LAYOUT_MMIO_SIZE        0x0000002000000000

// Views: where Frames are mapped while Python uses them as a buffer, and further heaps. An address
// is used again when a collection found nothing that refers to it, so a stale pointer faults, and as late as it can
// be; hence the size, 254 TiB.
#define LAYOUT_VIEW             0xffff010000000000
#define LAYOUT_VIEW_SIZE        0x0000fe0000000000

// Bytes of the thread's stack (SP_EL0, Python runs on it), of its upper part that is there from boot on (the rest comes
// page by page), of the exception stack (SP_EL1), and of that for exceptions on the exception stack.
#define LAYOUT_THREAD_STACK_SIZE    0x800000
#define LAYOUT_THREAD_STACK_FIXED   0x10000
#define LAYOUT_EXCEPTION_STACK_SIZE 0x4000
#define LAYOUT_EMERGENCY_STACK_SIZE 0x2000

// The stacks: guard, thread stack, guard, exception stack, guard, emergency stack, guard.
#define LAYOUT_THREAD_STACK_BOTTOM  (LAYOUT_STACKS + LAYOUT_STACK_GUARD)
#define LAYOUT_THREAD_STACK_TOP     (LAYOUT_THREAD_STACK_BOTTOM + LAYOUT_THREAD_STACK_SIZE)
#define LAYOUT_THREAD_STACK_PART    (LAYOUT_THREAD_STACK_TOP - LAYOUT_THREAD_STACK_FIXED)
#define LAYOUT_EXCEPTION_STACK_TOP \
    (LAYOUT_THREAD_STACK_TOP + LAYOUT_STACK_GUARD + LAYOUT_EXCEPTION_STACK_SIZE)
#define LAYOUT_EMERGENCY_STACK_TOP \
    (LAYOUT_EXCEPTION_STACK_TOP + LAYOUT_STACK_GUARD + LAYOUT_EMERGENCY_STACK_SIZE)

// Physical address of the page in which cores 1 to 3 wait: the last one of the range [0, 0x80000)
// that belongs to the firmware's stub and is never handed out.
#define PARKING_PAGE                0x7f000

// In that page: the loop from which a word of the spin table releases a core, as from the firmware's stub; and the
// physical address of the GIC's CPU interface, 8 bytes, or 0.
#define PARKING_SPIN                0x800
#define PARKING_GICC                0xff8

// The spin table of the firmware's stub: an 8-byte word for each core, the address that it is to go to.
#define SPIN_TABLE                  0xd8

#endif // PORTS_RPI_AARCH64_BOOT_LAYOUT_H
