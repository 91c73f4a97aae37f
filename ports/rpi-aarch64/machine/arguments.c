// SPDX-License-Identifier: MIT
// Checks of arguments; see arguments.h.

#include "py/runtime.h"

#include "arguments.h"
#include "hooks.h"

void arguments_check_range(const char *what, mp_int_t value, mp_int_t least, mp_int_t greatest) {
    if (value < least || value > greatest) {
        bind_raise_value(least == greatest ? MP_ERROR_TEXT("%s %ld is not %ld")
            : MP_ERROR_TEXT("%s %ld is not in %ld to %ld"), what, (long)value, (long)least, (long)greatest);
    }
}

mp_int_t arguments_get_int(mp_obj_t object, const char *what, mp_int_t least, mp_int_t greatest) {
    mp_int_t value;
    if (!mp_obj_get_int_maybe(object, &value)) {
        bind_raise_type(MP_ERROR_TEXT("%s is an integer in %ld to %ld, not %s"), what, (long)least, (long)greatest,
            mp_obj_get_type_str(object));
    }
    arguments_check_range(what, value, least, greatest);
    return value;
}

mp_obj_t *arguments_get_items(mp_obj_t tuple, const char *what, size_t count, const char *items) {
    mp_obj_t *found;
    size_t size;
    mp_obj_get_array(tuple, &size, &found);
    if (size != count) {
        bind_raise_value(MP_ERROR_TEXT("%s has %lu items, not %lu: %s"), what, size, count, items);
    }
    return found;
}
