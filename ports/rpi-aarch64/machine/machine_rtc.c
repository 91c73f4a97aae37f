// SPDX-License-Identifier: MIT
// machine.RTC: the time of day, an offset to the generic timer. No supported board has a battery-backed clock.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "shared/timeutils/timeutils.h"

#include "arguments.h"

#define NS_PER_SECOND (1000000000)
#define PARTS (8)

enum { YEAR, MONTH, DAY, WEEKDAY, HOUR, MINUTE, SECOND, MICROSECOND };

typedef struct _part_t {
    const char *name;
    mp_int_t first, last;
} part_t;

// Every release of MicroPython converts dates from 2000 on; nanoseconds in 64 bits last until 2554. The weekday follows
// from the date; ports differ in the number of Monday.
static const part_t parts[PARTS] = {
    { "RTC year", 2000, 2553 }, { "RTC month", 1, 12 }, { "RTC day", 1, 31 }, { "RTC weekday", 0, 7 },
    { "RTC hour", 0, 23 }, { "RTC minute", 0, 59 }, { "RTC second", 0, 59 }, { "RTC microsecond", 0, 999999 },
};

static const mp_obj_base_t machine_rtc_obj = { &machine_rtc_type };

static mp_obj_t machine_rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    if (n_args == 1 && mp_obj_get_int(args[0]) != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no RTC %ld: there is 0"), (long)mp_obj_get_int(args[0]));
    }
    return MP_OBJ_FROM_PTR(&machine_rtc_obj);
}

static mp_obj_t get_datetime(void) {
    timeutils_struct_time_t tm;
    uint64_t ns = mp_hal_time_ns();
    timeutils_seconds_since_epoch_to_struct_time(ns / NS_PER_SECOND, &tm);
    mp_obj_t values[PARTS] = {
        mp_obj_new_int(tm.tm_year), mp_obj_new_int(tm.tm_mon), mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_wday), mp_obj_new_int(tm.tm_hour), mp_obj_new_int(tm.tm_min),
        mp_obj_new_int(tm.tm_sec), mp_obj_new_int((mp_int_t)(ns % NS_PER_SECOND / 1000)),
    };
    return mp_obj_new_tuple(PARTS, values);
}

static void set_datetime(mp_obj_t tuple) {
    mp_int_t value[PARTS];
    const mp_obj_t *items = arguments_get_items(tuple, "RTC datetime", PARTS,
        "year, month, day, weekday, hour, minute, second, microsecond");
    for (size_t i = 0; i < PARTS; ++i) {
        value[i] = arguments_get_int(items[i], parts[i].name, parts[i].first, parts[i].last);
    }
    arguments_check_range(parts[DAY].name, value[DAY], 1, (mp_int_t)timeutils_days_in_month(value[YEAR], value[MONTH]));
    uint64_t seconds = timeutils_seconds_since_epoch(value[YEAR], value[MONTH], value[DAY], value[HOUR],
        value[MINUTE], value[SECOND]);
    mp_hal_set_time_ns(seconds * NS_PER_SECOND + (uint64_t)value[MICROSECOND] * 1000);
}

static mp_obj_t machine_rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return get_datetime();
    }
    set_datetime(args[1]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_rtc_datetime_obj, 1, 2, machine_rtc_datetime);

static const mp_rom_map_elem_t machine_rtc_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&machine_rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(machine_rtc_locals, machine_rtc_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, machine_rtc_make_new,
    locals_dict, &machine_rtc_locals
    );
