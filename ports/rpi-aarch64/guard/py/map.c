// SPDX-License-Identifier: MIT
// Tables of dictionaries and sets: __hash__() and __eq__() of a key run Python code, which may change the table that is
// searched. Then the search ends. Where all keys are names, the search compares addresses only.

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

#undef MICROPY_WRAP_MP_MAP_LOOKUP
#define MICROPY_WRAP_MP_MAP_LOOKUP(name) any_map_lookup
static mp_map_elem_t *any_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind);
#include "py/map.c"

#define NAMES_A_STEP (4)

// The element with the name, in a table without order; NULL when it has none. The reads of a step do not wait for each
// other, and there is one branch for all of them.
static mp_map_elem_t *find_name(mp_map_elem_t *at, size_t n, mp_obj_t name) {
    for (; n >= NAMES_A_STEP; at += NAMES_A_STEP, n -= NAMES_A_STEP) {
        if ((at[0].key == name) | (at[1].key == name) | (at[2].key == name) | (at[3].key == name)) {
            break;
        }
    }
    for (; n != 0; ++at, --n) {
        if (at->key == name) {
            return at;
        }
    }
    return NULL;
}

// The same in a hash table, which any_map_lookup() searches for a key of any kind.
static mp_map_elem_t *find_hashed(mp_map_elem_t *table, size_t alloc, mp_obj_t name) {
    if (alloc == 0) {
        return NULL;
    }
    mp_map_elem_t *start = &table[qstr_hash(MP_OBJ_QSTR_VALUE(name)) % alloc];
    mp_map_elem_t *slot = start;
    do {
        if (slot->key == name) {
            return slot;
        }
        if (slot->key == MP_OBJ_NULL) {
            return NULL;
        }
        slot = slot + 1 < table + alloc ? slot + 1 : table;
    } while (slot != start);
    return NULL;
}

mp_map_elem_t *mp_map_lookup(mp_map_t *map, mp_obj_t index, mp_map_lookup_kind_t kind) {
    if (kind != MP_MAP_LOOKUP || !map->all_keys_are_qstrs || !mp_obj_is_qstr(index)) {
        return any_map_lookup(map, index, kind);
    }
    size_t length = map->is_ordered ? map->used : map->alloc;
    mp_map_elem_t *slot = &map->table[MAP_CACHE_ENTRY(index)];
    if (MAP_CACHE_ENTRY(index) < length && slot->key == index) {
        return slot;
    }
    slot = map->is_ordered ? find_name(map->table, length, index) : find_hashed(map->table, length, index);
    if (slot != NULL) {
        MAP_CACHE_SET(index, slot - map->table);
    }
    return slot;
}
