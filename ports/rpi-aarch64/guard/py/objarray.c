// SPDX-License-Identifier: MIT
// Arrays, bytearrays and views: objects that lie about their length, values whose conversion runs Python code, and
// views of an array that has grown: what they refer to stays as it was then.

#include "guard/keep.h"
#include "guard/types.h"
#include "py/objtuple.h"
#include "py/objarray.h"
#include "py/objtype.h"
#include "py/runtime.h"

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
