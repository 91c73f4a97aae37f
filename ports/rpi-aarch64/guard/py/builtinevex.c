// SPDX-License-Identifier: MIT
// exec() and eval() of a code object; see code.h.

#include "guard/code.h"
#include "py/builtinevex.c"
