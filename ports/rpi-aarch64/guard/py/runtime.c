// SPDX-License-Identifier: MIT
// import * takes the names of a module only, not of whatever sys.modules has. Methods of native types that are called
// through the type take objects of a derived class in Python, too.

#include "guard/guard.h"
#include "py/objmodule.h"
#include "py/objtype.h"
#include "py/runtime.h"

static inline mp_obj_dict_t *guard_globals(mp_obj_t module) {
    if (!mp_obj_is_type(module, &mp_type_module)) {
        mp_raise_TypeError(MP_ERROR_TEXT("not a module"));
    }
    return mp_obj_module_get_globals(module);
}

static mp_obj_t checked_fun_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args);

#define mp_obj_module_get_globals guard_globals
#define checked_fun_call(...) fetched_checked_fun_call(__VA_ARGS__)
#include "py/runtime.c"
#undef checked_fun_call

static mp_obj_t checked_fun_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    const mp_obj_checked_fun_t *self = MP_OBJ_TO_PTR(self_in);
    if (n_args == 0 || !mp_obj_is_instance_type(mp_obj_get_type(args[0]))) {
        return fetched_checked_fun_call(self_in, n_args, n_kw, args);
    }
    mp_obj_t base = mp_obj_cast_to_native_base(args[0], MP_OBJ_FROM_PTR(self->type));
    size_t count = n_args + 2 * n_kw;
    mp_obj_t *native_args = memcpy(m_new(mp_obj_t, count), args, count * sizeof(mp_obj_t));
    native_args[0] = base != MP_OBJ_NULL ? base : args[0];
    return fetched_checked_fun_call(self_in, n_args, n_kw, native_args);
}
