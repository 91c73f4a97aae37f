// SPDX-License-Identifier: MIT
// machine.PWM: the functions that the rest of the port calls.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_PWM_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_PWM_H

// Soft reset: stops all channels; their pins become inputs.
void machine_pwm_deinit_all(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_PWM_H
