// SPDX-License-Identifier: MIT
// Pin.irq(): scheduled callbacks at edges and levels of a pin.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_IRQ_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_IRQ_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_KW(machine_pin_irq_obj);

// Disables the interrupts of all pins: called at soft reset and before another kernel is started.
void machine_pin_irq_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_PIN_IRQ_H
