// SPDX-License-Identifier: MIT
// Strings and bytes: repetition; widths and precisions of formats that an int cannot hold. repr() of bytes prints many
// characters at once.

#include "guard/plain.h"
#include "guard/repeat.h"
#include "py/objstr.h"
#include "py/runtime.h"

static char *guard_specification(vstr_t *vstr);

#define vstr_null_terminated_str(vstr) guard_specification(vstr)
#define mp_obj_str_binary_op(...) fetched_mp_obj_str_binary_op(__VA_ARGS__)
mp_obj_t fetched_mp_obj_str_binary_op(mp_binary_op_t op, mp_obj_t lhs_in, mp_obj_t rhs_in);
#define mp_str_print_quoted(...) fetched_mp_str_print_quoted(__VA_ARGS__)
void fetched_mp_str_print_quoted(const mp_print_t *print, const byte *str_data, size_t str_len, bool is_bytes);
// Of bytes only: strings are Unicode (py/objstrunicode.c).
static void str_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind);
#define str_print(...) fetched_str_print(__VA_ARGS__)
#include "py/objstr.c"
#undef vstr_null_terminated_str
#undef mp_obj_str_binary_op
#undef mp_str_print_quoted
#undef str_print

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

// The most characters for one byte: \xff.
enum { GUARD_QUOTED_MOST = 4 };

static inline bool guard_is_plain(byte c, byte quote, bool is_bytes) {
    return c >= 0x20 && c != quote && c != '\\' && c != 0x7f && (c < 0x80 || !is_bytes);
}

// Writes the escape sequence of a byte; returns its end.
static char *guard_escape(char *to, byte c) {
    *to++ = '\\';
    char letter = c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : 'x';
    bool is_itself = c == '\'' || c == '"' || c == '\\';
    *to++ = is_itself ? (char)c : letter;
    if (!is_itself && letter == 'x') {
        *to++ = "0123456789abcdef"[c >> 4];
        *to++ = "0123456789abcdef"[c & 15];
    }
    return to;
}

void mp_str_print_quoted(const mp_print_t *print, const byte *str_data, size_t str_len, bool is_bytes) {
    char text[128];
    bool only_single = memchr(str_data, '\'', str_len) != NULL && memchr(str_data, '"', str_len) == NULL;
    byte quote = only_single ? '"' : '\'';
    char *to = text;
    *to++ = (char)quote;
    for (const byte *at = str_data, *end = str_data + str_len; at < end; at++) {
        if (to > text + sizeof text - GUARD_QUOTED_MOST) {
            print->print_strn(print->data, text, to - text);
            to = text;
        }
        if (guard_is_plain(*at, quote, is_bytes)) {
            *to++ = (char)*at;
        } else {
            to = guard_escape(to, *at);
        }
    }
    print->print_strn(print->data, text, to - text);
    print->print_strn(print->data, (const char *)&quote, 1);
}

static void str_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    if (kind == PRINT_RAW || kind == PRINT_JSON) {
        fetched_str_print(print, self_in, kind);
        return;
    }
    GET_STR_DATA_LEN(self_in, str, len);
    mp_print_str(print, "b");
    mp_str_print_quoted(print, str, len, true);
}
