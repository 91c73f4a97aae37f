// SPDX-License-Identifier: MIT
// Nothing of its own: see rpi_common.h.

#include "../rpi_common.h"
