// SPDX-License-Identifier: MIT
// The hypervisor call under PSCI (SMC Calling Convention, Arm DEN 0028): x0 = function,
// x1 = argument; x4 to x17 may be changed, which the procedure call standard allows as well.

#include "asm.h"

function psci_call
    hvc #0
    ret
endfunction psci_call
