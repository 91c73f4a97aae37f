// SPDX-License-Identifier: MIT
// The stub port's life: calls every hook of hooks.h once, in the order of a real port.

#include "py/builtin.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/lexer.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "hooks.h"

static char arena[64 * 1024];

// What the exception handler of a port does with a fault of the thread.
static void handle_fault(const trap_frame_t *trap) {
    bind_fault_t fault = {.esr = trap->esr, .far = trap->far, .pc = trap->elr, .el = 1};
    if (bind_pager_wants(trap)) {
        if (!bind_pager_run(trap)) {
            return;
        }
    }
    bind_pager_stepped();
    if (trap->sp == 0) {
        bind_fault_raise_recursion();
    }
    bind_fault_raise(&fault);
}

// What a driver does with a buffer of Python's.
static size_t use_buffer(const char *buf, size_t size) {
    bind_pager_pin_t pin;
    size_t present = bind_pager_pin(&pin, buf, size, false);
    bind_pager_unpin(&pin);
    return present;
}

// What a port does that takes frames for itself.
static size_t free_frames(void) {
    return frames_largest_run(bind_frames_allocator(), SIZE_MAX);
}

void gc_collect(void) {
    uintptr_t here = 0;
    gc_collect_start();
    gc_mark_stack(&here, &here + 1);
    gc_collect_end();
    gc_areas_collected();
}

int main(void) {
    trap_frame_t trap = {0};
    memory_system_init();
    (void)memory_system_device_tree();
    mp_cstack_init_with_sp_here(16 * 1024);
    gc_init(arena, arena + sizeof(arena));
    mp_init();
    memory_binding_init();
    handle_fault(&trap);
    size_t sum = use_buffer(arena, sizeof(arena)) + free_frames();
    memory_binding_deinit();
    mp_deinit();
    return sum != 0;
}

// --- what MicroPython itself needs ---

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    (void)str;
    return len;
}

void mp_hal_stdout_tx_strn_cooked(const char *str, size_t len) {
    (void)str;
    (void)len;
}

void mp_hal_stdout_tx_str(const char *str) {
    (void)str;
}

int mp_hal_stdin_rx_chr(void) {
    return 0;
}

mp_lexer_t *mp_lexer_new_from_file(qstr filename) {
    (void)filename;
    mp_raise_OSError(MP_ENOENT);
}

mp_import_stat_t mp_import_stat(const char *path) {
    (void)path;
    return MP_IMPORT_STAT_NO_EXIST;
}

void nlr_jump_fail(void *value) {
    (void)value;
    for (;;) {
    }
}

void abort(void);
void abort(void) {
    for (;;) {
    }
}
