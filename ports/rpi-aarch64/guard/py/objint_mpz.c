// SPDX-License-Identifier: MIT
// Integers that a function of C cannot take: the exception names the number and the range.

#include "guard/guard.h"
#include "py/objint.h"
#include "py/runtime.h"

#define mp_obj_int_get_checked(...) fetched_mp_obj_int_get_checked(__VA_ARGS__)
#define mp_obj_int_get_uint_checked(...) fetched_mp_obj_int_get_uint_checked(__VA_ARGS__)
mp_int_t fetched_mp_obj_int_get_checked(mp_const_obj_t self_in);
mp_uint_t fetched_mp_obj_int_get_uint_checked(mp_const_obj_t self_in);
#include "py/objint_mpz.c"
#undef mp_obj_int_get_checked
#undef mp_obj_int_get_uint_checked

#define GUARD_MAX_DIGITS (8) // of mpz, that are printed

static MP_NORETURN MP_NOINLINE void guard_raise_overflow(mp_const_obj_t number, const char *range) {
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 64, &print);
    if (mp_obj_is_small_int(number) || ((const mp_obj_int_t *)MP_OBJ_TO_PTR(number))->mpz.len <= GUARD_MAX_DIGITS) {
        mp_obj_print_helper(&print, (mp_obj_t)number, PRINT_REPR);
    } else {
        mp_print_str(&print, "such a long int");
    }
    mp_printf(&print, " is not in %s", range);
    nlr_raise(mp_obj_new_exception_arg1(&mp_type_OverflowError, mp_obj_new_str_from_vstr(&text)));
}

MP_NOINLINE mp_int_t mp_obj_int_get_checked(mp_const_obj_t number) {
    mp_int_t value;
    if (mp_obj_is_small_int(number)) {
        return MP_OBJ_SMALL_INT_VALUE(number);
    }
    if (!mpz_as_int_checked(&((const mp_obj_int_t *)MP_OBJ_TO_PTR(number))->mpz, &value)) {
        guard_raise_overflow(number, "-2**63 to 2**63-1");
    }
    return value;
}

MP_NOINLINE mp_uint_t mp_obj_int_get_uint_checked(mp_const_obj_t number) {
    mp_uint_t value;
    if (mp_obj_is_small_int(number) && MP_OBJ_SMALL_INT_VALUE(number) >= 0) {
        return (mp_uint_t)MP_OBJ_SMALL_INT_VALUE(number);
    }
    if (mp_obj_is_small_int(number)
        || !mpz_as_uint_checked(&((const mp_obj_int_t *)MP_OBJ_TO_PTR(number))->mpz, &value)) {
        guard_raise_overflow(number, "0 to 2**64-1");
    }
    return value;
}
