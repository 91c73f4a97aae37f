// SPDX-License-Identifier: MIT
// Lists: repetition, and comparisons that run Python code, which may change the list meanwhile. They see a copy.

#include "guard/keep.h"
#include "guard/repeat.h"
#include "py/objlist.h"
#include "py/objstr.h"

// Items that are compared without running Python code.
static bool guard_plain(size_t len, const mp_obj_t *items) {
    for (size_t i = 0; i < len; i++) {
        if (!mp_obj_is_small_int(items[i]) && !mp_obj_is_str_or_bytes(items[i]) && !mp_obj_is_float(items[i])) {
            return false;
        }
    }
    return true;
}

static const mp_obj_t *guard_copy(size_t len, const mp_obj_t *items) {
    return guard_plain(len, items) ? items : memcpy(m_new(mp_obj_t, len), items, len * sizeof(mp_obj_t));
}

static mp_obj_t guard_index(const mp_obj_t *items, size_t len, size_t n_args, const mp_obj_t *args) {
    return mp_seq_index_obj(guard_copy(len, items), len, n_args, args);
}

static mp_obj_t guard_count(const mp_obj_t *items, size_t len, mp_obj_t value) {
    return mp_seq_count_obj(guard_copy(len, items), len, value);
}

static bool guard_cmp(mp_uint_t op, const mp_obj_t *items1, size_t len1, const mp_obj_t *items2, size_t len2) {
    return mp_seq_cmp_objs(op, guard_copy(len1, items1), len1, guard_copy(len2, items2), len2);
}

// sort() works on a copy, and refuses to overwrite what a comparison has put into the list.
static mp_obj_t guard_sort(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kwargs);

#define mp_seq_index_obj guard_index
#define mp_seq_count_obj guard_count
#define mp_seq_cmp_objs guard_cmp
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
