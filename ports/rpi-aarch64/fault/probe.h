// SPDX-License-Identifier: MIT
// Access to an address where nothing may answer. The access is one instruction; if it faults, or causes an
// SError, execution continues behind it and the caller gets false. This works in the thread (on SP_EL0): before
// MicroPython runs, with interrupts masked and in drivers.

#ifndef PORTS_RPI_AARCH64_FAULT_PROBE_H
#define PORTS_RPI_AARCH64_FAULT_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "exception.h"

// Reads or writes `size` bytes (1, 2, 4 or 8) at an aligned address. False: the access faulted, and
// *value is unchanged.
bool probe_read(uint64_t address, unsigned size, uint64_t *value);
bool probe_write(uint64_t address, unsigned size, uint64_t value);

// Called for each synchronous exception and SError of the thread: if it was taken by a probe, makes the probe return
// false.
bool probe_recover(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_FAULT_PROBE_H
