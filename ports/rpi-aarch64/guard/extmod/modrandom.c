// SPDX-License-Identifier: MIT
// Random numbers: out of more than 32 bits can count, which the fetched functions cut off, to no number at all in the
// worst case: then they never end.

#include "py/runtime.h"

static mp_obj_t mod_random_randrange(size_t n_args, const mp_obj_t *args);
static mp_obj_t mod_random_randint(mp_obj_t a_in, mp_obj_t b_in);

#define mod_random_randrange(...) fetched_randrange(__VA_ARGS__)
#define mod_random_randint(...) fetched_randint(__VA_ARGS__)
#include "extmod/modrandom.c"
#undef mod_random_randrange
#undef mod_random_randint

// Below n; any number if n is 0.
static uint64_t guard_below(uint64_t n) {
    uint64_t mask = n == 1 ? 0 : UINT64_MAX >> __builtin_clzll((n - 1) | 1);
    uint64_t r;
    do {
        r = ((uint64_t)yasmarang() << 32 | yasmarang()) & mask;
    } while (n != 0 && r >= n);
    return r;
}

static mp_obj_t mod_random_randrange(size_t n_args, const mp_obj_t *args) {
    mp_int_t start = n_args > 1 ? mp_obj_get_int(args[0]) : 0;
    mp_int_t stop = mp_obj_get_int(args[n_args > 1 ? 1 : 0]);
    mp_int_t step = n_args > 2 ? mp_obj_get_int(args[2]) : 1;
    uint64_t size = step > 0 ? (uint64_t)stop - start : (uint64_t)start - stop;
    uint64_t stride = step > 0 ? (uint64_t)step : -(uint64_t)step;
    bool is_empty = step > 0 ? start >= stop : start <= stop;
    if (step == 0 || is_empty) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no number from %ld to below %ld in steps of %ld"),
            (long)start, (long)stop, (long)step);
    }
    if (size <= UINT32_MAX) {
        return fetched_randrange(n_args, args);
    }
    uint64_t index = guard_below((size - 1) / stride + 1);
    return mp_obj_new_int(step > 0 ? start + index * stride : start - index * stride);
}

static mp_obj_t mod_random_randint(mp_obj_t a_in, mp_obj_t b_in) {
    mp_int_t a = mp_obj_get_int(a_in);
    mp_int_t b = mp_obj_get_int(b_in);
    uint64_t size = (uint64_t)b - a;
    if (a > b) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no number from %ld to %ld"), (long)a, (long)b);
    }
    if (size < UINT32_MAX) {
        return fetched_randint(a_in, b_in);
    }
    return mp_obj_new_int(a + guard_below(size + 1));
}
