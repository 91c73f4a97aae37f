// SPDX-License-Identifier: MIT
// What other guards ask that of types.

#ifndef PORTS_RPI_AARCH64_GUARD_TYPES_H
#define PORTS_RPI_AARCH64_GUARD_TYPES_H

#include "py/obj.h"

// Whether this stands where the native base of an instance is to be: its __init__() has not been called.
bool guard_is_uninitialised(mp_const_obj_t o);

#endif // PORTS_RPI_AARCH64_GUARD_TYPES_H
