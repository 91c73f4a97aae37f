// SPDX-License-Identifier: MIT
// user_run(): the loop that a program at EL0 runs in. System calls are calls of a Python function, faults become
// memory.Fault, time that is up OSError(ETIMEDOUT); Ctrl-C and scheduled callbacks are handled between two visits.

#include <string.h>

#include "py/cstack.h"
#include "py/mperrno.h"
#include "py/objint.h"
#include "py/objtuple.h"
#include "py/runtime.h"

#include "common.h"
#include "core/fault/fault.h"
#include "fault.h"
#include "pager.h"
#include "space.h"
#include "user.h"

#define ARGUMENTS (8)
#define LIMIT_MAX_MS (24 * 60 * 60 * 1000)

static void exit_print(const mp_print_t *print, mp_obj_t self, mp_print_kind_t kind) {
    (void)self;
    (void)kind;
    mp_print_str(print, "memory.user.EXIT");
}

static MP_DEFINE_CONST_OBJ_TYPE(exit_type, MP_QSTR_EXIT, MP_TYPE_FLAG_NONE, print, exit_print);

const mp_obj_base_t memory_user_exit = {&exit_type};

typedef struct _run_t {
    mp_obj_t space;
    bind_registers_obj_t *registers;
    mp_obj_t handler;          // None: the first system call ends the program
    uint64_t limit_ms;
} run_t;

// Registers of the program that was started last. Only what no check refused is a program.
MP_REGISTER_ROOT_POINTER(mp_obj_t bind_user_last);

void bind_user_reset(void) {
    MP_STATE_VM(bind_user_last) = mp_const_none;
}

static mp_obj_t memory_user_last(void) {
    return MP_STATE_VM(bind_user_last);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_user_last_obj, memory_user_last);

// --- before ---

static void check_interrupts(void) {
    if (port_irq_is_masked()) {
        bind_raise_os(MEM_EPERM, MP_ERROR_TEXT("interrupts are disabled: nothing could stop the program"));
    }
}

// --- between two visits ---

// A word for x0; negative numbers too, since system calls return them for errors.
static uint64_t get_result(mp_obj_t result) {
    if (mp_obj_is_small_int(result)) {
        return (uint64_t)MP_OBJ_SMALL_INT_VALUE(result);
    }
    return bind_get_u64(result, "the handler's result");
}

// False when the program is to end.
static bool system_call(const run_t *run) {
    bind_registers_obj_t *r = run->registers;
    r->called = true;
    if (run->handler == mp_const_none) {
        return false;
    }
    mp_obj_t number = MP_OBJ_NEW_SMALL_INT(fault_immediate(r->state.trap.esr));
    mp_obj_t result = mp_call_function_2(run->handler, number, MP_OBJ_FROM_PTR(r));
    if (result == MP_OBJ_FROM_PTR(&memory_user_exit)) {
        return false;
    }
    if (result != mp_const_none) {
        r->state.trap.x[0] = get_result(result);
    }
    return true;
}

static void __attribute__((noreturn)) raise_fault(const trap_frame_t *trap) {
    bind_fault_t fault = {.esr = trap->esr, .far = trap->far, .pc = trap->elr, .el = 0};
    bind_fault_raise(&fault);
}

static void __attribute__((noreturn)) raise_time(const run_t *run) {
    bind_raise_os(-MP_ETIMEDOUT, MP_ERROR_TEXT("the program at EL0 was stopped after %lu ms, pc 0x%016lx"),
        run->limit_ms, run->registers->state.trap.elr);
}

// The limit is on the time at EL0, without that of the handlers. A handler may have activated another space, or closed
// this one.
static void run_program(const run_t *run) {
    uint64_t left = port_us_to_ticks(run->limit_ms * 1000);
    for (;;) {
        mp_handle_pending(true);
        bind_space_activate(run->space);
        uint64_t start = port_ticks();
        user_exit_t exit = port_user_enter(&run->registers->state, start + left);
        uint64_t spent = port_ticks() - start;
        left -= spent < left ? spent : left;
        run->registers->called = false;
        if (exit == USER_FAULT) {
            if (!bind_pager_run_user(&run->registers->state.trap)) {
                raise_fault(&run->registers->state.trap);
            }
        } else if (exit == USER_TIME) {
            raise_time(run);
        } else if (exit == USER_CALL && !system_call(run)) {
            return;
        }
    }
}

