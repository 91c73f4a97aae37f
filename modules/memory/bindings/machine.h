// SPDX-License-Identifier: MIT
// What the machine is, as boot and the processor say: facts for the report and for the policy of the kernel map.

#ifndef MODULES_MEMORY_BINDINGS_MACHINE_H
#define MODULES_MEMORY_BINDINGS_MACHINE_H

#include "py/obj.h"

MP_DECLARE_CONST_FUN_OBJ_0(memory_boot_info_obj);         // boot_info() -> dict
MP_DECLARE_CONST_FUN_OBJ_1(memory_safe_mode_obj);          // safe_mode(why)
MP_DECLARE_CONST_FUN_OBJ_0(memory_boot_ticks_obj);        // (start, prompt or now, asleep)
MP_DECLARE_CONST_FUN_OBJ_0(memory_sections_obj);          // sections() -> [(name, va, pa, size, prot)]
MP_DECLARE_CONST_FUN_OBJ_0(memory_mmio_obj);              // mmio() -> [(start, end, name)]
MP_DECLARE_CONST_FUN_OBJ_0(memory_regs_obj);              // regs() -> dict of registers as read
MP_DECLARE_CONST_FUN_OBJ_0(memory_gc_info_obj);           // gc_info() -> (total, free) bytes of mapped areas
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_gc_limit_obj); // gc_limit(size=None), bytes
MP_DECLARE_CONST_FUN_OBJ_VAR(memory_call_obj);            // call(va, *up to 8 ints) -> x0
MP_DECLARE_CONST_FUN_OBJ_2(memory_sync_code_obj);         // sync_code(va, size)
MP_DECLARE_CONST_FUN_OBJ_0(memory_last_crash_obj);         // last_crash() -> str or None
MP_DECLARE_CONST_FUN_OBJ_1(memory_crash_action_obj);      // crash_action('halt' or 'reset')

// layout: {window: (base, size)} of the kernel half, made anew at each look.
mp_obj_t bind_machine_layout(void);

#endif // MODULES_MEMORY_BINDINGS_MACHINE_H
