// SPDX-License-Identifier: MIT
// What the machine is, as boot and the processor say: the facts of port.h as Python objects;
// machine code; crash records.

#include "py/gc.h"

#include "core/arch.h"
#include "common.h"
#include "gc_areas.h"
#include "machine.h"
#include "port.h"
#include "space.h"

#define CALL_ARGS (8) // x0 to x7 (AAPCS64 6.4.1)

// --- what boot found ---

static mp_obj_t new_pair(uint64_t start, uint64_t end) {
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
        mp_obj_list_append(list, new_pair(boot_info.ram[i].start, boot_info.ram[i].end));
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
    const uart_stats_t *stats = port_uart_stats();
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
    for (unsigned i = 0; port_missing_device(i) != NULL; ++i) {
        mp_obj_list_append(list, bind_new_text(port_missing_device(i)));
    }
    return list;
}

// Of the packed copy, in bytes; None without a tree.
static mp_obj_t device_tree_range(void) {
    mem_pa_t start = memory_system_device_tree().start;
    return boot_info.dtb != NULL ? new_pair(start, start + boot_info.dtb_size) : mp_const_none;
}

static mp_obj_t memory_boot_info(void) {
    const char *error = memory_system_error();
    const char *safe_mode = port_safe_mode_reason();
    mp_obj_t dict = mp_obj_new_dict(21);
    bind_store(dict, MP_QSTR_version, bind_new_text(port_version()));
    bind_store(dict, MP_QSTR_model, bind_new_text(boot_info.model));
    bind_store(dict, MP_QSTR_board, bind_new_text(port_board_name()));
    bind_store(dict, MP_QSTR_soc, bind_new_text(boot_info.soc));
    bind_store_u64(dict, MP_QSTR_firmware, boot_info.firmware);
    bind_store_u64(dict, MP_QSTR_arm_clock, port_arm_clock());
    bind_store(dict, MP_QSTR_source, bind_new_text(boot_info.source));
    bind_store(dict, MP_QSTR_ram, ram_list());
    bind_store(dict, MP_QSTR_reserved, reserved_list());
    bind_store(dict, MP_QSTR_image, new_pair(boot_info.image.start, boot_info.image.end));
    bind_store_u64(dict, MP_QSTR_entry_el, boot_info.entry_el);
    bind_store_u64(dict, MP_QSTR_entry_serror, boot_info.entry_serror);
    bind_store_u64(dict, MP_QSTR_cores, boot_info.cores);
    bind_store_u64(dict, MP_QSTR_x0, boot_info.x0);
    bind_store(dict, MP_QSTR_reset_asked, mp_obj_new_bool(boot_info.reset_asked));
    bind_store(dict, MP_QSTR_dtb, device_tree_range());
    bind_store(dict, MP_QSTR_uart, uart_dict());
    bind_store_u64(dict, MP_QSTR_dropped_calls, port_dropped_calls());
    bind_store(dict, MP_QSTR_error, error != NULL ? bind_new_text(error) : mp_const_none);
    bind_store(dict, MP_QSTR_safe_mode, safe_mode != NULL ? bind_new_text(safe_mode) : mp_const_none);
    bind_store(dict, MP_QSTR_missing, missing_list());
    bind_store(dict, MP_QSTR_random, bind_new_text(port_random_source()));
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_boot_info_obj, memory_boot_info);