// --- user_run(space, registers, pc, sp, args, handler, limit_ms) ---

static void get_run(const mp_obj_t *args, run_t *run) {
    if (!mp_obj_is_type(args[0], &memory_space_type)) {
        bind_raise_type(MP_ERROR_TEXT("space must be an AddressSpace, not %s"), mp_obj_get_type_str(args[0]));
    }
    *run = (run_t) {args[0], bind_registers_get(args[1]), args[5], bind_get_size(args[6], "limit_ms")};
    if (run->registers->space != MP_OBJ_NULL) {
        bind_raise_os(MEM_EBUSY, MP_ERROR_TEXT("a program runs with these registers, pc 0x%016lx"),
            run->registers->state.trap.elr);
    }
    if (run->handler != mp_const_none && !mp_obj_is_callable(run->handler)) {
        bind_raise_type(MP_ERROR_TEXT("handler must be callable, not %s"), mp_obj_get_type_str(run->handler));
    }
    if (run->limit_ms > LIMIT_MAX_MS) {
        bind_raise_value(MP_ERROR_TEXT("limit_ms %lu is more than a day, %u"), run->limit_ms, LIMIT_MAX_MS);
    }
}

// What mp_obj_get_array() takes: a list, a tuple, or what is one inside (a namedtuple).
static bool is_array(mp_obj_t obj) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    return type == &mp_type_list || MP_OBJ_TYPE_GET_SLOT_OR_NULL(type, iter) == mp_obj_tuple_getiter;
}

// Sets pc, sp (None leaves it: a program may have stopped with any value there) and x0 and up. Everything is
// checked before anything is changed.
static void set_registers(trap_frame_t *trap, mp_obj_t pc, mp_obj_t sp, mp_obj_t arguments) {
    uint64_t x[ARGUMENTS];
    size_t count;
    mp_obj_t *items;
    if (!is_array(arguments)) {
        bind_raise_type(MP_ERROR_TEXT("args must be a tuple or a list, not %s"), mp_obj_get_type_str(arguments));
    }
    mp_obj_get_array(arguments, &count, &items);
    if (count > ARGUMENTS) {
        bind_raise_type(MP_ERROR_TEXT("%lu arguments do not fit x0 to x7"), count);
    }
    for (size_t i = 0; i < count; ++i) {
        x[i] = bind_get_u64(items[i], "argument");
    }
    uint64_t entry = bind_get_u64(pc, "code");
    uint64_t stack = bind_get_u64_or(sp, "sp", trap->sp);
    if (sp != mp_const_none && !mem_is_aligned(stack, 16)) {
        bind_raise_value(MP_ERROR_TEXT("sp 0x%016lx is not a multiple of 16"), stack);
    }
    memcpy(trap->x, x, count * sizeof(x[0]));
    trap->elr = entry;
    trap->sp = stack;
}

static void end(const run_t *run) {
    run->registers->space = MP_OBJ_NULL;
    bind_space_exit(run->space);
}

// The nlr_buf is here and not in a callback list: this frame of the stack is intact however the program ends.
static mp_obj_t memory_user_run(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    run_t run;
    get_run(args, &run);
    bind_space_get(run.space);
    mp_cstack_check();
    check_interrupts();
    set_registers(&run.registers->state.trap, args[2], args[3], args[4]);
    bind_space_enter(run.space);
    MP_STATE_VM(bind_user_last) = args[1];
    run.registers->space = run.space;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        end(&run);
        nlr_jump(nlr.ret_val);
    }
    run_program(&run);
    nlr_pop();
    end(&run);
    return args[1];
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_user_run_obj, 7, 7, memory_user_run);
