// SPDX-License-Identifier: MIT
// Stands for MicroPython's header of this name.
#include "py/fake_micropython.h"
