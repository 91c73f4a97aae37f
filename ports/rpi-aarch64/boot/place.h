// SPDX-License-Identifier: MIT
// The places that boot passes, in order. A crash report of a boot names the last one. A bring-up image (`make bringup`)
// also shows each on the serial line, the activity LED and a pin: what a board without output is examined with.
// tools/pimem/bringup/places.py says what it means to stop after one.

#ifndef PORTS_RPI_AARCH64_BOOT_PLACE_H
#define PORTS_RPI_AARCH64_BOOT_PLACE_H

#define PLACE_ENTRY         (1)  // the first instructions, at whatever exception level
#define PLACE_EL1           (2)  // EL3 and EL2 are set up and left
#define PLACE_CLEARED       (3)  // .bss is zero
#define PLACE_TABLES        (4)  // the boot page tables are built
#define PLACE_MMU           (5)  // C in the upper half; the places above run with the MMU off
#define PLACE_DEVICES       (6)
#define PLACE_INTERRUPTS    (7)
#define PLACE_CONSOLE       (8)
#define PLACE_RAM           (9)
#define PLACE_CORES         (10)
#define PLACE_FRAMES        (11)
#define PLACE_MICROPYTHON   (12)
#define PLACE_COUNT         (12)

#ifndef __ASSEMBLER__

// Notes that boot has passed a place from PLACE_MMU on; 0: boot is over.
void boot_place(unsigned place);

// The last place passed, 0 once boot is over.
unsigned boot_place_last(void);

#endif // __ASSEMBLER__

#endif // PORTS_RPI_AARCH64_BOOT_PLACE_H
