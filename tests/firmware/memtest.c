// SPDX-License-Identifier: MIT
// The module _memtest, whose functions cause faults, and failures of chosen steps of the boot. Only the
// test image has this file: it is the objects of the shipped image and this one, which the linker's --wrap
// puts between callers and callees (ports/rpi-aarch64/Makefile).

#include <string.h>

#include "py/gc.h"
#include "py/mpstate.h"
#include "py/runtime.h"

#include "aarch64/cpu.h"
#include "boot/boot_map.h"
#include "drivers/irq.h"
#include "core/arch.h"
#include "core/fault/fault.h"
#include "core/frames/frames_private.h"
#include "core/gc/collector.h"
#include "boot/layout.h"
#include "bindings/memory_system.h"
#include "boot/soc.h"
#include "hooks.h"
#include "memtest_frames.h"

#define DEEP (1500)         // calls of 16 bytes or a little more, on a stack of 64 KiB
#define LITTLE_STACK (1800) // bytes, less than raising needs (thread_fault.c)
#define FP_REGISTERS (8)    // d8 to d15, which a function must preserve (AAPCS64 6.1.2)

// The steps of the boot that fail. The tests write them into RAM before the machine starts
// (tests/memtest_image.py). Each fails once, so that the soft reset after it can be tested too.
enum {
    FAIL_SWITCH = 1 << 0,       // the switch to the kernel map
    FAIL_MAILBOX = 1 << 1,      // this and those below: the device does not answer
    FAIL_INTC = 1 << 2,
    FAIL_UART = 1 << 3,
    FAIL_GPIO = 1 << 4,
    FAIL_WATCHDOG = 1 << 5,
    FAIL_SILENT_MAILBOX = 1 << 6,
};
#define FAIL_MAGIC (0x6d656d7465737400)
uint64_t memtest_failures __attribute__((section(".noinit.memtest")));

static bool take_failure(uint64_t bit) {
    if ((memtest_failures & ~(uint64_t)0xff) != FAIL_MAGIC || !(memtest_failures & bit)) {
        return false;
    }
    memtest_failures &= ~bit;
    return true;
}

// Page 0 is never mapped. volatile: the compiler must not remove the access.
static volatile uint64_t *volatile nowhere = (uint64_t *)0x10;

static void touch_nowhere(void) {
    (void)*nowhere;
}

// --- faults where they must not be raised ---

static bool fault_in_mark, fault_in_sweep, fault_in_frames, fault_in_deep_frames, fault_in_report, no_pin;

static bool take(bool *armed) {
    bool was = *armed;
    *armed = false;
    return was;
}

void __real_gc_collect_start(void);
void __real_gc_collect_end(void);
size_t __real_frames_search(frames_t *f, size_t count, size_t align, size_t lo, size_t hi);

size_t __real_bind_pager_pin(bind_pager_pin_t *pin, const void *va, size_t size, bool write);

void __wrap_gc_collect_start(void) {
    if (take(&fault_in_mark)) {
        touch_nowhere(); // the collector is not locked yet: only the stack shows that it runs
    }
    __real_gc_collect_start();
}

void __wrap_gc_collect_end(void) {
    if (take(&fault_in_sweep)) {
        touch_nowhere();
    }
    __real_gc_collect_end();
}

// Faults below more frame records than the backtrace of a report has.
static int __attribute__((noinline)) touch_nowhere_deep(int n) {
    if (n == 0) {
        touch_nowhere();
        return 0;
    }
    int result = touch_nowhere_deep(n - 1);
    __asm__ volatile ("" : : : "memory");
    return result + 1;
}

size_t __wrap_frames_search(frames_t *f, size_t count, size_t align, size_t lo, size_t hi) {
    if (take(&fault_in_frames)) {
        touch_nowhere();
    }
    if (take(&fault_in_deep_frames)) {
        touch_nowhere_deep(DEEP);
    }
    return __real_frames_search(f, count, align, lo, hi);
}

