// SPDX-License-Identifier: MIT
// machine.I2C: the SoC's I2C masters. There is one object for each number.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_I2C_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_I2C_H

#include "py/obj.h"

extern const mp_obj_type_t machine_i2c_type;

// The methods of MicroPython's SoftI2C (guard/extmod/machine_i2c.c), and deinit().
extern const mp_obj_dict_t machine_i2c_locals;
extern const mp_obj_fun_builtin_fixed_t machine_i2c_deinit_obj;

// Called at soft reset: disables the masters. Their pins are released with all others.
void machine_i2c_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_I2C_H
