// SPDX-License-Identifier: MIT
// Indices; see index.h. Tracebacks of a bounded length; see traceback.h. What is no buffer is named.

#include "guard/index.h"
#include "guard/traceback.h"

#define mp_obj_print_exception(...) fetched_print_exception(__VA_ARGS__)
void fetched_print_exception(const mp_print_t *print, mp_obj_t exc);
#define mp_get_buffer(...) fetched_get_buffer(__VA_ARGS__)
bool fetched_get_buffer(mp_obj_t obj, mp_buffer_info_t *bufinfo, mp_uint_t flags);
#define mp_get_index(...) fetched_mp_get_index(__VA_ARGS__)
size_t fetched_mp_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice);
#include "py/obj.c"
#undef mp_get_buffer
#undef mp_get_index
#undef mp_obj_print_exception

bool mp_get_buffer(mp_obj_t obj, mp_buffer_info_t *bufinfo, mp_uint_t flags) {
    bool has = fetched_get_buffer(obj, bufinfo, flags & ~(mp_uint_t)MP_BUFFER_RAISE_IF_UNSUPPORTED);
    if (!has && (flags & MP_BUFFER_RAISE_IF_UNSUPPORTED)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("object with %sbuffer protocol required, not %s"),
            flags & MP_BUFFER_WRITE ? "writable " : "", mp_obj_get_type_str(obj));
    }
    return has;
}

static MP_NOINLINE size_t guard_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice) {
    mp_obj_t value = guard_index_value(index);
    if (value == MP_OBJ_NULL) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%q indices must be integers, not %s"),
            (qstr)type->name, mp_obj_get_type_str(index));
    }
    return fetched_mp_get_index(type, len, value, is_slice);
}

size_t mp_get_index(const mp_obj_type_t *type, size_t len, mp_obj_t index, bool is_slice) {
    bool is_small = mp_obj_is_small_int(index);
    return (is_small ? fetched_mp_get_index : guard_get_index)(type, len, index, is_slice);
}

static void guard_print_entry(const mp_print_t *print, const size_t *entry) {
    mp_printf(print, "  File \"%q\", line %d", (qstr)entry[0], (int)entry[1]);
    if (entry[2] != MP_QSTRnull) {
        mp_printf(print, ", in %q", (qstr)entry[2]);
    }
    mp_print_str(print, "\n");
}

// Prints entries [from, to), the last one first.
static void guard_print_entries(const mp_print_t *print, size_t *words, size_t from, size_t to) {
    while (to > from) {
        guard_print_entry(print, traceback_entry(words, --to));
    }
}

// Prints a traceback of which the middle is left out.
static void guard_print_long(const mp_print_t *print, size_t *words, size_t left_out) {
    size_t oldest = traceback_oldest(left_out);
    guard_print_entries(print, words, TRACEBACK_INNER + 1, oldest);
    guard_print_entries(print, words, oldest, TRACEBACK_MOST);
    mp_printf(print, "  [%u calls are not shown]\n", (unsigned)left_out);
    guard_print_entries(print, words, 0, TRACEBACK_INNER);
}

void mp_obj_print_exception(const mp_print_t *print, mp_obj_t exc) {
    size_t n = 0;
    size_t *words = NULL;
    if (mp_obj_is_exception_instance(exc)) {
        mp_obj_exception_get_traceback(exc, &n, &words);
    }
    size_t left_out = n == TRACEBACK_MOST * TRACEBACK_WORDS ? traceback_left_out(words) : 0;
    if (left_out == 0) {
        fetched_print_exception(print, exc);
        return;
    }
    mp_print_str(print, "Traceback (most recent call last):\n");
    guard_print_long(print, words, left_out);
    mp_obj_print_helper(print, exc, PRINT_EXC);
    mp_print_str(print, "\n");
}
