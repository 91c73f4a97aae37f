// SPDX-License-Identifier: MIT
// Which devices of the SoC's description answer. A device that does not is removed from `soc` and reported, so that no
// driver waits for it or faults on it and the boot goes on.

#ifndef PORTS_RPI_AARCH64_BOOT_DEVICES_H
#define PORTS_RPI_AARCH64_BOOT_DEVICES_H

#include <stdbool.h>

// Reads one register of each device, guarded, before any driver touches it. Needs the vectors.
// Hardware on which a missing device reads as something, without an abort, is not caught here: there
// the drivers' bounded waits keep the boot going.
void devices_probe(void);

#endif // PORTS_RPI_AARCH64_BOOT_DEVICES_H