// When armed, the next buffer is not pinned, so the function that uses it takes the fault.
size_t __wrap_bind_pager_pin(bind_pager_pin_t *pin, const void *va, size_t size, bool write) {
    pin->space = NULL;
    return take(&no_pin) ? size : __real_bind_pager_pin(pin, va, size, write);
}

bool __real_crash_python_line(const trap_frame_t *trap, char *text, size_t size);

bool __wrap_crash_python_line(const trap_frame_t *trap, char *text, size_t size) {
    if (take(&fault_in_report)) {
        touch_nowhere();
    }
    return __real_crash_python_line(trap, text, size);
}

static mp_obj_t fault_in(mp_obj_t where_in) {
    const char *where = mp_obj_str_get_str(where_in);
    fault_in_mark = strcmp(where, "mark") == 0;
    fault_in_sweep = strcmp(where, "sweep") == 0;
    fault_in_frames = strcmp(where, "frames") == 0;
    fault_in_deep_frames = strcmp(where, "deep frames") == 0;
    fault_in_report = strcmp(where, "report") == 0;
    no_pin = strcmp(where, "buffer") == 0;
    return mp_obj_new_bool(fault_in_mark || fault_in_sweep || fault_in_frames || fault_in_deep_frames
        || fault_in_report || no_pin);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fault_in_obj, fault_in);

static void irq_handler(void *arg) {
    (void)arg;
    touch_nowhere();
}

