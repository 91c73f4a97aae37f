// SPDX-License-Identifier: MIT
// Arguments by name: they are few, and most calls have none, so a parameter is looked for among those that are left.

#include "py/runtime.h"

static mp_map_elem_t *find_argument(mp_map_t *kws, mp_obj_t name) {
    if (!kws->is_fixed) {
        return mp_map_lookup(kws, name, MP_MAP_LOOKUP);
    }
    for (size_t i = 0; i < kws->used; ++i) {
        if (kws->table[i].key == name) {
            return &kws->table[i];
        }
    }
    return NULL;
}

// The names of a call are interned. `kws_found` is a variable of the function that looks for them.
#define mp_map_lookup(kws, name, kind) (kws_found < (kws)->used ? find_argument((kws), (name)) : NULL)

#include "py/argcheck.c"
