// SPDX-License-Identifier: MIT
// Arguments of the classes of `machine`. Errors name the argument (`what`), its value, and what would be right.

#ifndef PORTS_RPI_AARCH64_MACHINE_ARGUMENTS_H
#define PORTS_RPI_AARCH64_MACHINE_ARGUMENTS_H

#include "py/obj.h"

// Raises ValueError if an argument is not between the least and the greatest value. The second takes an object, and
// returns its integer; TypeError: it is none.
void arguments_check_range(const char *what, mp_int_t value, mp_int_t least, mp_int_t greatest);
mp_int_t arguments_get_int(mp_obj_t object, const char *what, mp_int_t least, mp_int_t greatest);

// Returns the items of a tuple or list. ValueError: they are not `count`, which `items` names.
mp_obj_t *arguments_get_items(mp_obj_t tuple, const char *what, size_t count, const char *items);

#endif // PORTS_RPI_AARCH64_MACHINE_ARGUMENTS_H
