// SPDX-License-Identifier: MIT
// Functions that are made from a code object: it has neither the values that arguments default to, nor the cells of
// a closure.

#ifndef PORTS_RPI_AARCH64_GUARD_CODE_H
#define PORTS_RPI_AARCH64_GUARD_CODE_H

#include "py/bc.h"
#include "py/emitglue.h"
#include "py/runtime.h"

// Cells are arguments ahead of the others, without a name.
static inline bool guard_takes_cells(const byte *ip, const mp_module_context_t *context) {
    MP_BC_PRELUDE_SIG_DECODE(ip);
    MP_BC_PRELUDE_SIZE_DECODE(ip);
    if (n_pos_args == 0) {
        return false;
    }
    ip = mp_decode_uint_skip(ip); // the function's name
    return context->constants.qstr_table[mp_decode_uint_value(ip)] == MP_QSTR__star_;
}

// Arguments with a default are missing unless a call gives them, which the function finds when it uses them.
static inline mp_obj_t guard_make_function(mp_proto_fun_t proto_fun, const mp_module_context_t *context) {
    mp_obj_t defaults[] = {MP_OBJ_NULL, MP_OBJ_NULL};
    if (mp_proto_fun_is_bytecode(proto_fun)) {
        const byte *ip = proto_fun;
        if (guard_takes_cells(ip, context)) {
            mp_raise_TypeError(MP_ERROR_TEXT("code of a closure needs its cells"));
        }
        MP_BC_PRELUDE_SIG_DECODE(ip);
        mp_obj_tuple_t *missing = MP_OBJ_TO_PTR(mp_obj_new_tuple(n_def_pos_args, NULL));
        for (size_t i = 0; i < n_def_pos_args; i++) {
            missing->items[i] = MP_OBJ_NULL;
        }
        defaults[0] = MP_OBJ_FROM_PTR(missing);
        defaults[1] = scope_flags & MP_SCOPE_FLAG_DEFKWARGS ? mp_obj_new_dict(0) : MP_OBJ_NULL;
    }
    return mp_make_function_from_proto_fun(proto_fun, context, defaults);
}

#define mp_make_function_from_proto_fun(proto_fun, context, defaults) guard_make_function((proto_fun), (context))

#endif // PORTS_RPI_AARCH64_GUARD_CODE_H
