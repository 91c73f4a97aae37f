// SPDX-License-Identifier: MIT
// struct: sizes and offsets that wrap, and arguments whose conversion runs Python code that changes the buffer.

#include "guard/guard.h"
#include "guard/types.h"
#include "py/binary.h"
#include "py/runtime.h"
#include "py/unicode.h"

#include "boot/layout.h"

static mp_obj_t struct_calcsize(mp_obj_t fmt_in);
static mp_obj_t struct_pack(size_t n_args, const mp_obj_t *args);
static mp_obj_t struct_pack_into(size_t n_args, const mp_obj_t *args);
static mp_obj_t struct_unpack_from(size_t n_args, const mp_obj_t *args);

#define struct_calcsize(...) fetched_struct_calcsize(__VA_ARGS__)
#define struct_pack(...) fetched_struct_pack(__VA_ARGS__)
#define struct_pack_into(...) fetched_struct_pack_into(__VA_ARGS__)
#define struct_unpack_from(...) fetched_struct_unpack_from(__VA_ARGS__)
#pragma GCC diagnostic ignored "-Wunused-function" // those that ours replace
#include "py/modstruct.c"
#undef struct_calcsize
#undef struct_pack
#undef struct_pack_into
#undef struct_unpack_from

static void guard_too_large(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("format too large"));
}

static size_t guard_add(size_t size, size_t count, size_t item_size) {
    size = guard_size(size, count, item_size);
    if (size == GUARD_TOO_LARGE) {
        guard_too_large();
    }
    return size;
}

static size_t guard_count(const char **fmt) {
    if (!unichar_isdigit(**fmt)) {
        return 1;
    }
    size_t count = 0;
    for (; unichar_isdigit(**fmt); ++*fmt) {
        count = guard_add(**fmt - '0', count, 10);
    }
    return count;
}

// The size of what a format describes.
static size_t guard_calcsize(mp_obj_t fmt_in) {
    const char *fmt = mp_obj_str_get_str(fmt_in);
    char fmt_type = get_fmt_type(&fmt);
    size_t size = 0;
    for (; *fmt != '\0'; fmt++) {
        size_t count = guard_count(&fmt);
        if (*fmt == 'x' || *fmt == 's') {
            size = guard_add(size, count, 1);
            continue;
        }
        size_t align;
        size_t item_size = mp_binary_get_size(fmt_type, *fmt, &align);
        if (count != 0) {
            size = guard_add(guard_add(size, align - 1, 1) & ~(align - 1), count, item_size);
        }
    }
    return size;
}

// Where in the buffer; the offset was converted before, so that no Python code runs any more.
static byte *guard_place(const mp_buffer_info_t *bufinfo, mp_int_t offset, size_t size) {
    if (offset < 0) {
        offset += (mp_int_t)bufinfo->len;
    }
    if (offset < 0 || (size_t)offset > bufinfo->len || size > bufinfo->len - (size_t)offset) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer too small"));
    }
    return (byte *)bufinfo->buf + offset;
}

// Short formats with counts of a few digits, at offsets that are not far, are left to the fetched functions: none of
// their sums wraps, because nothing is mapped that close to the end of the addresses.
#define GUARD_FAR (1u << 31)
enum { GUARD_SHORT_FORMAT = 255, GUARD_SHORT_DIGITS = 5, GUARD_LARGEST_COUNT = 99999, GUARD_LARGEST_ITEM = 8 };
_Static_assert((uint64_t)GUARD_SHORT_FORMAT * GUARD_LARGEST_COUNT * GUARD_LARGEST_ITEM < GUARD_FAR, "a short format");
_Static_assert(UINT64_MAX - (LAYOUT_VIEW + LAYOUT_VIEW_SIZE) > 2ull * GUARD_FAR, "the end of the last window");

static bool guard_is_far(mp_obj_t offset) {
    return !mp_obj_is_small_int(offset) || (mp_uint_t)MP_OBJ_SMALL_INT_VALUE(offset) > GUARD_FAR;
}

static bool guard_is_long(mp_obj_t fmt_in) {
    const char *fmt = mp_obj_str_get_str(fmt_in);
    size_t digits = 0;
    size_t i = 0;
    for (; i < GUARD_SHORT_FORMAT && fmt[i] != '\0' && digits <= GUARD_SHORT_DIGITS; i++) {
        digits = (unsigned char)(fmt[i] - '0') < 10 ? digits + 1 : 0;
    }
    return fmt[i] != '\0' || digits > GUARD_SHORT_DIGITS;
}

static mp_obj_t struct_calcsize(mp_obj_t fmt_in) {
    if (!guard_is_long(fmt_in)) {
        return fetched_struct_calcsize(fmt_in);
    }
    return mp_obj_new_int_from_uint(guard_calcsize(fmt_in));
}

static mp_obj_t struct_pack(size_t n_args, const mp_obj_t *args) {
    if (!guard_is_long(args[0])) {
        return fetched_struct_pack(n_args, args);
    }
    size_t size = guard_calcsize(args[0]);
    vstr_t vstr;
    vstr_init_len(&vstr, size);
    memset(vstr.buf, 0, size);
    struct_pack_into_internal(args[0], (byte *)vstr.buf, n_args - 1, &args[1]);
    return mp_obj_new_bytes_from_vstr(&vstr);
}

static bool guard_has_instance(size_t n_args, const mp_obj_t *args) {
    for (size_t i = 0; i < n_args; i++) {
        if (guard_is_instance(args[i])) {
            return true;
        }
    }
    return false;
}

static mp_obj_t struct_pack_into(size_t n_args, const mp_obj_t *args) {
    if (!guard_is_far(args[2]) && !guard_is_long(args[0]) && !guard_has_instance(n_args - 3, args + 3)) {
        return fetched_struct_pack_into(n_args, args);
    }
    mp_int_t offset = mp_obj_get_int(args[2]);
    size_t size = guard_calcsize(args[0]);
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(args[1], &bufinfo, MP_BUFFER_WRITE);
    byte *place = guard_place(&bufinfo, offset, size);
    byte *draft = memcpy(m_new(byte, size), place, size);
    struct_pack_into_internal(args[0], draft, n_args - 3, &args[3]);
    mp_get_buffer_raise(args[1], &bufinfo, MP_BUFFER_WRITE);
    memcpy(guard_place(&bufinfo, offset, size), draft, size);
    m_del(byte, draft, size);
    return mp_const_none;
}

static mp_obj_t struct_unpack_from(size_t n_args, const mp_obj_t *args) {
    if ((n_args == 2 || !guard_is_far(args[2])) && !guard_is_long(args[0])) {
        return fetched_struct_unpack_from(n_args, args);
    }
    mp_obj_t checked[] = {args[0], args[1], MP_OBJ_NEW_SMALL_INT(0)};
    if (n_args > 2) {
        checked[2] = mp_obj_new_int(mp_obj_get_int(args[2]));
    }
    mp_buffer_info_t bufinfo;
    mp_get_buffer_raise(args[1], &bufinfo, MP_BUFFER_READ);
    guard_place(&bufinfo, mp_obj_get_int(checked[2]), guard_calcsize(args[0]));
    return fetched_struct_unpack_from(3, checked);
}
