// SPDX-License-Identifier: MIT
// Exceptions whose class in Python has not called __init__() of its base yet: nothing is stored in what stands for it.
// Tracebacks of a bounded length; see traceback.h.

#include "guard/guard.h"
#include "guard/traceback.h"
#include "guard/types.h"
#include "py/objexcept.h"
#include "py/objtype.h"
#include "py/runtime.h"

static inline void *guard_exception(mp_const_obj_t o) {
    return guard_is_uninitialised(o) ? MP_OBJ_TO_PTR(mp_obj_new_exception(&mp_type_Exception)) : (void *)o;
}

#undef MP_OBJ_TO_PTR
#define MP_OBJ_TO_PTR(o) guard_exception(o)
#define mp_obj_exception_add_traceback(...) fetched_add_traceback(__VA_ARGS__)
void fetched_add_traceback(mp_obj_t self_in, qstr file, size_t line, qstr block);
#include "py/objexcept.c"
#undef mp_obj_exception_add_traceback

_Static_assert(TRACEBACK_WORDS == TRACEBACK_ENTRY_LEN, "an entry is as MicroPython has it");

// Puts an entry in place of the oldest one that is not of the innermost.
static void guard_replace_entry(size_t *words, qstr file, size_t line, qstr block) {
    size_t *number = traceback_entry(words, TRACEBACK_INNER);
    size_t left_out = traceback_left_out(words);
    if (left_out == 0) {
        number[0] = MP_QSTRnull;
        left_out = 1;
    }
    size_t *oldest = traceback_entry(words, traceback_oldest(left_out));
    oldest[0] = file;
    oldest[1] = line;
    oldest[2] = block;
    number[1] = left_out + 1;
}

void mp_obj_exception_add_traceback(mp_obj_t self_in, qstr file, size_t line, qstr block) {
    mp_obj_exception_t *self = get_native_exception(self_in);
    if (self->traceback_data != NULL && self->traceback_len == TRACEBACK_MOST * TRACEBACK_WORDS) {
        guard_replace_entry(self->traceback_data, file, line, block);
    } else {
        fetched_add_traceback(self_in, file, line, block);
    }
}
