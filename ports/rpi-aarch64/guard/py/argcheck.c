// SPDX-License-Identifier: MIT
// Arguments by name: they are few, and most calls have none, so a parameter is looked for among those that are left.
// Errors name the parameter.

#include "py/runtime.h"

static mp_map_elem_t *find_argument(mp_map_t *kws, mp_obj_t name) {
    if (!kws->is_fixed) {
        return mp_map_lookup(kws, name, MP_MAP_LOOKUP);
    }
    for (size_t i = 0; i < kws->used; ++i) {
        if (kws->table[i].key == name) {
            return &kws->table[i];
        }
    }
    return NULL;
}

// The names of a call are interned. `kws_found` is a variable of the function that looks for them.
#define mp_map_lookup(kws, name, kind) (kws_found < (kws)->used ? find_argument((kws), (name)) : NULL)

static MP_NOINLINE mp_int_t get_integer(mp_obj_t object, qstr name) {
    mp_int_t value;
    if (!mp_obj_get_int_maybe(object, &value)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%q is an integer, not %s"), name,
            mp_obj_get_type_str(object));
    }
    return value;
}

#define mp_obj_get_int(object) get_integer((object), allowed[i].qst)

static bool is_allowed(mp_obj_t name, size_t n_allowed, const mp_arg_t *allowed) {
    while (n_allowed > 0 && MP_OBJ_NEW_QSTR(allowed[n_allowed - 1].qst) != name) {
        --n_allowed;
    }
    return n_allowed > 0;
}

// Raises TypeError, with the names that are allowed if there is another among the arguments.
static MP_NOINLINE void __attribute__((noreturn, cold)) refuse(mp_rom_error_text_t text, const mp_map_t *kws,
    size_t n_allowed, const mp_arg_t *allowed) {
    for (size_t i = 0; kws != NULL && i < kws->alloc; ++i) {
        if (!mp_map_slot_is_filled(kws, i) || is_allowed(kws->table[i].key, n_allowed, allowed)) {
            continue;
        }
        vstr_t names;
        vstr_init(&names, 64);
        for (size_t n = 0; n < n_allowed; ++n) {
            vstr_printf(&names, "%s%q", n == 0 ? "" : ", ", allowed[n].qst);
        }
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("no argument %q here: %s"),
            mp_obj_str_get_qstr(kws->table[i].key), vstr_null_terminated_str(&names));
    }
    mp_raise_TypeError(text);
}

// In place of the parameters of the same names, in functions without them.
enum { n_allowed = 0 };
static const mp_map_t *const kws = NULL;
static const mp_arg_t *const allowed = NULL;
#define mp_raise_TypeError(text) refuse((text), kws, n_allowed, allowed)

#include "py/argcheck.c"
