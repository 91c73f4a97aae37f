// SPDX-License-Identifier: MIT
// PSCI functions; see psci.h.

#include "psci.h"

#define SYSTEM_OFF      (0x84000008)
#define SYSTEM_RESET    (0x84000009)

void psci_reset(void) {
    (void)psci_call(SYSTEM_RESET, 0);
}

void psci_off(void) {
    (void)psci_call(SYSTEM_OFF, 0);
}
