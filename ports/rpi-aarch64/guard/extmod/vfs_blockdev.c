// SPDX-License-Identifier: MIT
// Block devices in Python; see lend.h.

#include "guard/guard.h"
#include "guard/lend.h"

// C code neither keeps the buffer nor makes it longer.
static bool guard_is_c_code(mp_obj_t method) {
    const mp_obj_type_t *type = mp_obj_get_type(method);
    return type == &mp_type_fun_builtin_var || type == &mp_type_fun_builtin_2 || type == &mp_type_fun_builtin_3;
}

static mp_obj_t guard_call(size_t n_args, size_t n_kw, mp_obj_t *args) {
    if (n_args < 2 || guard_is_c_code(args[0]) || !mp_obj_is_type(args[3], &mp_type_bytearray)) {
        return (mp_call_method_n_kw)(n_args, n_kw, args);
    }
    mp_obj_array_t *buffer = MP_OBJ_TO_PTR(args[3]);
    return guard_call_with_buffer(n_args, args, 3, buffer->items, buffer->len);
}

#define mp_call_method_n_kw(n_args, n_kw, args) guard_call((n_args), (n_kw), (args))

#include "extmod/vfs_blockdev.c"
