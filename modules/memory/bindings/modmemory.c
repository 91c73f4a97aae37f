// SPDX-License-Identifier: MIT
// The native module _memory. People use the frozen package `memory`, which is built on it.

#include "py/runtime.h"

#include "fault.h"
#include "frames.h"
#include "gc_report.h"
#include "heap.h"
#include "machine.h"
#include "owners.h"
#include "ramdisk.h"
#include "space.h"
#include "user.h"

static const mp_rom_map_elem_t memory_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__memory) },

    // Frames
    { MP_ROM_QSTR(MP_QSTR_Frames), MP_ROM_PTR(&memory_frames_type) },
    { MP_ROM_QSTR(MP_QSTR_frames_alloc), MP_ROM_PTR(&memory_frames_alloc_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_reserve), MP_ROM_PTR(&memory_frames_reserve_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_stats), MP_ROM_PTR(&memory_frames_stats_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_runs), MP_ROM_PTR(&memory_frames_runs_obj) },
    { MP_ROM_QSTR(MP_QSTR_frames_state), MP_ROM_PTR(&memory_frames_state_obj) },
    { MP_ROM_QSTR(MP_QSTR_owners), MP_ROM_PTR(&memory_owners_obj) },
    { MP_ROM_QSTR(MP_QSTR_take_all), MP_ROM_PTR(&memory_take_all_obj) },
    { MP_ROM_QSTR(MP_QSTR_check), MP_ROM_PTR(&memory_check_obj) },
    { MP_ROM_QSTR(MP_QSTR_ramdisk), MP_ROM_PTR(&memory_ramdisk_obj) },
    { MP_ROM_QSTR(MP_QSTR_root_disk), MP_ROM_PTR(&memory_root_disk_obj) },
    { MP_ROM_QSTR(MP_QSTR_RamDisk), MP_ROM_PTR(&memory_ramdisk_type) },

    // Heaps
    { MP_ROM_QSTR(MP_QSTR_Heap), MP_ROM_PTR(&memory_heap_type) },
    { MP_ROM_QSTR(MP_QSTR_Block), MP_ROM_PTR(&memory_block_type) },
    { MP_ROM_QSTR(MP_QSTR_kernel_heap), MP_ROM_PTR(&memory_kernel_heap_obj) },
    { MP_ROM_QSTR(MP_QSTR_heap_make_kernel), MP_ROM_PTR(&memory_heap_make_kernel_obj) },
    { MP_ROM_QSTR(MP_QSTR_gc_info), MP_ROM_PTR(&memory_gc_info_obj) },
    { MP_ROM_QSTR(MP_QSTR_gc_limit), MP_ROM_PTR(&memory_gc_limit_obj) },
    { MP_ROM_QSTR(MP_QSTR_gc_report), MP_ROM_PTR(&memory_gc_report_obj) },
    { MP_ROM_QSTR(MP_QSTR_gc_used), MP_ROM_PTR(&memory_gc_used_obj) },

    // Address spaces
    { MP_ROM_QSTR(MP_QSTR_AddressSpace), MP_ROM_PTR(&memory_space_type) },
    { MP_ROM_QSTR(MP_QSTR_open_kernel), MP_ROM_PTR(&memory_open_kernel_obj) },
    { MP_ROM_QSTR(MP_QSTR_open_identity), MP_ROM_PTR(&memory_open_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR_kernel), MP_ROM_PTR(&memory_kernel_obj) },
    { MP_ROM_QSTR(MP_QSTR_identity), MP_ROM_PTR(&memory_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR_active_space), MP_ROM_PTR(&memory_active_space_obj) },
    { MP_ROM_QSTR(MP_QSTR_window_add), MP_ROM_PTR(&memory_window_add_obj) },
    { MP_ROM_QSTR(MP_QSTR_switch), MP_ROM_PTR(&memory_switch_obj) },

    // Faults
    { MP_ROM_QSTR(MP_QSTR_Fault), MP_ROM_PTR(&memory_fault_type) },
    { MP_ROM_QSTR(MP_QSTR_probe), MP_ROM_PTR(&memory_probe_obj) },
    { MP_ROM_QSTR(MP_QSTR_poke), MP_ROM_PTR(&memory_poke_obj) },

    // Programs at EL0
    { MP_ROM_QSTR(MP_QSTR_Registers), MP_ROM_PTR(&memory_registers_type) },
    { MP_ROM_QSTR(MP_QSTR_user_run), MP_ROM_PTR(&memory_user_run_obj) },
    { MP_ROM_QSTR(MP_QSTR_user_last), MP_ROM_PTR(&memory_user_last_obj) },
    { MP_ROM_QSTR(MP_QSTR_user_exit), MP_ROM_PTR(&memory_user_exit) },

    // The machine
    { MP_ROM_QSTR(MP_QSTR_boot_info), MP_ROM_PTR(&memory_boot_info_obj) },
    { MP_ROM_QSTR(MP_QSTR_safe_mode), MP_ROM_PTR(&memory_safe_mode_obj) },
    { MP_ROM_QSTR(MP_QSTR_boot_ticks), MP_ROM_PTR(&memory_boot_ticks_obj) },
    { MP_ROM_QSTR(MP_QSTR_sections), MP_ROM_PTR(&memory_sections_obj) },
    { MP_ROM_QSTR(MP_QSTR_mmio), MP_ROM_PTR(&memory_mmio_obj) },
    { MP_ROM_QSTR(MP_QSTR_regs), MP_ROM_PTR(&memory_regs_obj) },
    { MP_ROM_QSTR(MP_QSTR_call), MP_ROM_PTR(&memory_call_obj) },
    { MP_ROM_QSTR(MP_QSTR_sync_code), MP_ROM_PTR(&memory_sync_code_obj) },
    { MP_ROM_QSTR(MP_QSTR_last_crash), MP_ROM_PTR(&memory_last_crash_obj) },
    { MP_ROM_QSTR(MP_QSTR_crash_action), MP_ROM_PTR(&memory_crash_action_obj) },
};
static MP_DEFINE_CONST_DICT(memory_globals, memory_globals_table);

const mp_obj_module_t memory_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&memory_globals,
};

// `layout` is made at each access: its addresses are too large for constants.
void memory_module_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (attr == MP_QSTR_layout && dest[0] == MP_OBJ_NULL) {
        dest[0] = bind_machine_layout();
    }
}

MP_REGISTER_MODULE(MP_QSTR__memory, memory_module);
MP_REGISTER_MODULE_DELEGATION(memory_module, memory_module_attr);
