// SPDX-License-Identifier: MIT
// Tables of dictionaries and sets: __hash__() and __eq__() of a key run Python code, which may change the table that is
// searched. Then the search ends.

#include "guard/keep.h"
#include "py/runtime.h"

static void guard_changed(void) {
    mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("changed by a comparison of its keys"));
}

// The functions of map.c have either a parameter `map` or a parameter `set`, which hides the one here.
static mp_map_t *const map = NULL;
static mp_set_t *const set = NULL;

#define TABLE ((void *)(map != NULL ? (void *)map->table : set != NULL ? (void *)set->table : NULL))
#define ALLOC (map != NULL ? map->alloc : set != NULL ? set->alloc : 0)
#define GUARDED(result_t, call) \
    ({ \
        void *table = TABLE; \
        size_t alloc = ALLOC; \
        result_t result = (call); \
        if (table != TABLE || alloc != ALLOC) { \
            guard_changed(); \
        } \
        result; \
    })

// Small integers need neither a call nor a guard: the only unary operator here is the hash, and theirs is they.
#define mp_unary_op(op, o) (mp_obj_is_small_int(o) ? (o) : GUARDED(mp_obj_t, (mp_unary_op)((op), (o))))
#define mp_obj_equal(a, b) \
    (mp_obj_is_small_int(a) && mp_obj_is_small_int(b) ? (a) == (b) : GUARDED(bool, (mp_obj_equal)((a), (b))))

#include "py/map.c"
