// SPDX-License-Identifier: MIT
// Arm PSCI (DEN 0022) by HVC: how QEMU's virt machine is reset and switched off. The Pis do not have it.

#ifndef PORTS_RPI_AARCH64_DRIVERS_PSCI_H
#define PORTS_RPI_AARCH64_DRIVERS_PSCI_H

#include <stdint.h>

// HVC #0 with x0 = function and x1 = argument; returns x0. aarch64/psci.S.
int64_t psci_call(uint64_t function, uint64_t argument);

// Both return only if the firmware does not implement the call.
void psci_reset(void);
void psci_off(void);

#endif // PORTS_RPI_AARCH64_DRIVERS_PSCI_H
