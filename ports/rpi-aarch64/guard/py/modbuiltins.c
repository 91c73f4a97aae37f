// SPDX-License-Identifier: MIT
// __build_class__() can be called with any function as the body of the class: it may return what is no cell. Where the
// body raises, names are those of the code around it again. round() to more digits than an integer has is 0.

#include "guard/types.h"
#include "py/bc.h"
#include "py/objint.h"
#include "py/runtime.h"

static mp_obj_t mp_builtin___build_class__(size_t n_args, const mp_obj_t *args);
static mp_obj_t mp_builtin_round(size_t n_args, const mp_obj_t *args);

static void guard_cell_set(mp_obj_t cell, mp_obj_t value) {
    if (!guard_is_cell(cell)) {
        mp_raise_TypeError(MP_ERROR_TEXT("not the body of a class"));
    }
    mp_obj_cell_set(cell, value);
}

#define mp_obj_cell_set guard_cell_set
#define mp_builtin___build_class__(...) fetched_build_class(__VA_ARGS__)
#define mp_builtin_round(...) fetched_round(__VA_ARGS__)
#include "py/modbuiltins.c"
#undef mp_builtin___build_class__
#undef mp_builtin_round

static mp_obj_t mp_builtin___build_class__(size_t n_args, const mp_obj_t *args) {
    nlr_jump_callback_node_globals_locals_t names;
    names.globals = mp_globals_get();
    names.locals = mp_locals_get();
    nlr_push_jump_callback(&names.callback, mp_globals_locals_set_from_nlr_jump_callback);
    mp_obj_t built = fetched_build_class(n_args, args);
    nlr_pop_jump_callback(true);
    return built;
}

// No fewer decimal digits than the integer has.
static mp_int_t guard_most_digits(mp_obj_t integer) {
    size_t words = mp_obj_is_small_int(integer) ? 2 : ((mp_obj_int_t *)MP_OBJ_TO_PTR(integer))->mpz.len;
    return 10 * words; // each of 32 bits
}

static mp_obj_t mp_builtin_round(size_t n_args, const mp_obj_t *args) {
    _Static_assert(MPZ_DIG_SIZE == 32, "a word of a long integer");
    // Half of 10 ** digits is more than the integer.
    if (n_args > 1 && mp_obj_is_int(args[0]) && mp_obj_get_int(args[1]) < -guard_most_digits(args[0]) - 1) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    return fetched_round(n_args, args);
}
