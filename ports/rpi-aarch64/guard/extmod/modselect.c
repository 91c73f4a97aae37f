// SPDX-License-Identifier: MIT
// poll: what ioctl() of a stream in Python does to the object that polls it, and objects that are no streams.

#include "guard/guard.h"
#include "py/runtime.h"
#include "py/stream.h"

static mp_obj_t poll_register(size_t n_args, const mp_obj_t *args);
static mp_obj_t poll_poll(size_t n_args, const mp_obj_t *args);

#define poll_register(...) fetched_poll_register(__VA_ARGS__)
#define poll_poll(...) fetched_poll_poll(__VA_ARGS__)
#pragma GCC diagnostic ignored "-Wunused-function" // that which ours replaces
#include "extmod/modselect.c"
#undef poll_register
#undef poll_poll

// The fetched function makes an entry first, and leaves it empty if it fails then.
static mp_obj_t poll_register(size_t n_args, const mp_obj_t *args) {
    mp_map_t *map = &((mp_obj_poll_t *)MP_OBJ_TO_PTR(args[0]))->poll_set.map;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t result = fetched_poll_register(n_args, args);
        nlr_pop();
        return result;
    }
    mp_map_elem_t *entry = mp_map_lookup(map, mp_obj_id(args[1]), MP_MAP_LOOKUP);
    if (entry != NULL && entry->value == MP_OBJ_NULL) {
        mp_map_lookup(map, mp_obj_id(args[1]), MP_MAP_LOOKUP_REMOVE_IF_FOUND);
    }
    nlr_jump(nlr.ret_val);
}

// All that are ready then: a poll inside an ioctl() may have found others than this one counted.
static mp_obj_t poll_poll(size_t n_args, const mp_obj_t *args) {
    const mp_map_t *map = &((mp_obj_poll_t *)MP_OBJ_TO_PTR(args[0]))->poll_set.map;
    poll_poll_internal(n_args, args);
    mp_obj_t ready = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < map->alloc; i++) {
        if (!mp_map_slot_is_filled(map, i)) {
            continue;
        }
        poll_obj_t *poll_obj = MP_OBJ_TO_PTR(map->table[i].value);
        if (poll_obj_get_revents(poll_obj) != 0) {
            mp_obj_t pair[] = {poll_obj->obj, MP_OBJ_NEW_SMALL_INT(poll_obj_get_revents(poll_obj))};
            mp_obj_list_append(ready, mp_obj_new_tuple(MP_ARRAY_SIZE(pair), pair));
        }
    }
    return ready;
}
