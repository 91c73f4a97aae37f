// SPDX-License-Identifier: MIT
// Signal: what has a protocol and is no pin is refused (the fetched function calls any protocol as that of a pin), and
// the exception has a text.

#include "guard/guard.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "machine/machine_pin.h"

static mp_obj_t signal_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args);

#define signal_make_new(...) fetched_signal_make_new(__VA_ARGS__)
#include "extmod/machine_signal.c"
#undef signal_make_new

static mp_obj_t signal_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    const mp_obj_type_t *given = mp_obj_get_type(args[0]);
    bool is_pin = given == &machine_pin_type || given == &machine_signal_type;
    if (!is_pin && MP_OBJ_TYPE_HAS_SLOT(given, protocol)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("a Signal is of a pin, not of %s"),
            mp_obj_get_type_str(args[0]));
    }
    if (is_pin && (n_args > 1 || n_kw > 1 || (n_kw == 1 && args[1] != MP_OBJ_NEW_QSTR(MP_QSTR_invert)))) {
        mp_raise_TypeError(MP_ERROR_TEXT("a Signal of a Pin takes only invert="));
    }
    return fetched_signal_make_new(type, n_args, n_kw, args);
}
