// SPDX-License-Identifier: MIT
// Included by extmod/modtime.c: the time of day, and dates as seconds.

#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#include "mp_release.h"

#define YEARS_IN_CYCLE      (400)    // after which the calendar repeats
#define DAYS_IN_CYCLE       (146097)
#define DAYS_0000_TO_1970   (719468) // from the first of March of year 0
#define SECONDS_IN_DAY      (86400)
#define FIRST_YEAR          (1)
#define LAST_YEAR           (65535)
#define MAX_PART            ((int64_t)1 << 40) // sums of parts up to this stay below 2^63

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_uint(mp_hal_time_ns() / 1000000000);
}

#if MP_RELEASE_LOCALTIME_FILLS
static void mp_time_localtime_get(timeutils_struct_time_t *tm) {
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000, tm);
}
#else
static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_time_ns() / 1000000000, &tm);
    mp_obj_t tuple[8] = {
        mp_obj_new_int(tm.tm_year), mp_obj_new_int(tm.tm_mon), mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_hour), mp_obj_new_int(tm.tm_min), mp_obj_new_int(tm.tm_sec),
        mp_obj_new_int(tm.tm_wday), mp_obj_new_int(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, tuple);
}
#endif

static int64_t floor_divide(int64_t value, int64_t divisor) {
    return value / divisor - (value % divisor < 0);
}

// Days from 1970-01-01 to the first of a month, which is 1 to 12. Years are counted from March, so that the leap day is
// the last day of a year.
static int64_t days_to_month(int64_t year, int64_t month) {
    int64_t from_march = (month + 9) % 12;
    year -= month <= 2;
    int64_t cycle = floor_divide(year, YEARS_IN_CYCLE);
    int64_t year_in_cycle = year - cycle * YEARS_IN_CYCLE;
    int64_t days = 365 * year_in_cycle + year_in_cycle / 4 - year_in_cycle / 100 + (153 * from_march + 2) / 5;
    return cycle * DAYS_IN_CYCLE + days - DAYS_0000_TO_1970;
}

// Seconds since the epoch of a date. Its parts may be out of their range: January 32 is the first of February.
static int64_t date_to_seconds(mp_int_t year, mp_int_t month, mp_int_t day,
    mp_int_t hour, mp_int_t minute, mp_int_t second) {
    const mp_int_t parts[] = { year, month, day, hour, minute, second };
    int64_t seconds = -1;
    bool small = true;
    for (size_t i = 0; i < MP_ARRAY_SIZE(parts); ++i) {
        small = small && -MAX_PART < parts[i] && parts[i] < MAX_PART;
    }
    if (small) {
        int64_t years = floor_divide(month - 1, 12);
        int64_t days = days_to_month(year + years, month - 12 * years) + day - 1;
        seconds = days * SECONDS_IN_DAY + hour * 3600 + minute * 60 + second;
    }
    if (seconds < 0) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("mktime: date before 1970 or too far away"));
    }
    return seconds;
}

// The date of seconds since the epoch, in the years that its fields can hold.
static void seconds_to_date(int64_t seconds, timeutils_struct_time_t *tm) {
    int64_t days = floor_divide(seconds, SECONDS_IN_DAY);
    if (days < days_to_month(FIRST_YEAR, 1) || days >= days_to_month(LAST_YEAR + 1, 1)) {
        mp_raise_msg_varg(&mp_type_OverflowError, MP_ERROR_TEXT("%ld seconds are not in the years %d to %d"),
            (long)seconds, FIRST_YEAR, LAST_YEAR);
    }
    int64_t year = 1970 + floor_divide(days * YEARS_IN_CYCLE, DAYS_IN_CYCLE); // or the one before or after
    year += days_to_month(year + 1, 1) <= days;
    year -= days_to_month(year, 1) > days;
    int month = 12;
    while (days_to_month(year, month) > days) {
        --month;
    }
    int64_t second = seconds - days * SECONDS_IN_DAY;
    *tm = (timeutils_struct_time_t) {
        .tm_year = year, .tm_mon = month, .tm_mday = days - days_to_month(year, month) + 1,
        .tm_hour = second / 3600, .tm_min = second / 60 % 60, .tm_sec = second % 60,
        .tm_wday = days + 3 - 7 * floor_divide(days + 3, 7), // 1970-01-01 was a Thursday
        .tm_yday = days - days_to_month(year, 1) + 1,
    };
}

// timeutils_seconds_since_epoch_to_struct_time() returns a wrong date before 1600 and after 65535, 1.25 before 1970.
#define timeutils_seconds_since_epoch_to_struct_time seconds_to_date

// ticks_diff() and ticks_add() take any object for a small integer.
#undef MP_OBJ_SMALL_INT_VALUE
#define MP_OBJ_SMALL_INT_VALUE(o) mp_obj_get_int(o)

// timeutils_mktime() returns a wrong number for dates before its first year (before 2000 in 1.25), and counts months
// in a loop that a large day keeps running for ever.
#define timeutils_mktime date_to_seconds
