// SPDX-License-Identifier: MIT
// The cores that this port does not use: where they wait, and how another kernel finds them.

#ifndef PORTS_RPI_AARCH64_BOOT_PARKING_H
#define PORTS_RPI_AARCH64_BOOT_PARKING_H

#include <stdbool.h>

#include "chain.h"

#define PARKING_CORES (4) // of a Pi, the boot core among them

// Whether this machine has cores that wait in the parking page.
bool parking_is_used(void);

// Sends them there. Needs the boot map, which has the page and the spin table.
void parking_start(void);

// Before the jump into another kernel. Fills in what chain.S needs to send them to the loop from which that kernel can
// release them.
void parking_plan(chain_plan_t *plan);

// Interrupts them, after irq_init(): those that wait look where they are sent.
void parking_wake(void);

#endif // PORTS_RPI_AARCH64_BOOT_PARKING_H
