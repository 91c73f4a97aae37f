// SPDX-License-Identifier: MIT
// Arrays, bytearrays and views: objects that lie about their length, values whose conversion runs Python code, and
// views of an array that has grown: what they refer to stays as it was then.

#include "guard/keep.h"
#include "guard/plain.h"
#include "guard/types.h"
#include "py/objtuple.h"
#include "py/objarray.h"
#include "py/objtype.h"
#include "py/runtime.h"

static bool guard_is_plain(char typecode) {
    return typecode != 'O' && typecode != 'P' && typecode != 'S';
}

static void *guard_plain_malloc_maybe(size_t size) {
    return gc_alloc(size, GC_ALLOC_FLAG_PLAIN);
}

static void *guard_renew_items(const mp_obj_array_t *array, size_t old_size, size_t new_size) {
    if (guard_is_plain(array->typecode)) {
        return guard_keep_renew(array->items, old_size, new_size, guard_plain_malloc_maybe, guard_plain_malloc);
    }
    return guard_keep_renew(array->items, old_size, new_size, m_malloc_maybe, m_malloc);
}

// Items are allocated where `typecode` is that of the array, and renewed as its member; all else is structures.
#undef m_new
#undef m_new_obj
#undef m_renew
#define m_new_obj(type) ((type *)m_malloc(sizeof(type)))
#define m_new(type, num) \
    ((type *)(guard_is_plain(typecode) ? guard_plain_malloc : m_malloc)(guard_size(0, (num), sizeof(type))))
#define m_renew(type, ptr, old_num, new_num) \
    ((type *)guard_renew_items((const mp_obj_array_t *)((const byte *)&(ptr) - offsetof(mp_obj_array_t, items)), \
    guard_size(0, (old_num), sizeof(type)), guard_size(0, (new_num), sizeof(type))))

// What an array is made from, with a length that is true.
static mp_obj_t guard_fixed(mp_obj_t initializer) {
    const mp_obj_type_t *type = mp_obj_get_type(initializer);
    if (type == &mp_type_list || type == &mp_type_tuple || type == &mp_type_range || type == &mp_type_array
        || type == &mp_type_memoryview) {
        return initializer;
    }
    return MP_OBJ_TYPE_GET_SLOT(&mp_type_list, make_new)(&mp_type_list, 1, 0, &initializer);
}

// An instance as the number that is stored: converting it may run Python code that changes the array.
static MP_NOINLINE mp_obj_t guard_convert(char typecode, mp_obj_t item) {
    if (typecode == 'O') {
        return item;
    }
    if (typecode == 'f' || typecode == 'd') {
        return mp_obj_new_float(mp_obj_get_float(item));
    }
    return mp_obj_new_int(mp_obj_get_int(item));
}

static mp_obj_t array_append(mp_obj_t self_in, mp_obj_t arg);

// Called where `array` gets the items, and has been made for `len` of them, or is appended to if that is 0 (then there
// is nothing above `len - 1`). A list may change meanwhile, when an item is converted.
#define mp_iternext(iterable) \
    ({ \
        mp_obj_t next = i > len - 1 ? MP_OBJ_STOP_ITERATION : (mp_iternext)(iterable); \
        if (next == MP_OBJ_STOP_ITERATION && i < len) { \
            mp_raise_msg(&mp_type_IndexError, MP_ERROR_TEXT("list changed size by a conversion")); \
        } \
        guard_is_instance(next) ? guard_convert(array->typecode, next) : next; \
    })
#define mp_obj_len_maybe(o) mp_obj_len((o) = guard_fixed(o))
#define array_append(...) fetched_array_append(__VA_ARGS__)
static mp_obj_t fetched_array_append(mp_obj_t self_in, mp_obj_t arg);
#include "py/objarray.c"
#undef array_append

static mp_obj_t array_append(mp_obj_t self_in, mp_obj_t arg) {
    const mp_obj_array_t *self = MP_OBJ_TO_PTR(self_in);
    return fetched_array_append(self_in, guard_is_instance(arg) ? guard_convert(self->typecode, arg) : arg);
}