// The next interrupt of the timer faults.
static mp_obj_t fault_in_irq(void) {
    irq_set_handler(soc->timer_irq, irq_handler, NULL);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(fault_in_irq_obj, fault_in_irq);

static mp_obj_t fault_uncaught(void) {
    MP_STATE_THREAD(nlr_top) = NULL;
    touch_nowhere();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(fault_uncaught_obj, fault_uncaught);

// Faults in a function of the collector that calls none: only the program counter shows that it runs.
static mp_obj_t fault_at_pc(void) {
    collector_kind((const collector_area_t *)nowhere, 0);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(fault_at_pc_obj, fault_at_pc);

// Faults with this in X29. 'cycle' is a record on the stack that names itself, 'down' one that names a record
// below it.
void memtest_fault_with_record(uint64_t record);

static mp_obj_t fault_with_record(mp_obj_t record_in) {
    volatile uint64_t records[4];
    records[0] = records[2] = (uintptr_t)&records[0];
    records[1] = records[3] = (uintptr_t)fault_with_record;
    uint64_t record;
    if (mp_obj_is_str(record_in)) {
        record = (uintptr_t)(strcmp(mp_obj_str_get_str(record_in), "cycle") == 0 ? &records[0] : &records[2]);
    } else {
        record = (uint64_t)mp_obj_get_int_truncated(record_in);
    }
    memtest_fault_with_record(record);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(fault_with_record_obj, fault_with_record);

// Faults where the function that would catch the fault has too little stack left.
static int __attribute__((noinline)) catch_at_the_end(int n) {
    volatile char room[64];
    room[0] = (char)n;
    if ((uintptr_t)__builtin_frame_address(0) - bind_stack_end() > LITTLE_STACK) {
        return catch_at_the_end(n + 1) + room[0];
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        touch_nowhere();
        nlr_pop();
    }
    return room[0];
}

static mp_obj_t fault_without_stack(void) {
    return mp_obj_new_int(catch_at_the_end(0));
}
static MP_DEFINE_CONST_FUN_OBJ_0(fault_without_stack_obj, fault_without_stack);

// Makes the record of the running Python function (aarch64/vm_entry.S) name `address` as its state, then
// faults with interrupts masked, which ends in a crash report.
extern char vm_entry_return[];

static mp_obj_t damage_python(mp_obj_t address_in) {
    for (uint64_t *record = __builtin_frame_address(0); record != NULL; record = (uint64_t *)record[0]) {
        if (record[1] == (uintptr_t)vm_entry_return) {
            ((uint64_t *)record[0])[2] = (uint64_t)mp_obj_get_int_truncated(address_in);
            break;
        }
    }
    cpu_irq_save();
    touch_nowhere();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(damage_python_obj, damage_python);

// Causes an asynchronous external abort. No device of QEMU does, so EL2 makes a virtual one pending
// (HCR_EL2.AMO and VSE). Returns False if the image was not entered at EL2 or EL3.
void memtest_el2_abort(void);
void memtest_hvc(uint64_t unused, uint64_t pa);

static mp_obj_t abort_later(void) {
    if (boot_info.entry_el < 2) {
        return mp_const_false;
    }
    memtest_hvc(0, boot_image_pa((const char *)memtest_el2_abort));
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_0(abort_later_obj, abort_later);

// --- faults that are raised ---

static mp_obj_t read_byte(mp_obj_t address_in) {
    return MP_OBJ_NEW_SMALL_INT(*(volatile uint8_t *)(uintptr_t)mp_obj_get_int_truncated(address_in));
}
static MP_DEFINE_CONST_FUN_OBJ_1(read_byte_obj, read_byte);

static unsigned __attribute__((noinline)) recurse(unsigned n) {
    volatile unsigned room[64];
    if (n == UINT32_MAX) {
        return n;
    }
    room[n % 64] = n;
    return recurse(n + 1) + room[n % 64];
}

// recurse() takes up to two arguments, which it does not use, so that it can be a pager.
static mp_obj_t memtest_recurse(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    return mp_obj_new_int_from_uint(recurse(0));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(recurse_obj, 0, 2, memtest_recurse);

// Loads d8 to d15 from `before`, calls fn(arg), and stores them in `after`.
void memtest_call_with_fp(void (*fn)(void *), void *arg, const double *before, double *after);

static void call_python(void *arg) {
    mp_call_function_0(MP_OBJ_FROM_PTR(arg));
}

// --- the first touch of a page of the stack ---

static mp_obj_t touched; // what reach_for() touches

// A single frame may need no stack at all.
static void reach_in_frames(void) {
    static mem_pa_t pa;
    if (frames_alloc(memory_system_frames(), 3, NULL, &pa, NULL) == MEM_OK) {
        frames_free(memory_system_frames(), pa, 3, NULL);
    }
}

static void reach_in_pager(void) {
    (void)*(volatile uint8_t *)(uintptr_t)mp_obj_get_int_truncated(touched);
}

static void reach_here(void) {
    volatile uint8_t room[MEM_PAGE_SIZE];
    room[0] = 1;
    (void)room[0];
}

static const struct {
    const char *name;
    void (*run)(void);
} reaches[] = {
    {"frames", reach_in_frames}, {"collector", gc_collect}, {"pager", reach_in_pager}, {"here", reach_here},
};

// Calls run() with `left` bytes above `limit`.
static void __attribute__((noinline)) run_above(mem_va_t limit, size_t left, void (*run)(void)) {
    volatile uint8_t *room = __builtin_alloca((uintptr_t)__builtin_frame_address(0) - limit - left);
    __asm__ volatile ("" : : "r" (room) : "memory");
    run();
    __asm__ volatile ("" : : "r" (room) : "memory");
}

// reach_for(what, at_the_end, left, address=None): with so many bytes of the stack left to the next page that has to
// come, or to what the reserve holds. The result is how many pages came.
static mp_obj_t reach_for(size_t n_args, const mp_obj_t *args) {
    const char *what = mp_obj_str_get_str(args[0]);
    touched = n_args > 3 ? args[3] : MP_OBJ_NEW_SMALL_INT(0);
    mem_va_t low = bind_stack_low();
    mem_va_t limit = mp_obj_is_true(args[1]) ? bind_stack_end() : low;
    for (size_t i = 0; i < MP_ARRAY_SIZE(reaches); ++i) {
        if (strcmp(what, reaches[i].name) == 0) {
            run_above(limit, (size_t)mp_obj_get_int(args[2]), reaches[i].run);
        }
    }
    return mp_obj_new_int((mp_int_t)(low - bind_stack_low()) / MEM_PAGE_SIZE);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(reach_for_obj, 3, 4, reach_for);

// How often the callback ran that recurse_under_callback() pushes; it runs when something is raised.
static unsigned callback_runs;

static void count_run(void *node) {
    (void)node;
    ++callback_runs;
}

static mp_obj_t recurse_under_callback(void) {
    nlr_jump_callback_node_t node;
    nlr_push_jump_callback(&node, count_run);
    unsigned result = recurse(0);
    nlr_pop_jump_callback(false);
    return mp_obj_new_int_from_uint(result);
}
static MP_DEFINE_CONST_FUN_OBJ_0(recurse_under_callback_obj, recurse_under_callback);

static mp_obj_t get_callback_runs(void) {
    return mp_obj_new_int_from_uint(callback_runs);
}
static MP_DEFINE_CONST_FUN_OBJ_0(callback_runs_obj, get_callback_runs);

// keeps_fp(f): how many of d8 to d15 still have their value after f(), which catches a fault.
static mp_obj_t keeps_fp(mp_obj_t f) {
    double before[FP_REGISTERS], after[FP_REGISTERS];
    unsigned kept = 0;
    for (unsigned i = 0; i < FP_REGISTERS; ++i) {
        before[i] = 1.0 / (3 + i);
    }
    memtest_call_with_fp(call_python, MP_OBJ_TO_PTR(f), before, after);
    for (unsigned i = 0; i < FP_REGISTERS; ++i) {
        kept += before[i] == after[i];
    }
    return MP_OBJ_NEW_SMALL_INT(kept);
}
static MP_DEFINE_CONST_FUN_OBJ_1(keeps_fp_obj, keeps_fp);

static void fault_now(void *arg) {
    (void)arg;
    touch_nowhere();
}

// Faults with other values in d8 to d15.
static mp_obj_t spoil_fp_and_fault(void) {
    static const double other[FP_REGISTERS] = {-1, -2, -3, -4, -5, -6, -7, -8};
    double after[FP_REGISTERS];
    memtest_call_with_fp(fault_now, NULL, other, after);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(spoil_fp_and_fault_obj, spoil_fp_and_fault);

// --- the module ---

static const struct {
    const char *name;
    mp_rom_obj_t value;
} functions[] = {
    {"fault_in", MP_ROM_PTR(&fault_in_obj)},
    {"fault_in_irq", MP_ROM_PTR(&fault_in_irq_obj)},
    {"fault_uncaught", MP_ROM_PTR(&fault_uncaught_obj)},
    {"fault_at_pc", MP_ROM_PTR(&fault_at_pc_obj)},
    {"fault_with_record", MP_ROM_PTR(&fault_with_record_obj)},
    {"fault_without_stack", MP_ROM_PTR(&fault_without_stack_obj)},
    {"damage_python", MP_ROM_PTR(&damage_python_obj)},
    {"abort_later", MP_ROM_PTR(&abort_later_obj)},
    {"read_byte", MP_ROM_PTR(&read_byte_obj)},
    {"reach_for", MP_ROM_PTR(&reach_for_obj)},
    {"recurse", MP_ROM_PTR(&recurse_obj)},
    {"recurse_under_callback", MP_ROM_PTR(&recurse_under_callback_obj)},
    {"callback_runs", MP_ROM_PTR(&callback_runs_obj)},
    {"keeps_fp", MP_ROM_PTR(&keeps_fp_obj)},
    {"spoil_fp_and_fault", MP_ROM_PTR(&spoil_fp_and_fault_obj)},
    {"frames_costs", MP_ROM_PTR(&memtest_frames_costs_obj)},
    {"frames_states", MP_ROM_PTR(&memtest_frames_states_obj)},
};

void __real_mp_init(void);

// Makes the module, unless it is there.
static void make_module(void) {
    qstr name = qstr_from_str("_memtest");
    mp_map_t *modules = &MP_STATE_VM(mp_loaded_modules_dict).map;
    if (mp_map_lookup(modules, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP) != NULL) {
        return;
    }
    mp_obj_module_t *module = MP_OBJ_TO_PTR(mp_obj_new_module(name));
    for (size_t i = 0; i < MP_ARRAY_SIZE(functions); ++i) {
        mp_obj_dict_store(MP_OBJ_FROM_PTR(module->globals),
            MP_OBJ_NEW_QSTR(qstr_from_str(functions[i].name)), (mp_obj_t)functions[i].value);
    }
}

void __wrap_mp_init(void) {
    __real_mp_init();
    fault_in_mark = fault_in_sweep = fault_in_frames = fault_in_deep_frames = fault_in_report = no_pin = false;
    make_module();
}

// --- a boot that fails ---

int __real_memory_system_switch(space_error_t *why);
void __real_devices_probe(void);

int __wrap_memory_system_switch(space_error_t *why) {
    if (take_failure(FAIL_SWITCH)) {
        *why = (space_error_t) {.kind = SPACE_NO_TABLES};
        return MEM_ENOMEM;
    }
    return __real_memory_system_switch(why);
}

// boot_main() calls this before it uses the SoC's devices, so this changes the descriptor.
void __wrap_devices_probe(void) {
    static soc_t changed;
    changed = *soc;
    // An address in a window of devices at which there is no device.
    uint64_t nothing = changed.mailbox == 0 ? 0x09011000
        : changed.gpio_pulls_2711 ? 0xfd500000 : 0x40000800;
    changed.mailbox = take_failure(FAIL_MAILBOX) ? nothing : changed.mailbox;
    changed.uart = take_failure(FAIL_UART) ? nothing : changed.uart;
    changed.gpio = take_failure(FAIL_GPIO) ? nothing : changed.gpio;
    changed.watchdog = take_failure(FAIL_WATCHDOG) ? nothing : changed.watchdog;
    if (take_failure(FAIL_INTC)) {
        changed.intc_base = changed.intc_base2 = nothing;
    }
    if (take_failure(FAIL_SILENT_MAILBOX)) {
        changed.mailbox = changed.gpio + 0x1000; // reads as 0, takes writes, never answers
    }
    soc = &changed;
    __real_devices_probe();
}

// --- cache maintenance ---

// A DC instruction on an address that is not mapped faults like a load (Arm ARM, "A64 Cache maintenance
// instructions"); in QEMU it does nothing. So each page is asked for first, and the fault comes here.
static void need_mapped(mem_va_t va, uint64_t size) {
    for (mem_va_t at = mem_align_down(va, MEM_PAGE_SIZE); at - va < size || at < va; at += MEM_PAGE_SIZE) {
        if (!fault_par_is_mapped(arch_at_s1e1r(at))) {
            (void)*(const volatile uint8_t *)at;
        }
    }
}

void __real_arch_sync_code(mem_va_t va, uint64_t size);
void __real_arch_clean_inval_poc(mem_va_t va, uint64_t size);

void __wrap_arch_sync_code(mem_va_t va, uint64_t size) {
    need_mapped(va, size);
    __real_arch_sync_code(va, size);
}

void __wrap_arch_clean_inval_poc(mem_va_t va, uint64_t size) {
    need_mapped(va, size);
    __real_arch_clean_inval_poc(va, size);
}

// How often the REPL waited for a key. A test without a console sees by it that the boot is over.
uint64_t memtest_prompts;

int __real_mp_hal_stdin_rx_chr(void);

int __wrap_mp_hal_stdin_rx_chr(void) {
    ++memtest_prompts;
    make_module(); // the boot has dropped the modules that it imported, and this one
    return __real_mp_hal_stdin_rx_chr();
}
