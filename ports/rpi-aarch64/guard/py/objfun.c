// SPDX-License-Identifier: MIT
// Functions that Python code makes from a code object; see code.h.

#include "guard/code.h"
#include "py/objfun.c"