// safe_mode(why): the frozen boot code failed; the banner shows it.
static mp_obj_t memory_safe_mode(mp_obj_t why) {
    port_safe_mode_enter(mp_obj_str_get_str(why));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(memory_safe_mode_obj, memory_safe_mode);

static mp_obj_t memory_boot_ticks(void) {
    uint64_t prompt = boot_info.prompt_ticks;
    mp_obj_t items[] = {
        bind_new_u64(boot_info.start_ticks),
        bind_new_u64(prompt != 0 ? prompt : port_ticks()),
        bind_new_u64(boot_info.asleep_ticks),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_boot_ticks_obj, memory_boot_ticks);

// --- where things are ---

// sections(): the parts of the image in address order.
static mp_obj_t memory_sections(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < boot_info.section_count; ++i) {
        const boot_section_t *s = &boot_info.sections[i];
        mp_obj_t items[] = {
            bind_new_text(s->name), bind_new_u64(s->va), bind_new_u64(s->pa), bind_new_u64(s->size),
            bind_space_prot_text(s->prot),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_sections_obj, memory_sections);

static mp_obj_t memory_mmio(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < boot_info.mmio_count; ++i) {
        const boot_range_t *r = &boot_info.mmio[i];
        mp_obj_list_append(list, new_named_range(r->start, r->end, r->name));
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_mmio_obj, memory_mmio);

mp_obj_t bind_machine_layout(void) {
    mp_obj_t dict = mp_obj_new_dict(boot_info.layout_count);
    for (size_t i = 0; i < boot_info.layout_count; ++i) {
        const boot_range_t *r = &boot_info.layout[i];
        mp_obj_dict_store(dict, bind_new_text(r->name), new_pair(r->start, r->end - r->start));
    }
    return dict;
}

// --- the processor ---

static mp_obj_t memory_regs(void) {
    port_registers_t r;
    port_read_registers(&r);
    mp_obj_t dict = mp_obj_new_dict(13);
    bind_store_u64(dict, MP_QSTR_el, r.el);
    bind_store_u64(dict, MP_QSTR_ttbr0, r.ttbr0);
    bind_store_u64(dict, MP_QSTR_ttbr1, r.ttbr1);
    bind_store_u64(dict, MP_QSTR_tcr, r.tcr);
    bind_store_u64(dict, MP_QSTR_mair, r.mair);
    bind_store_u64(dict, MP_QSTR_sctlr, r.sctlr);
    bind_store_u64(dict, MP_QSTR_vbar, r.vbar);
    bind_store_u64(dict, MP_QSTR_midr, r.midr);
    bind_store_u64(dict, MP_QSTR_mpidr, r.mpidr);
    bind_store_u64(dict, MP_QSTR_cntfrq, r.cntfrq);
    bind_store_u64(dict, MP_QSTR_daif, r.daif);
    bind_store_u64(dict, MP_QSTR_spsel, r.spsel);
    bind_store_u64(dict, MP_QSTR_sp, r.sp);
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_regs_obj, memory_regs);

static mp_obj_t memory_gc_info(void) {
    gc_info_t info;
    gc_info(&info);
    return new_pair(info.total, info.free);
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_gc_info_obj, memory_gc_info);

// gc_limit(size=None): how much Python's heap may take beyond its first arena; 0: all of RAM.
static mp_obj_t memory_gc_limit(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        return bind_new_u64(gc_areas_limit);
    }
    gc_areas_limit = bind_get_u64(args[0], "size");
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(memory_gc_limit_obj, 0, 1, memory_gc_limit);

// --- machine code ---

// The attributes of an address in the tables in use; false when it is not mapped.
static bool look_up(mem_va_t va, mem_attrs_t *attrs) {
    const spaces_t *s = memory_system_spaces();
    space_t *space = desc_va_is_upper(va) ? memory_system_kernel() : s->active;
    return space != NULL && paging_translate(&space->paging, va, NULL, attrs) == MEM_OK;
}

// The address is not checked: the processor raises memory.Fault where it is not mapped or not executable.
static mp_obj_t memory_call(size_t n_args, const mp_obj_t *args) {
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
MP_DEFINE_CONST_FUN_OBJ_VAR(memory_call_obj, 1, memory_call);

static mp_obj_t memory_sync_code(mp_obj_t va_in, mp_obj_t size_in) {
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
MP_DEFINE_CONST_FUN_OBJ_2(memory_sync_code_obj, memory_sync_code);

// last_crash(): one line about the crash that ended the run before, or None.
static mp_obj_t memory_last_crash(void) {
    const char *line = port_last_crash();
    return line != NULL ? bind_new_text(line) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(memory_last_crash_obj, memory_last_crash);

static mp_obj_t memory_crash_action(mp_obj_t action_in) {
    bool reset = bind_text_is(action_in, "reset");
    if (!reset && !bind_text_is(action_in, "halt")) {
        bind_raise_value(MP_ERROR_TEXT("action %s is neither 'halt' nor 'reset'"), bind_quoted(action_in));
    }
    port_set_crash_resets(reset);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(memory_crash_action_obj, memory_crash_action);
