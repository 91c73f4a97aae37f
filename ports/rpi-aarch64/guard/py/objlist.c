// SPDX-License-Identifier: MIT
// Lists: repetition, and sorting by comparisons that run Python code, which may change the list meanwhile.

#include "guard/keep.h"
#include "guard/repeat.h"
#include "py/objlist.h"

// sort() works on a copy, and refuses to overwrite what a comparison has put into the list.
static mp_obj_t guard_sort(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kwargs);

#define mp_obj_list_sort(...) fetched_mp_obj_list_sort(__VA_ARGS__)
#undef MP_DEFINE_CONST_FUN_OBJ_KW
#define MP_DEFINE_CONST_FUN_OBJ_KW(obj_name, n_args_min, fun_name) \
    const mp_obj_fun_builtin_var_t obj_name = \
    {{&mp_type_fun_builtin_var}, MP_OBJ_FUN_MAKE_SIG(n_args_min, MP_OBJ_FUN_ARGS_MAX, true), .fun.kw = guard_sort}

mp_obj_t fetched_mp_obj_list_sort(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kwargs);
#include "py/objlist.c"

#undef mp_obj_list_sort

static mp_obj_t guard_sort(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kwargs) {
    mp_check_self(mp_obj_is_type(pos_args[0], &mp_type_list));
    if (n_args != 1) {
        return fetched_mp_obj_list_sort(n_args, pos_args, kwargs); // says how many it takes
    }
    mp_obj_list_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_obj_t *items = self->items;
    size_t len = self->len;
    mp_obj_t sorted = mp_obj_new_list(len, items);
    fetched_mp_obj_list_sort(1, &sorted, kwargs);
    if (self->items != items || self->len != len) {
        mp_raise_ValueError(MP_ERROR_TEXT("list modified during sort"));
    }
    memcpy(items, ((mp_obj_list_t *)MP_OBJ_TO_PTR(sorted))->items, len * sizeof(mp_obj_t));
    return mp_const_none;
}

mp_obj_t mp_obj_list_sort(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kwargs) {
    return guard_sort(n_args, pos_args, kwargs);
}
