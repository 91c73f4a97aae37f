// SPDX-License-Identifier: MIT
// PSCI functions; see psci.h.

#include "boot/boot.h"
#include "psci.h"

#define SYSTEM_OFF      (0x84000008)
#define SYSTEM_RESET    (0x84000009)

// At a start above EL1 the stub at EL2 is ours (el2.S), and has no functions.
static void call(uint64_t function) {
    if (boot_info.entry_el == 1) {
        (void)psci_call(function, 0);
    }
}

void psci_reset(void) {
    call(SYSTEM_RESET);
}

void psci_off(void) {
    call(SYSTEM_OFF);
}
