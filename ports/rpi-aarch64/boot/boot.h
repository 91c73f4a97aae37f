// SPDX-License-Identifier: MIT
// What boot found out about the machine: memory, reservations, model. Filled once, before
// MicroPython starts; the memory system and frozen Python read it.

#ifndef PORTS_RPI_AARCH64_BOOT_H
#define PORTS_RPI_AARCH64_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mem_types.h"

#define BOOT_MAX_BANKS (8)
#define BOOT_MAX_RESERVED (16)
#define BOOT_NAME_SIZE (24)
#define BOOT_MODEL_SIZE (64)

// A part of RAM that nobody may use, and why.
typedef struct _boot_reserved_t {
    mem_range_t range;          // bytes, not necessarily page aligned
    char name[BOOT_NAME_SIZE];
} boot_reserved_t;

typedef struct _boot_info_t {
    mem_range_t ram[BOOT_MAX_BANKS];
    size_t ram_count;
    boot_reserved_t reserved[BOOT_MAX_RESERVED];
    size_t reserved_count;
    mem_range_t image;          // physical, stacks and boot tables included
    const void *dtb;            // the device tree: the firmware's, then our packed copy; NULL without one
    size_t dtb_size;            // bytes used of it, at most its totalsize
    const char *source;         // who described the RAM: "device tree", "mailbox" or "board default"
    char model[BOOT_MODEL_SIZE];
    uint64_t x0;                // as received at entry
    uint64_t start_ticks;       // CNTPCT_EL0 at the first instruction
    uint64_t prompt_ticks;      // and when the REPL first waited for input; 0 before
    unsigned entry_el;
    unsigned cores;             // cores the machine has; only one runs
    bool uses_psci;             // they are started by firmware calls, not by the spin table
} boot_info_t;

extern boot_info_t boot_info;

// Adds a reservation. When the table is full the last entry is widened to cover the new range too:
// RAM may be wasted, but nothing reserved is handed out. Empty ranges are ignored; the name is cut
// to BOOT_NAME_SIZE - 1 bytes.
void boot_reserve(uint64_t start, uint64_t end, const char *name);

// Reads RAM banks, reservations, model and cores from the device tree at info->dtb, whose header
// has been checked. Returns false when it has no usable memory node.
bool boot_fdt_read(boot_info_t *info);

#endif // PORTS_RPI_AARCH64_BOOT_H
