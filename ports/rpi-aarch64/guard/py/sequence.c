// SPDX-License-Identifier: MIT
// Comparisons of items run Python code, which may change the lists that are compared or searched. The tables that they
// leave are kept (keep.h), and an item that was removed in place is MP_OBJ_NULL: like the end of a list, it equals
// nothing else and comes first. The comparison of nested ones calls itself. Slices may have a step so large that the
// next index wraps.

#include "guard/guard.h"
#include "py/cstack.h"
#include "py/runtime.h"

static inline bool guard_equal(mp_obj_t a, mp_obj_t b) {
    return a == MP_OBJ_NULL || b == MP_OBJ_NULL ? a == b : mp_obj_equal(a, b);
}

static mp_obj_t guard_compare(mp_uint_t op, mp_obj_t a, mp_obj_t b) {
    if (a == MP_OBJ_NULL || b == MP_OBJ_NULL) {
        bool is_more = op == MP_BINARY_OP_MORE || op == MP_BINARY_OP_MORE_EQUAL;
        return mp_obj_new_bool(a == b ? op == MP_BINARY_OP_MORE_EQUAL : is_more && b == MP_OBJ_NULL);
    }
    return mp_binary_op(op, a, b);
}

#define mp_obj_equal guard_equal
#define mp_binary_op guard_compare
#define mp_seq_extract_slice(...) fetched_mp_seq_extract_slice(__VA_ARGS__)
mp_obj_t fetched_mp_seq_extract_slice(const mp_obj_t *seq, mp_bound_slice_t *indexes);
#define mp_seq_cmp_objs(...) fetched_mp_seq_cmp_objs(__VA_ARGS__)
bool fetched_mp_seq_cmp_objs(mp_uint_t op, const mp_obj_t *a, size_t a_len, const mp_obj_t *b, size_t b_len);
#include "py/sequence.c"
#undef mp_seq_cmp_objs
#undef mp_seq_extract_slice

bool mp_seq_cmp_objs(mp_uint_t op, const mp_obj_t *a, size_t a_len, const mp_obj_t *b, size_t b_len) {
    mp_cstack_check();
    return fetched_mp_seq_cmp_objs(op, a, a_len, b, b_len);
}

// No list is that long: any such step leads past its end.
#define GUARD_FURTHEST ((mp_int_t)(GUARD_TOO_LARGE >> 1))

mp_obj_t mp_seq_extract_slice(const mp_obj_t *seq, mp_bound_slice_t *indexes) {
    mp_bound_slice_t within = *indexes;
    within.step = MAX(-GUARD_FURTHEST, MIN(within.step, GUARD_FURTHEST));
    return fetched_mp_seq_extract_slice(seq, &within);
}
