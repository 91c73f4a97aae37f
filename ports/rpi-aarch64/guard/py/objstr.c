// SPDX-License-Identifier: MIT
// Strings and bytes: repetition; widths and precisions of formats that an int cannot hold.

#include "guard/plain.h"
#include "guard/repeat.h"
#include "py/objstr.h"
#include "py/runtime.h"

static char *guard_specification(vstr_t *vstr);

#define vstr_null_terminated_str(vstr) guard_specification(vstr)
#define mp_obj_str_binary_op(...) fetched_mp_obj_str_binary_op(__VA_ARGS__)
mp_obj_t fetched_mp_obj_str_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in);
#include "py/objstr.c"
#undef vstr_null_terminated_str
#undef mp_obj_str_binary_op

static MP_NOINLINE const char *guard_number(const char *at, const char *end) {
    enum { MOST_DIGITS = 9 };
    while (at < end && *at == '0') {
        at++;
    }
    const char *start = at;
    while (at < end && unichar_isdigit(*at)) {
        at++;
    }
    if (at - start > MOST_DIGITS) {
        mp_raise_ValueError(MP_ERROR_TEXT("width or precision too large"));
    }
    return at;
}

// What stands behind the colon, for the parser of the fetched file.
static char *guard_specification(vstr_t *vstr) {
    char *str = vstr_null_terminated_str(vstr);
    const char *end = str + vstr->len;
    for (const char *at = str; at < end; at++) {
        at = guard_number(at, end);
    }
    return str;
}

static MP_NOINLINE void guard_modulo_format(mp_obj_t format) {
    GET_STR_DATA_LEN(format, str, len);
    const char *end = (const char *)str + len;
    for (const char *at = (const char *)str; (at = memchr(at, '%', end - at)) != NULL;) {
        do {
            at++; // flags
        } while (at < end && (*at == '-' || *at == '+' || *at == ' ' || *at == '#'));
        at = guard_number(at, end);
        at = at < end && *at == '.' ? guard_number(at + 1, end) : at;
        at += at < end && *at == '%';
    }
}

mp_obj_t mp_obj_str_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in) {
    if (op == MP_BINARY_OP_MODULO) {
        guard_modulo_format(lhs_in);
    }
    return fetched_mp_obj_str_binary_op(op, lhs_in, rhs_in);
}
