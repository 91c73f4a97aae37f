// SPDX-License-Identifier: MIT
// The life cycle of MicroPython in a loop: start, frozen boot code, boot.py and main.py, REPL, soft
// reset.

#include "py/builtin.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"

#include "aarch64/cpu.h"
#include "boot/boot.h"
#include "drivers/timer.h"
#include "boot/layout.h"
#include "boot/place.h"
#include "fault/start_count.h"
#include "machine/machine_pin.h"
#include "main.h"
#include "hooks.h"
#include "boot/safe_mode.h"
#include "machine/uart.h"

#define STACK_CLEARED (960) // bytes

static void start(void) {
    mp_cstack_init_with_top((void *)LAYOUT_THREAD_STACK_TOP, LAYOUT_THREAD_STACK_FIXED);
    // The collector's first arena: frozen boot code runs on it, later areas come from the frame allocator.
    gc_init((void *)LAYOUT_FIRST_ARENA, (void *)(LAYOUT_FIRST_ARENA + LAYOUT_FIRST_ARENA_SIZE));
    mp_init();
    machine_init();
    readline_init0();
    safe_mode_clear();
    memory_binding_init();
    // The frozen boot code reports its own errors; this is for exceptions that it does not catch.
    if (pyexec_frozen_module("_boot.py", false) == 0) {
        safe_mode_enter("the frozen boot code failed");
    }
}

static bool is_file(const char *path) {
    return mp_import_stat(path) == MP_IMPORT_STAT_FILE;
}

// A file of the user at /, else on the card's first partition; NULL if there is none.
static const char *find_file(const char *name, const char *on_card) {
    return is_file(name) ? name : is_file(on_card) ? on_card : NULL;
}

// Looked for again, as boot.py may have mounted something.
static void run_main(void) {
    const char *main_py = find_file("main.py", "/sd/main.py");
    if (main_py != NULL && pyexec_file(main_py) == 0) {
        safe_mode_enter("main.py ended with an exception");
    }
}

// Enters safe mode if the files are not to run, or if a key says so where there are none.
static void look_for_way_out(uint64_t since, bool any, bool friendly) {
    if (any && is_file("/sd/SKIPBOOT")) {
        safe_mode_enter("the card has a file SKIPBOOT; boot.py and main.py were not run");
    } else if (any && start_count_get() >= SAFE_MODE_STARTS) {
        safe_mode_enter("three starts came to no prompt; boot.py and main.py were not run");
    }
    if (safe_mode_reason() != NULL) {
        return;
    }
    // Without boot.py and main.py do not wait for a key, but report one that was already received.
    uint8_t key = safe_mode_key(since, any && friendly);
    if (key == SAFE_MODE_HELD_KEY) {
        safe_mode_enter("Ctrl-C was held; boot.py and main.py were not run");
    } else if (key != 0) {
        safe_mode_enter(any ? "Ctrl-X was pressed; boot.py and main.py were not run"
            : "Ctrl-X was pressed; there is no boot.py and no main.py");
    }
}

// Runs boot.py, then main.py, if a filesystem has them. main.py does not run while a tool holds the
// machine in raw mode.
static void run_files(uint64_t since) {
    bool friendly = pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL;
    const char *boot_py = find_file("boot.py", "/sd/boot.py");
    bool any = boot_py != NULL || find_file("main.py", "/sd/main.py") != NULL;
    look_for_way_out(since, any, friendly);
    if (!any || safe_mode_reason() != NULL) {
        return;
    }
    start_count_add();
    int result = boot_py != NULL ? pyexec_file(boot_py) : 1;
    if (result == 0) {
        safe_mode_enter("boot.py ended with an exception; main.py was not run");
    } else if (!(result & PYEXEC_FORCED_EXIT) && friendly) {
        run_main();
    }
}

static int friendly_repl(void) {
    if (safe_mode_reason() != NULL) {
        mp_printf(&mp_plat_print, "Safe mode: %s\n", safe_mode_reason());
    }
    return pyexec_friendly_repl();
}

// A callback that runs while the prompt waits may raise KeyboardInterrupt, which is printed, or SystemExit, which
// leads to a soft reset. The prompt itself handles no exception.
static int guarded_repl(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int result = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : friendly_repl();
        nlr_pop();
        return result;
    }
    mp_obj_t exception = MP_OBJ_FROM_PTR(nlr.ret_val);
    mp_obj_t type = MP_OBJ_FROM_PTR(mp_obj_get_type(exception));
    if (mp_obj_is_subclass_fast(type, MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
        return PYEXEC_FORCED_EXIT;
    }
    mp_obj_print_exception(&mp_plat_print, exception);
    return 0;
}

// Frames of the prompt have words that nothing writes, and the collector takes what the boot left there for pointers.
static void __attribute__((noinline)) clear_stack_below(void) {
    volatile uint64_t words[STACK_CLEARED / sizeof(uint64_t)];
    for (unsigned i = 0; i < MP_ARRAY_SIZE(words); ++i) {
        words[i] = 0;
    }
}

static void repl(void) {
    start_count_clear(); // not where input is waited for: it may be there already
    clear_stack_below();
    while (guarded_repl() == 0) {
    }
}

// Calls the function that sys.atexit() was given, once. Its exception is printed and does not stop the reset.
static void run_exit_hook(void) {
    mp_obj_t hook = MP_STATE_VM(sys_exitfunc);
    if (hook == mp_const_none || hook == MP_OBJ_NULL) {
        return;
    }
    MP_STATE_VM(sys_exitfunc) = mp_const_none;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_0(hook);
        nlr_pop();
    } else {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

void main_loop(void) {
    uint64_t masks = cpu_irq_state();
    boot_place(PLACE_MICROPYTHON);
    // since: when the reset was, later the soft reset.
    for (uint64_t since = boot_info.start_ticks;; since = timer_ticks()) {
        start();
        boot_place(0);
        run_files(since);
        repl();
        start_count_end();
        run_exit_hook();
        cpu_irq_restore(masks); // the program may have changed them
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        machine_deinit();
        memory_binding_deinit(); // runs the finalisers, then takes back what is left
        mp_deinit();
    }
}

// An exception without a handler: a bug of this port, since the REPL catches every exception.
void nlr_jump_fail(void *val) {
    mp_printf(&mp_plat_print, "uncaught exception %p\n", val);
    cpu_breakpoint();
}
