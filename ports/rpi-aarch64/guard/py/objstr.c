// SPDX-License-Identifier: MIT
// Strings and bytes: repetition.

#include "guard/repeat.h"
#include "py/objstr.c"
