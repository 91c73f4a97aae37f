// SPDX-License-Identifier: MIT

#include <string.h>

#include "py/gc.h"
#include "py/mphal.h"

#include "fault/crash.h"
#include "aarch64/sysreg.h"
#include "core/arch.h"
#include "common.h"
#include "machine.h"
#include "boot/boot.h"
#include "boot/boot_map.h"
#include "fault/crash_record.h"
#include "boot/devices.h"
#include "gc_areas.h"
#include "boot/layout.h"
#include "boot/safe_mode.h"
#include "boot/soc.h"
#include "machine/uart.h"

#define CALL_ARGS (8) // x0 to x7 (AAPCS64 6.4.1)

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[], __rw_end[];
extern char __thread_stack_start[], __exception_stack_start[];

// --- what boot found ---

static mp_obj_t new_range(uint64_t start, uint64_t end) {
    mp_obj_t items[] = {bind_new_u64(start), bind_new_u64(end)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

static mp_obj_t new_named_range(uint64_t start, uint64_t end, const char *name) {
    mp_obj_t items[] = {bind_new_u64(start), bind_new_u64(end), bind_new_text(name)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

static mp_obj_t ram_list(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < boot_info.ram_count; ++i) {
        mp_obj_list_append(list, new_range(boot_info.ram[i].start, boot_info.ram[i].end));
    }
    return list;
}

static mp_obj_t reserved_list(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < boot_info.reserved_count; ++i) {
        const boot_reserved_t *r = &boot_info.reserved[i];
        mp_obj_list_append(list, new_named_range(r->range.start, r->range.end, r->name));
    }
    return list;
}

static mp_obj_t uart_dict(void) {
    const pl011_stats_t *stats = uart_stats();
    mp_obj_t dict = mp_obj_new_dict(5);
    bind_store_u64(dict, MP_QSTR_received, stats->received);
    bind_store_u64(dict, MP_QSTR_overruns, stats->overruns);
    bind_store_u64(dict, MP_QSTR_ring_full, stats->ring_full);
    bind_store_u64(dict, MP_QSTR_line_errors, stats->line_errors);
    bind_store_u64(dict, MP_QSTR_tx_dropped, stats->tx_dropped);
    return dict;
}

static mp_obj_t missing_list(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (unsigned i = 0; devices_missing(i) != NULL; ++i) {
        mp_obj_list_append(list, bind_new_text(devices_missing(i)));
    }
    return list;
}

// Of the packed copy, in bytes; None without a tree.
static mp_obj_t device_tree_range(void) {
    mem_pa_t start = memory_system.device_tree.start;
    return boot_info.dtb != NULL ? new_range(start, start + boot_info.dtb_size) : mp_const_none;
}

static mp_obj_t boot_info_py(void) {
    const char *error = memory_system.error;
    const char *safe_mode = safe_mode_reason();
    mp_obj_t dict = mp_obj_new_dict(14);
    bind_store(dict, MP_QSTR_model, bind_new_text(boot_info.model));
    bind_store(dict, MP_QSTR_soc, bind_new_text(soc->name));
    bind_store(dict, MP_QSTR_source, bind_new_text(boot_info.source));
    bind_store(dict, MP_QSTR_ram, ram_list());
    bind_store(dict, MP_QSTR_reserved, reserved_list());
    bind_store(dict, MP_QSTR_image, new_range(boot_info.image.start, boot_info.image.end));
    bind_store_u64(dict, MP_QSTR_entry_el, boot_info.entry_el);
    bind_store_u64(dict, MP_QSTR_cores, boot_info.cores);
    bind_store_u64(dict, MP_QSTR_x0, boot_info.x0);
    bind_store(dict, MP_QSTR_dtb, device_tree_range());
    bind_store(dict, MP_QSTR_uart, uart_dict());
    bind_store(dict, MP_QSTR_error, error != NULL ? bind_new_text(error) : mp_const_none);
    bind_store(dict, MP_QSTR_safe_mode, safe_mode != NULL ? bind_new_text(safe_mode) : mp_const_none);
    bind_store(dict, MP_QSTR_missing, missing_list());
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_boot_info_obj, boot_info_py);

// safe_mode(why): the frozen boot code failed; the banner will say so.
static mp_obj_t safe_mode(mp_obj_t why) {
    safe_mode_enter(mp_obj_str_get_str(why));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(bind_machine_safe_mode_obj, safe_mode);

static mp_obj_t boot_ticks(void) {
    uint64_t prompt = boot_info.prompt_ticks;
    return new_range(boot_info.start_ticks, prompt != 0 ? prompt : timer_ticks());
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_boot_ticks_obj, boot_ticks);

// --- where things are ---

static void add_section(mp_obj_t list, const char *name, uint64_t va, const char *link, uint64_t size, qstr prot) {
    mp_obj_t items[] = {
        bind_new_text(name), bind_new_u64(va), bind_new_u64(boot_image_pa(link)), bind_new_u64(size),
        MP_OBJ_NEW_QSTR(prot),
    };
    mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
}

static void add_image_section(mp_obj_t list, const char *name, const char *start, const char *end, qstr prot) {
    add_section(list, name, (uintptr_t)start, start, end - start, prot);
}

// The image in address order. Stacks are used in windows of their own, not where they were linked.
static mp_obj_t sections(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    add_image_section(list, "text", __text_start, __text_end, MP_QSTR_rx);
    add_image_section(list, "rodata", __rodata_start, __rodata_end, MP_QSTR_r);
    add_image_section(list, "data", __data_start, __rw_end, MP_QSTR_rw);
    add_section(list, "thread stack", LAYOUT_THREAD_STACK_TOP - LAYOUT_THREAD_STACK_SIZE,
        __thread_stack_start, LAYOUT_THREAD_STACK_SIZE, MP_QSTR_rw);
    add_section(list, "exception stack", LAYOUT_EXCEPTION_STACK_TOP - LAYOUT_EXCEPTION_STACK_SIZE,
        __exception_stack_start, LAYOUT_EXCEPTION_STACK_SIZE, MP_QSTR_rw);
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_sections_obj, sections);

static mp_obj_t mmio(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < SOC_MAX_WINDOWS && soc->windows[i].end != 0; ++i) {
        const soc_window_t *w = &soc->windows[i];
        mp_obj_list_append(list, new_named_range(w->start, w->end, w->name));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_mmio_obj, mmio);

static void add_window(mp_obj_t dict, qstr name, uint64_t base, uint64_t size) {
    bind_store(dict, name, new_range(base, size));
}

mp_obj_t bind_machine_layout(void) {
    mp_obj_t dict = mp_obj_new_dict(9);
    add_window(dict, MP_QSTR_linear, LAYOUT_LINEAR, LAYOUT_LINEAR_SIZE);
    add_window(dict, MP_QSTR_image, LAYOUT_IMAGE, LAYOUT_IMAGE_SIZE);
    add_window(dict, MP_QSTR_stacks, LAYOUT_STACKS, LAYOUT_STACKS_SIZE);
    add_window(dict, MP_QSTR_heap, LAYOUT_HEAP, LAYOUT_HEAP_SIZE);
    add_window(dict, MP_QSTR_dtb, LAYOUT_DTB, LAYOUT_DTB_SIZE);
    add_window(dict, MP_QSTR_view, LAYOUT_VIEW, LAYOUT_VIEW_SIZE);
    add_window(dict, MP_QSTR_gc, LAYOUT_GC, LAYOUT_GC_SIZE);
    add_window(dict, MP_QSTR_free, LAYOUT_FREE, LAYOUT_FREE_SIZE);
    add_window(dict, MP_QSTR_mmio, LAYOUT_MMIO, LAYOUT_MMIO_SIZE);
    return dict;
}

// --- the processor ---

static mp_obj_t regs(void) {
    mp_obj_t dict = mp_obj_new_dict(13);
    bind_store_u64(dict, MP_QSTR_el, SYSREG_READ(CurrentEL) >> 2 & 3);
    bind_store_u64(dict, MP_QSTR_ttbr0, SYSREG_READ(TTBR0_EL1));
    bind_store_u64(dict, MP_QSTR_ttbr1, SYSREG_READ(TTBR1_EL1));
    bind_store_u64(dict, MP_QSTR_tcr, SYSREG_READ(TCR_EL1));
    bind_store_u64(dict, MP_QSTR_mair, SYSREG_READ(MAIR_EL1));
    bind_store_u64(dict, MP_QSTR_sctlr, SYSREG_READ(SCTLR_EL1));
    bind_store_u64(dict, MP_QSTR_vbar, SYSREG_READ(VBAR_EL1));
    bind_store_u64(dict, MP_QSTR_midr, SYSREG_READ(MIDR_EL1));
    bind_store_u64(dict, MP_QSTR_mpidr, SYSREG_READ(MPIDR_EL1));
    bind_store_u64(dict, MP_QSTR_cntfrq, SYSREG_READ(CNTFRQ_EL0));
    bind_store_u64(dict, MP_QSTR_daif, SYSREG_READ(DAIF));
    bind_store_u64(dict, MP_QSTR_spsel, SYSREG_READ(SPSel));
    bind_store_u64(dict, MP_QSTR_sp, sysreg_sp());
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_regs_obj, regs);

static mp_obj_t gc_info_py(void) {
    gc_info_t info;
    gc_info(&info);
    return new_range(info.total, info.free);
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_gc_info_obj, gc_info_py);

// gc_limit(size=None): how much Python's heap may take beyond its first arena; 0: all of RAM.
static mp_obj_t gc_limit(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        return bind_new_u64(gc_areas_limit);
    }
    gc_areas_limit = bind_get_u64(args[0], "size");
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(bind_machine_gc_limit_obj, 0, 1, gc_limit);

// --- machine code ---

// What the tables in use say about an address; false when it is not mapped.
static bool look_up(mem_va_t va, mem_attrs_t *attrs) {
    const spaces_t *s = &memory_system.spaces;
    const space_t *space = desc_va_is_upper(va) ? memory_system.kernel : s->active;
    return space != NULL && paging_translate(&space->paging, va, NULL, attrs) == MEM_OK;
}

// Whether the address is mapped and executable is for the processor to say: if not, memory.Fault.
static mp_obj_t call(size_t n_args, const mp_obj_t *args) {
    if (n_args > 1 + CALL_ARGS) {
        bind_raise_type(MP_ERROR_TEXT("call() takes up to 8 arguments for the code, not %lu"), n_args - 1);
    }
    mem_va_t va = bind_get_u64(args[0], "va");
    uint64_t x[CALL_ARGS] = {0};
    for (size_t i = 1; i < n_args; ++i) {
        x[i - 1] = bind_get_u64(args[i], "argument");
    }
    if (!mem_is_aligned(va, 4)) {
        bind_raise_value(MP_ERROR_TEXT("va 0x%016lx is not a multiple of 4"), va);
    }
    typedef uint64_t (*code_t)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
    return bind_new_u64(((code_t)(uintptr_t)va)(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]));
}
MP_DEFINE_CONST_FUN_OBJ_VAR(bind_machine_call_obj, 1, call);

static mp_obj_t sync_code(mp_obj_t va_in, mp_obj_t size_in) {
    mem_va_t va = bind_get_u64(va_in, "va");
    uint64_t size = bind_get_size(size_in, "size");
    if (!mem_range_ok(va, size)) {
        bind_raise_value(MP_ERROR_TEXT("size 0x%lx at 0x%016lx passes the end of memory"), size, va);
    }
    bind_need_kernel();
    mem_va_t last = mem_align_down(va + size - 1, MEM_PAGE_SIZE);
    for (mem_va_t page = mem_align_down(va, MEM_PAGE_SIZE);; page += MEM_PAGE_SIZE) {
        mem_attrs_t attrs;
        if (!look_up(page, &attrs)) {
            bind_raise_os(MEM_EFAULT, MP_ERROR_TEXT("0x%016lx is not mapped"), page);
        }
        if (page == last) {
            break;
        }
    }
    arch_sync_code(va, size);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(bind_machine_sync_code_obj, sync_code);

// last_crash(): one line about the crash that ended the run before, or None.
static mp_obj_t last_crash(void) {
    const char *line = crash_record_last();
    return line != NULL ? bind_new_text(line) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(bind_machine_last_crash_obj, last_crash);

static mp_obj_t crash_action(mp_obj_t action_in) {
    const char *action = mp_obj_str_get_str(action_in);
    bool reset = strcmp(action, "reset") == 0;
    if (!reset && strcmp(action, "halt") != 0) {
        bind_raise_value(MP_ERROR_TEXT("action '%s' is neither 'halt' nor 'reset'"), action);
    }
    crash_resets = reset;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(bind_machine_crash_action_obj, crash_action);
