// SPDX-License-Identifier: MIT
// The parser: its tree is in pieces of bounded size. One piece that grew with each node would be measured each time.
// Constants that are large powers are computed when the program runs, where Ctrl-C interrupts them.
// Rules that cannot start with the next token are skipped, and all levels of operators from `if` to `**` are parsed as
// one rule until an operator follows: most expressions have none.

#include "py/mpconfig.h"
#include "py/misc.h"
#include "py/runtime.h"

enum { GUARD_LARGEST_PIECE = 4096, GUARD_LARGEST_EXPONENT = 1024 };

#undef m_renew_maybe
#define m_renew_maybe(type, ptr, old_num, new_num, allow_move) \
    ((new_num) > (old_num) && (new_num) > GUARD_LARGEST_PIECE ? NULL \
    : (type *)m_realloc_maybe((ptr), (new_num), (allow_move)))

// What raises an exception is no constant.
static mp_obj_t guard_fold(mp_binary_op_t op, mp_obj_t lhs, mp_obj_t rhs) {
    if ((op == MP_BINARY_OP_POWER || op == MP_BINARY_OP_LSHIFT)
        && !(mp_obj_is_small_int(rhs) && MP_OBJ_SMALL_INT_VALUE(rhs) <= GUARD_LARGEST_EXPONENT)) {
        mp_raise_ValueError(NULL);
    }
    return mp_binary_op(op, lhs, rhs);
}

struct _parser_t;
static void guard_shorten(struct _parser_t *parser, uint8_t *rule_id, size_t *arg_i, size_t *src_line);

// The parser looks up the data of its present rule: it gets those of the replacement.
#define GUARD_ARG_uint8_t uint8_t
#define GUARD_ARG_rule_id \
    (guard_shorten(&parser, &rule_id, &i, &rule_src_line), rule_act = rule_act_table[rule_id], rule_id)
#define get_rule_arg(rule) get_rule_arg(GUARD_ARG_##rule)

#define mp_binary_op guard_fold
#include "py/parse.c"

// Replaces the progress in a rule: all levels of operators, each with its first operand.
#define GUARD_LEVELS (SIZE_MAX)

static inline bool guard_begins_atom(mp_token_kind_t token) {
    return (token >= MP_TOKEN_NAME && token <= MP_TOKEN_KW_TRUE) || token == MP_TOKEN_DEL_PAREN_OPEN
           || token == MP_TOKEN_DEL_BRACKET_OPEN || token == MP_TOKEN_DEL_BRACE_OPEN;
}

static inline bool guard_is_operator(mp_token_kind_t token) {
    return (token >= MP_TOKEN_OP_LESS && token <= MP_TOKEN_OP_DBL_STAR)
           || token == MP_TOKEN_KW_AND || token == MP_TOKEN_KW_OR || token == MP_TOKEN_KW_NOT
           || token == MP_TOKEN_KW_IN || token == MP_TOKEN_KW_IS || token == MP_TOKEN_KW_IF;
}

static void guard_push_levels(parser_t *parser, size_t src_line) {
    static const uint8_t levels[] = {
        RULE_test_if_expr, RULE_or_test, RULE_and_test, RULE_comparison, RULE_expr, RULE_xor_expr, RULE_and_expr,
        RULE_shift_expr, RULE_arith_expr, RULE_term, RULE_power,
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(levels); i++) {
        push_rule(parser, src_line, levels[i], 1);
    }
}

// A rule that fails immediately.
static inline uint8_t guard_fail(mp_token_kind_t token) {
    return token == MP_TOKEN_KW_PASS ? RULE_break_stmt : RULE_pass_stmt;
}

// The only rule that `rule_id` can choose, where an atom begins.
static inline uint8_t guard_before_atom(parser_t *parser, uint8_t rule_id, size_t src_line) {
    switch (rule_id) {
        case RULE_stmt:
            return RULE_simple_stmt;
        case RULE_small_stmt:
            return RULE_expr_stmt;
        case RULE_expr_stmt_6:
            return RULE_testlist_star_expr;
        case RULE_arglist_2:
            return RULE_argument;
        case RULE_atom_2b:
            return RULE_testlist_comp;
        case RULE_testlist_comp_2:
            return RULE_namedexpr_test;
        case RULE_test:
        case RULE_testlist_star_expr_2:
            push_rule(parser, src_line, RULE_power, GUARD_LEVELS);
            return RULE_atom_expr_normal;
        default:
            return rule_id;
    }
}

// The same after an atom, for rules that start with few tokens.
static inline uint8_t guard_behind_atom(mp_token_kind_t token, uint8_t rule_id) {
    bool ends = token == MP_TOKEN_DEL_PAREN_CLOSE || token == MP_TOKEN_DEL_COMMA || token == MP_TOKEN_NEWLINE;
    bool trails = token == MP_TOKEN_DEL_PAREN_OPEN || token == MP_TOKEN_DEL_BRACKET_OPEN
        || token == MP_TOKEN_DEL_PERIOD;
    switch (rule_id) {
        case RULE_atom_expr_trailers:
        case RULE_trailer:
            return trails ? rule_id : guard_fail(token);
        case RULE_argument_2:
        case RULE_expr_stmt_2:
        case RULE_namedexpr_test_2:
            return ends ? guard_fail(token) : rule_id;
        case RULE_stmt:
            return token == MP_TOKEN_END || token == MP_TOKEN_DEDENT ? guard_fail(token) : rule_id;
        default:
            return rule_id;
    }
}

static void guard_shorten(parser_t *parser, uint8_t *rule_id, size_t *arg_i, size_t *src_line) {
    mp_token_kind_t token = parser->lexer->tok_kind;
    while (*arg_i == GUARD_LEVELS) {
        if (guard_is_operator(token)) {
            guard_push_levels(parser, *src_line);
        }
        *rule_id = pop_rule(parser, arg_i, src_line);
    }
    if (*arg_i == 0) {
        *rule_id = guard_behind_atom(token, *rule_id);
        *rule_id = guard_begins_atom(token) ? guard_before_atom(parser, *rule_id, *src_line) : *rule_id;
    }
}
