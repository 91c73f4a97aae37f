// SPDX-License-Identifier: MIT
// machine.WDT: the watchdog of the power management block. Nothing stops it once it runs.

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "boot/soc.h"
#include "drivers/watchdog.h"
#include "fault/crash_record.h"
#include "hooks.h"

static const mp_obj_base_t machine_wdt_obj = { &machine_wdt_type };

// Survives a soft reset, as the watchdog does.
static uint32_t timeout_ms;

static void feed(void) {
    watchdog_start(soc_mmio(soc->watchdog), timeout_ms);
}

static void check(mp_int_t id, mp_int_t timeout) {
    if (id != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no WDT %ld: there is 0"), (long)id);
    }
    if (timeout < 1 || timeout > WATCHDOG_MAX_MS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("WDT timeout %ld ms is not in 1 to %d"), (long)timeout,
            WATCHDOG_MAX_MS);
    }
    if (soc->watchdog == 0) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("this machine has no watchdog"));
    }
}

static mp_obj_t machine_wdt_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    enum { ARG_id, ARG_timeout };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_timeout, MP_ARG_INT, { .u_int = 5000 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    (void)type;
    mp_arg_check_num(n_args, n_kw, 0, MP_ARRAY_SIZE(allowed), true);
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    check(args[ARG_id].u_int, args[ARG_timeout].u_int);
    timeout_ms = (uint32_t)args[ARG_timeout].u_int;
    crash_record_keep_watchdog();
    feed();
    return MP_OBJ_FROM_PTR(&machine_wdt_obj);
}

static mp_obj_t machine_wdt_feed(mp_obj_t self) {
    (void)self;
    feed();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_wdt_feed_obj, machine_wdt_feed);

static const mp_rom_map_elem_t machine_wdt_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&machine_wdt_feed_obj) },
};
static MP_DEFINE_CONST_DICT(machine_wdt_locals, machine_wdt_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_wdt_type,
    MP_QSTR_WDT,
    MP_TYPE_FLAG_NONE,
    make_new, machine_wdt_make_new,
    locals_dict, &machine_wdt_locals
    );
