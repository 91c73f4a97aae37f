// SPDX-License-Identifier: MIT
// What can be told before the MMU is on: exceptions, a lack of boot tables and, by a bring-up image, the places passed.
// Compiled like boot_map.c.

#ifndef PORTS_RPI_AARCH64_BOOT_EARLY_H
#define PORTS_RPI_AARCH64_BOOT_EARLY_H

#include <stdint.h>

// Called by boot_vectors: reports an exception taken before the MMU is on, then stops.
void boot_exception(uint64_t esr, uint64_t elr, uint64_t far) __attribute__((noreturn));

// Reports that `cause` ends the boot, as a crash line, then stops. For the code before the MMU is on.
void early_stop(const char *cause) __attribute__((noreturn));

// Of a bring-up image: shows a place before PLACE_MMU. Called by start.S, at any exception level.
void early_place(unsigned place);

// Of a bring-up image: the line that shows a place, and one blink of the LED (pin `led`; 0: none) with a pulse on
// GPIO17, by the GPIO registers at address `gpio`. About a quarter of a second.
const char *early_place_line(unsigned place);
void early_blink(uintptr_t gpio, unsigned led);

#endif // PORTS_RPI_AARCH64_BOOT_EARLY_H
