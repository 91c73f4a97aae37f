// SPDX-License-Identifier: MIT
// Long integers: Ctrl-C interrupts them where they grow (cstack.c), and wherever else they compute, which the linker
// knows by the names of the functions (firmware.ld.S): what may take long is part of no other function.

#include "guard/plain.h"
#include "py/cstack.h"
#include "py/mpz.h"

MP_NOINLINE size_t mpz_set_from_str(mpz_t *z, const char *str, size_t len, bool neg, unsigned int base);
MP_NOINLINE void mpz_mul_inpl(mpz_t *dest, const mpz_t *lhs, const mpz_t *rhs);
MP_NOINLINE void mpz_pow_inpl(mpz_t *dest, const mpz_t *lhs, const mpz_t *rhs);
MP_NOINLINE void mpz_divmod_inpl(mpz_t *quo, mpz_t *rem, const mpz_t *lhs, const mpz_t *rhs);
MP_NOINLINE size_t mpz_as_str_inpl(const mpz_t *z, unsigned int base, const char *prefix, char a, char comma, char *s);

// Ctrl-C may have come while memory was sought. No number that Python code has is the one that grows.
static void *guard_interrupted(void *digits) {
    mp_cstack_check();
    return digits;
}

#undef m_new
#undef m_renew
#define m_new(type, num) ((type *)guard_interrupted(GUARD_NEW(type, num)))
#define m_renew(type, ptr, old_num, new_num) \
    ((void)(old_num), (type *)guard_interrupted(guard_plain_realloc((ptr), guard_size(0, (new_num), sizeof(type)))))

#include "py/mpz.c"
