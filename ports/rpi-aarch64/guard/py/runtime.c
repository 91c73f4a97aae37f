// SPDX-License-Identifier: MIT
// import * takes the names of a module only, not of whatever sys.modules has. Methods of native types that are called
// through the type take objects of a derived class in Python, too. Arguments after stars are counted once no more
// Python code can change their number. A ROMFS is in a file of /, which is mounted later (modules/_romfs.py).

#include "extmod/vfs.h"
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
#define mp_vfs_mount_romfs_protected() (MP_STATE_VM(guard_rom_opened) = MP_OBJ_NULL)
#define checked_fun_call(...) fetched_checked_fun_call(__VA_ARGS__)
#define m_malloc_fail(...) fetched_m_malloc_fail(__VA_ARGS__)
MP_NORETURN void fetched_m_malloc_fail(size_t size);
#define mp_call_prepare_args_n_kw_var(...) fetched_mp_call_prepare_args_n_kw_var(__VA_ARGS__)
#define mp_call_method_n_kw_var(...) fetched_mp_call_method_n_kw_var(__VA_ARGS__)
mp_obj_t fetched_mp_call_method_n_kw_var(bool have_self, size_t counts, const mp_obj_t *args);
#include "py/runtime.c"
#undef checked_fun_call
#undef m_malloc_fail
#undef mp_call_prepare_args_n_kw_var
#undef mp_call_method_n_kw_var

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

// A call with stars, as the compiler lays it out behind the function and its self.
typedef struct {
    size_t n_args;
    size_t n_kw;
    mp_obj_t *args; // n_args positional ones, n_kw pairs, and which positional ones have a star
} guard_call_t;

static bool guard_is_starred(const guard_call_t *call, size_t i) {
    return ((mp_uint_t)MP_OBJ_SMALL_INT_VALUE(call->args[call->n_args + 2 * call->n_kw]) >> i) & 1;
}

// What has a double star; MP_OBJ_NULL if this is an argument with a name.
static mp_obj_t *guard_mapping(const guard_call_t *call, size_t i) {
    mp_obj_t *pair = &call->args[call->n_args + 2 * i];
    return pair[0] == MP_OBJ_NULL && pair[1] != MP_OBJ_NULL ? &pair[1] : NULL;
}

// Whether Python code runs while the arguments are unpacked.
static bool guard_runs_python(const guard_call_t *call) {
    for (size_t i = 0; i < call->n_args; i++) {
        if (guard_is_starred(call, i) && !mp_obj_is_type(call->args[i], &mp_type_tuple)
            && !mp_obj_is_type(call->args[i], &mp_type_list)) {
            return true;
        }
    }
    for (size_t i = 0; i < call->n_kw; i++) {
        const mp_obj_t *mapping = guard_mapping(call, i);
        if (mapping != NULL && !mp_obj_is_type(*mapping, &mp_type_dict)) {
            return true;
        }
    }
    return false;
}

// What keys() and __getitem__() of a mapping say, as a dictionary of names in their order.
static mp_obj_t guard_dict(mp_obj_t mapping) {
    mp_obj_t dict = mp_obj_new_dict(0);
    mp_map_t *map = mp_obj_dict_get_map(dict);
    map->is_ordered = 1;
    mp_obj_t method[3];
    mp_load_method(mapping, MP_QSTR_keys, method);
    mp_obj_t keys = mp_getiter(mp_call_method_n_kw(0, 0, method), NULL);
    for (mp_obj_t key; (key = mp_iternext(keys)) != MP_OBJ_STOP_ITERATION;) {
        key = mp_obj_is_qstr(key) ? key : mp_obj_str_intern_checked(key);
        mp_load_method(mapping, MP_QSTR___getitem__, method);
        method[2] = key;
        mp_obj_t value = mp_call_method_n_kw(1, 0, method);
        if (mp_map_lookup(map, key, MP_MAP_LOOKUP) != NULL) {
            mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("function got multiple values for argument '%q'"),
                MP_OBJ_QSTR_VALUE(key));
        }
        mp_obj_dict_store(dict, key, value);
    }
    return dict;
}

// The same call with tuples, lists and dictionaries; only the dictionaries can still be reached by Python code, which
// does not run any more.
static void guard_unpack(const guard_call_t *call) {
    for (size_t i = 0; i < call->n_args; i++) {
        mp_obj_t *arg = &call->args[i];
        if (guard_is_starred(call, i) && !mp_obj_is_type(*arg, &mp_type_tuple)) {
            *arg = MP_OBJ_TYPE_GET_SLOT(&mp_type_list, make_new)(&mp_type_list, 1, 0, arg);
        }
    }
    for (size_t i = 0; i < call->n_kw; i++) {
        mp_obj_t *mapping = guard_mapping(call, i);
        if (mapping != NULL && !mp_obj_is_type(*mapping, &mp_type_dict)) {
            *mapping = guard_dict(*mapping);
        }
    }
}

static void prepare_args(bool have_self, size_t counts, const mp_obj_t *args, mp_call_args_t *out) {
    size_t ahead = have_self ? 2 : 1;
    guard_call_t call = {.n_args = counts & 0xff, .n_kw = (counts >> 8) & 0xff, .args = (mp_obj_t *)args + ahead};
    if (guard_runs_python(&call)) {
        size_t count = ahead + call.n_args + 2 * call.n_kw + 1;
        args = memcpy(m_new(mp_obj_t, count), args, count * sizeof(mp_obj_t));
        call.args = (mp_obj_t *)args + ahead;
        guard_unpack(&call);
    }
    fetched_mp_call_prepare_args_n_kw_var(have_self, counts, args, out);
}

mp_obj_t mp_call_method_n_kw_var(bool have_self, size_t counts, const mp_obj_t *args) {
    mp_call_args_t call;
    prepare_args(have_self, counts, args, &call);
    mp_obj_t result = mp_call_function_n_kw(call.fun, call.n_args, call.n_kw, call.args);
    mp_nonlocal_free(call.args, call.n_alloc * sizeof(mp_obj_t));
    return result;
}

// The fetched function cuts the size to 32 bits.
MP_NORETURN void m_malloc_fail(size_t size) {
    if (size <= UINT32_MAX) {
        fetched_m_malloc_fail(size);
    }
    mp_raise_msg_varg(&mp_type_MemoryError, MP_ERROR_TEXT("memory allocation failed, allocating %lu bytes"),
        (unsigned long)size);
}
