// SPDX-License-Identifier: MIT
// Finds the line of Python that was running, from the stack and copies of MicroPython's structures.

#include <string.h>

#include "py/bc.h"
#include "py/mpstate.h"
#include "py/objfun.h"
#include "py/qstr.h"

#include "backtrace.h"
#include "crash_python.h"

#define VM_ENTRY_CODE_STATE (16)    // offset from its frame record (aarch64/vm_entry.S)
#define DEPTH (1000)                // frame records
#define PRELUDE_SIZE (1024)         // bytes looked at; lines behind them are taken for the last of them
#define MAX_POOLS (64)
#define MAX_NAME (64)

_Static_assert(MICROPY_EMIT_BYTECODE_USES_QSTR_TABLE, "names in bytecode are indices into a table");

extern char vm_entry_return[];

static bool peek_word(uint64_t base, size_t offset, uint64_t *value) {
    return backtrace_peek(base + offset, value);
}

static bool peek_byte(uint64_t va, uint8_t *byte) {
    uint64_t word;
    if (!backtrace_peek(va & ~(uint64_t)7, &word)) {
        return false;
    }
    *byte = (uint8_t)(word >> (8 * (va & 7)));
    return true;
}

static size_t peek_bytes(uint64_t va, uint8_t *bytes, size_t size) {
    size_t n = 0;
    while (n < size && peek_byte(va + n, &bytes[n])) {
        ++n;
    }
    return n;
}

// The code state of the innermost Python function.
static bool find_code_state(const trap_frame_t *trap, uint64_t *code_state) {
    backtrace_t b;
    uint64_t address;
    backtrace_start(&b, trap, DEPTH);
    while (backtrace_next(&b, &address)) {
        // The return address is in the record of the loop; the next one is that of vm_entry.S.
        if (address == (uintptr_t)vm_entry_return && b.record != 0 && b.record != trap->x[29]) {
            return peek_word(b.record, VM_ENTRY_CODE_STATE, code_state);
        }
    }
    return false;
}

// --- texts ---

typedef struct _text_t {
    char *at, *end; // room for a NUL is at `end`
} text_t;

static void add_char(text_t *t, uint8_t c) {
    if (t->at < t->end) {
        *t->at++ = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : (char)c;
    }
}

static void add(text_t *t, const char *s) {
    while (*s != '\0') {
        add_char(t, (uint8_t)*s++);
    }
}

static void add_decimal(text_t *t, size_t value) {
    if (value >= 10) {
        add_decimal(t, value / 10);
    }
    add_char(t, (uint8_t)('0' + value % 10));
}

// The text of a qstr, found as py/qstr.c does.
static void add_qstr(text_t *t, size_t q) {
    uint64_t pool = (uintptr_t)MP_STATE_VM(last_pool);
    for (unsigned n = 0; n < MAX_POOLS && pool != 0; ++n) {
        qstr_pool_t head;
        if (peek_bytes(pool, (uint8_t *)&head, sizeof(head)) != sizeof(head)) {
            break;
        }
        if (q >= head.total_prev_len) {
            uint64_t at;
            uint8_t c;
            size_t index = q - head.total_prev_len;
            if (index >= head.len || !peek_word(pool, offsetof(qstr_pool_t, qstrs) + 8 * index, &at)) {
                break;
            }
            for (unsigned i = 0; i < MAX_NAME && peek_byte(at + i, &c) && c != '\0'; ++i) {
                add_char(t, c);
            }
            return;
        }
        pool = (uintptr_t)head.prev;
    }
    add_char(t, '?');
}

// --- a function's names and lines ---

// The qstr behind an index of the bytecode.
static size_t look_up(uint64_t table, size_t index) {
    uint8_t bytes[sizeof(qstr_short_t)];
    if (peek_bytes(table + index * sizeof(bytes), bytes, sizeof(bytes)) != sizeof(bytes)) {
        return SIZE_MAX;
    }
    return bytes[0] | (size_t)bytes[1] << 8;
}

// As vm.c does for a traceback, from a copy of the function's prelude.
static void add_line(text_t *t, const uint8_t *copy, size_t size, uint64_t offset, uint64_t names) {
    const byte *ip = copy;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    MP_BC_PRELUDE_SIZE_DECODE(ip);
    (void)n_state, (void)n_exc_stack, (void)scope_flags, (void)n_def_pos_args;
    const byte *end = copy + size;
    const byte *top = n_info < (size_t)(end - ip) ? ip + n_info : end - 1;
    size_t code = (size_t)(ip - copy) + n_info + n_cell;
    size_t name = mp_decode_uint_value(ip);
    for (size_t i = 0; i < 1 + n_pos_args + n_kwonly_args && ip < top; ++i) {
        ip = mp_decode_uint_skip(ip);
    }
    add_qstr(t, look_up(names, 0));
    add_char(t, ':');
    add_decimal(t, mp_bytecode_get_source_line(ip, top, offset > code ? offset - code : 0));
    add(t, " in ");
    add_qstr(t, look_up(names, name));
}

bool crash_python_line(const trap_frame_t *trap, char *text, size_t size) {
    static uint8_t copy[PRELUDE_SIZE + 8]; // the end is zero: a number is never read past it
    uint64_t state, function, ip, context, bytecode, names;
    text_t t = {text, text + size - 1};
    *text = '\0';
    if (!find_code_state(trap, &state)
        || !peek_word(state, offsetof(mp_code_state_t, fun_bc), &function)
        || !peek_word(state, offsetof(mp_code_state_t, ip), &ip)
        || !peek_word(function, offsetof(mp_obj_fun_bc_t, context), &context)
        || !peek_word(function, offsetof(mp_obj_fun_bc_t, bytecode), &bytecode)
        || !peek_word(context, offsetof(mp_module_context_t, constants.qstr_table), &names)) {
        return false;
    }
    size_t copied = peek_bytes(bytecode, copy, PRELUDE_SIZE);
    if (copied < 8) {
        return false;
    }
    add_line(&t, copy, copied, ip - bytecode, names);
    *t.at = '\0';
    return true;
}
