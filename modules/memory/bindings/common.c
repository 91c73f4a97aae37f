// SPDX-License-Identifier: MIT
// What all bindings share: exceptions with texts, arguments checked against 64 bits, names kept for the mechanism.

#include <stdarg.h>
#include <string.h>

#include "py/builtin.h"
#include "py/mperrno.h"
#include "py/objint.h"
#include "py/objstr.h"
#include "py/objtuple.h"

#include "common.h"

// Names that the mechanism keeps by reference. Few are ever made: by boot, and by reserving memory by hand.
#define NAME_SIZE (32)
#define NAME_COUNT (64)

// Characters of a long value that a message shows.
#define SHOWN_MAX (80)

static char names[NAME_COUNT][NAME_SIZE];

// --- exceptions ---

static mp_obj_t new_exception(const mp_obj_type_t *type, mp_rom_error_text_t text, va_list args) {
    return mp_obj_new_exception_msg_vlist(type, text, args);
}

void bind_raise_value(mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    mp_obj_t exception = new_exception(&mp_type_ValueError, text, args);
    va_end(args);
    nlr_raise(exception);
}

void bind_raise_type(mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    mp_obj_t exception = new_exception(&mp_type_TypeError, text, args);
    va_end(args);
    nlr_raise(exception);
}

void bind_raise_os(int result, mp_rom_error_text_t text, ...) {
    va_list args;
    va_start(args, text);
    mp_obj_t message = mp_obj_exception_get_value(new_exception(&mp_type_OSError, text, args));
    va_end(args);
    mp_obj_t items[] = {MP_OBJ_NEW_SMALL_INT(-result), message};
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, items));
}

void bind_raise_closed(const char *type, uint64_t address) {
    bind_raise_value(MP_ERROR_TEXT("%s 0x%016lx is closed"), type, address);
}

bool bind_is_interrupted(void) {
    return MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL;
}

void bind_raise_interrupt(void) {
    if (bind_is_interrupted()) {
        mp_handle_pending(true);
    }
}

void bind_need_kernel(void) {
    if (!memory_system_is_switched()) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("memory cannot be managed: the kernel map is not in use"));
    }
}

// ValueError with the value as Python prints it, cut to a length that fits a line.
static void __attribute__((noreturn)) raise_int(mp_obj_t obj, const char *what, const char *problem) {
    vstr_t vstr;
    mp_print_t print;
    vstr_init_print(&vstr, 32, &print);
    mp_obj_print_helper(&print, obj, PRINT_REPR);
    const char *more = "";
    if (vstr.len > SHOWN_MAX) {
        vstr.len = SHOWN_MAX;
        more = "...";
    }
    bind_raise_value(MP_ERROR_TEXT("%s %s%s %s"), what, vstr_null_terminated_str(&vstr), more, problem);
}

// --- arguments ---

uint64_t bind_get_u64(mp_obj_t obj, const char *what) {
    if (mp_obj_is_small_int(obj)) {
        mp_int_t value = MP_OBJ_SMALL_INT_VALUE(obj);
        if (value < 0) {
            raise_int(obj, what, "is negative");
        }
        return (uint64_t)value;
    }
    if (!mp_obj_is_exact_type(obj, &mp_type_int)) {
        bind_raise_type(MP_ERROR_TEXT("%s must be an int, not %s"), what, mp_obj_get_type_str(obj));
    }
    mp_uint_t value;
    if (mp_obj_int_sign(obj) < 0) {
        raise_int(obj, what, "is negative");
    }
    if (!mpz_as_uint_checked(&((mp_obj_int_t *)MP_OBJ_TO_PTR(obj))->mpz, &value)) {
        raise_int(obj, what, "needs more than 64 bits");
    }
    return value;
}

uint64_t bind_get_u64_or(mp_obj_t obj, const char *what, uint64_t none) {
    return obj == mp_const_none ? none : bind_get_u64(obj, what);
}

uint64_t bind_get_size(mp_obj_t obj, const char *what) {
    uint64_t value = bind_get_u64(obj, what);
    if (value == 0) {
        raise_int(obj, what, "is not positive");
    }
    return value;
}

uint64_t bind_get_page(mp_obj_t obj, const char *what) {
    uint64_t value = bind_get_u64(obj, what);
    if (!mem_is_aligned(value, MEM_PAGE_SIZE)) {
        bind_raise_value(MP_ERROR_TEXT("%s 0x%016lx is not a multiple of 4096"), what, value);
    }
    return value;
}

uint64_t bind_get_page_size(mp_obj_t obj, const char *what) {
    uint64_t value = bind_get_size(obj, what);
    if (!mem_is_aligned(value, MEM_PAGE_SIZE)) {
        bind_raise_value(MP_ERROR_TEXT("%s %lu is not a multiple of 4096"), what, value);
    }
    return value;
}

// The entry with this text, or the first empty one; NULL when there is neither.
static char *find_name(const char *text, size_t len) {
    for (size_t i = 0; i < NAME_COUNT; ++i) {
        if (names[i][0] == 0 || (memcmp(names[i], text, len) == 0 && names[i][len] == 0)) {
            return names[i];
        }
    }
    return NULL;
}

bool bind_text_is(mp_obj_t str, const char *text) {
    size_t len;
    const char *data = mp_obj_str_get_data(str, &len);
    return len == strlen(text) && memcmp(data, text, len) == 0;
}

const char *bind_quoted(mp_obj_t str) {
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 16, &print);
    mp_obj_print_helper(&print, str, PRINT_REPR);
    return vstr_null_terminated_str(&text);
}

const char *bind_get_name(mp_obj_t obj, const char *what) {
    if (!mp_obj_is_str(obj)) {
        bind_raise_type(MP_ERROR_TEXT("%s must be a str, not %s"), what, mp_obj_get_type_str(obj));
    }
    size_t len;
    const char *text = mp_obj_str_get_data(obj, &len);
    if (len == 0 || len >= NAME_SIZE || memchr(text, 0, len) != NULL) {
        bind_raise_value(MP_ERROR_TEXT("%s %s must have 1 to 31 bytes, none of them zero"), what, bind_quoted(obj));
    }
    char *name = find_name(text, len);
    if (name == NULL) {
        bind_raise_os(MEM_ENOMEM, MP_ERROR_TEXT("no room for the name '%s': all %u are taken"), text, NAME_COUNT);
    }
    memcpy(name, text, len); // the rest of an empty entry is zero, and stays
    return name;
}

// --- results ---

mp_obj_t bind_new_u64(uint64_t value) {
    return mp_obj_new_int_from_uint(value);
}

mp_obj_t bind_new_text(const char *text) {
    // mp_obj_new_str() would search every qstr first.
    return mp_obj_new_str_copy(&mp_type_str, (const byte *)text, strlen(text));
}

void bind_store(mp_obj_t dict, qstr key, mp_obj_t value) {
    mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(key), value);
}

void bind_store_u64(mp_obj_t dict, qstr key, uint64_t value) {
    bind_store(dict, key, bind_new_u64(value));
}

mp_obj_t bind_show(qstr picture, mp_obj_t what) {
    mp_obj_t from = MP_OBJ_NEW_QSTR(picture);
    mp_obj_t names_in = mp_obj_new_tuple(1, &from);
    mp_obj_t module = mp_import_name(qstr_from_str("memory._show"), names_in, MP_OBJ_NEW_SMALL_INT(0));
    return mp_call_function_1(mp_load_attr(module, picture), what);
}
