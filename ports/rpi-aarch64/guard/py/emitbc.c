// SPDX-License-Identifier: MIT
// Bytecode: what the compiler must have in the end, and does not for every text that its parser lets pass, is checked.
// The collector does not scan it.

#include "py/runtime.h"

#include "guard/plain.h"

static void guard_assert(void) {
    mp_raise_msg(&mp_type_SyntaxError, MP_ERROR_TEXT("invalid syntax"));
}

#undef NDEBUG
#define __assert_no_args() guard_assert()
#define __assert_func(...) guard_assert()

#include "py/emitbc.c"
