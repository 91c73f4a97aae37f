// SPDX-License-Identifier: MIT
// machine.time_pulse_us() and machine.bitstream(): pins timed by the CPU.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_PULSE_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_PULSE_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pulse_time_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pulse_bitstream_obj);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_PULSE_H
