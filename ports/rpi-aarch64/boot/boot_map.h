// SPDX-License-Identifier: MIT
// The page tables that carry the machine from the MMU's first cycle to frozen Python's kernel map.
// They use the final virtual addresses already (layout.h), so nothing has to move at the switch.

#ifndef PORTS_RPI_AARCH64_BOOT_BOOT_MAP_H
#define PORTS_RPI_AARCH64_BOOT_BOOT_MAP_H

#include <stdint.h>

// start.S relies on the offsets of the first five fields.
typedef struct _boot_map_t {
    uint64_t mair;
    uint64_t tcr;
    uint64_t ttbr0;         // identity map of the code that turns the MMU on
    uint64_t ttbr1;
    uint64_t empty_root;    // a level 0 table with no entries, for TTBR0 until the switch
    uint64_t image_pa;      // where the image's first byte is
    uint64_t dtb_pa;        // 0 when what the firmware passed is no device tree
    uint64_t dtb_size;      // bytes of its header's totalsize
    uint64_t window_start;  // RAM after the image, mapped in the linear map: all that boot may use
    uint64_t window_end;
} boot_map_t;

// The map in use, readable after the MMU is on.
extern boot_map_t boot_map;

// Called by start.S with the MMU off: decides whether `x0` is a device tree, builds the tables.
boot_map_t *boot_map_build(uint64_t x0, uint64_t image_pa);

// The physical address of something in the image (not of the stacks through their windows).
static inline uint64_t boot_image_pa(const void *symbol) {
    extern char __image_start[];
    return boot_map.image_pa + ((uintptr_t)symbol - (uintptr_t)__image_start);
}

// Bytes of the window after the image.
#define BOOT_WINDOW_SIZE (0x200000)

#endif // PORTS_RPI_AARCH64_BOOT_BOOT_MAP_H
