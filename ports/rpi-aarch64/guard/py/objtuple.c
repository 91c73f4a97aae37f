// SPDX-License-Identifier: MIT
// Tuples: repetition.

#include "guard/repeat.h"
#include "py/objtuple.c"
