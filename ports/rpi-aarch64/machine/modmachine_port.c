// SPDX-License-Identifier: MIT
// The port's part of the machine module, included by extmod/modmachine.c.

#include "py/mperrno.h"
#include "py/mphal.h"

#include "boot/boot.h"
#include "fault/crash_record.h"
#include "fault/start_count.h"
#include "drivers/board.h"
#include "drivers/irq.h"
#include "drivers/timer.h"
#include "hooks.h"
#include "callback.h"
#include "machine_i2c.h"
#include "machine_mem.h"
#include "machine_pin.h"
#include "machine_pulse.h"
#include "machine_pwm.h"
#include "machine_sdcard.h"
#include "machine_spi.h"
#include "machine_timer.h"
#include "machine_uart.h"
#include "uart.h"

enum {
    RESET_UNKNOWN = 0,
    RESET_POWER_ON = 1,
    RESET_HARD = 2,
    RESET_WATCHDOG = 3,
    RESET_SOFT = 5,
    RESET_CRASH = 6,
};

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_mem8), MP_ROM_PTR(&machine_word8_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_mem16), MP_ROM_PTR(&machine_word16_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_mem32), MP_ROM_PTR(&machine_word32_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_mem64), MP_ROM_PTR(&machine_word64_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_Pin), MP_ROM_PTR(&machine_pin_type) }, \
    { MP_ROM_QSTR(MP_QSTR_SDCard), MP_ROM_PTR(&machine_sdcard_type) }, \
    { MP_ROM_QSTR(MP_QSTR_Partition), MP_ROM_PTR(&machine_partition_type) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT), MP_ROM_PTR(&machine_wdt_type) }, \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_time_pulse_us), MP_ROM_PTR(&machine_pulse_time_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_bitstream), MP_ROM_PTR(&machine_pulse_bitstream_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_temperature), MP_ROM_PTR(&machine_temperature_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(RESET_POWER_ON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(RESET_HARD) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(RESET_WATCHDOG) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(RESET_SOFT) }, \
    { MP_ROM_QSTR(MP_QSTR_CRASH_RESET), MP_ROM_INT(RESET_CRASH) },

// Survives the soft reset that sets it.
static bool soft_reset;

void machine_init(void) {
    callback_allow(true);
}

void machine_deinit(void) {
    soft_reset = true;
    callback_allow(false); // finalisers run Python code after this
    machine_timer_deinit();
    #if MICROPY_PY_MACHINE_UART
    machine_uart_deinit_all();
    #endif
    #if MICROPY_PY_MACHINE_PWM
    machine_pwm_deinit_all();
    #endif
    #if MICROPY_PY_MACHINE_I2C
    machine_i2c_deinit();
    machine_spi_deinit();
    #endif
    machine_pin_deinit();
    machine_sdcard_deinit();
}

static void check_mailbox(mailbox_result_t result) {
    if (result != MAILBOX_OK) {
        bind_raise_os(result == MAILBOX_ABSENT ? -MP_ENODEV : -MP_EIO,
            MP_ERROR_TEXT("no firmware here, or it does not know this"));
    }
}

// Serial number of the board, most significant byte first. QEMU's Pis have number 0; its virt
// machine has none: empty.
static mp_obj_t mp_machine_unique_id(void) {
    uint64_t serial;
    uint8_t id[8];
    if (mailbox_serial(&board_mailbox, &serial) != MAILBOX_OK) {
        return mp_const_empty_bytes;
    }
    for (unsigned i = 0; i < sizeof(id); ++i) {
        id[i] = (uint8_t)(serial >> (56 - 8 * i));
    }
    return mp_obj_new_bytes(id, sizeof(id));
}

NORETURN static void mp_machine_reset(void) {
    uart_flush();
    crash_record_keep_reset();
    start_count_end();
    board_reset();
}

// On these SoCs every reset by software goes through the watchdog, and in QEMU every reset looks like power-on. The
// record that the last run left in RAM, which power-off erases, tells them apart: HARD_RESET is a requested reset,
// WDT_RESET a reset while machine.WDT was running, CRASH_RESET the end of a crash report, of which memory.last_crash()
// returns one line.
static mp_int_t mp_machine_reset_cause(void) {
    if (soft_reset) {
        return RESET_SOFT;
    }
    if (crash_record_last() != NULL) {
        return RESET_CRASH;
    }
    if (boot_info.reset_asked) {
        return RESET_HARD;
    }
    if (crash_record_watchdog_ran()) {
        return RESET_WATCHDOG;
    }
    switch (board_reset_cause()) {
        case BOARD_RESET_POWER_ON:
            return RESET_POWER_ON;
        case BOARD_RESET_SOFTWARE:
            return RESET_WATCHDOG;
        default:
            return RESET_UNKNOWN;
    }
}

static mp_obj_t machine_temperature(void) {
    uint32_t millidegrees;
    check_mailbox(mailbox_temperature(&board_mailbox, &millidegrees));
    return mp_obj_new_float((mp_float_t)(int32_t)millidegrees / 1000);
}
static MP_DEFINE_CONST_FUN_OBJ_0(machine_temperature_obj, machine_temperature);

// Sleeps at most a millisecond, so that a loop that waits for a pin makes progress without interrupts.
static void mp_machine_idle(void) {
    mp_handle_pending(true);
    timer_wait_ms(1);
}

static mp_obj_t mp_machine_get_freq(void) {
    uint32_t hz;
    check_mailbox(mailbox_clock_rate(&board_mailbox, MAILBOX_CLOCK_ARM, &hz));
    return mp_obj_new_int_from_uint(hz);
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_int_t wanted = mp_obj_get_int(args[0]);
    uint32_t min, max;
    check_mailbox(mailbox_clock_limits(&board_mailbox, MAILBOX_CLOCK_ARM, &min, &max));
    if (wanted < (mp_int_t)min || wanted > (mp_int_t)max) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("frequency %ld is not in %lu to %lu"),
            (long)wanted, (unsigned long)min, (unsigned long)max);
    }
    uint32_t hz = (uint32_t)wanted;
    check_mailbox(mailbox_set_clock_rate(&board_mailbox, MAILBOX_CLOCK_ARM, &hz));
}

// The CPU sleeps; clocks stay on, so nothing is lost. Without a time: until the next interrupt.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        mp_handle_pending(true);
        irq_wait();
        mp_handle_pending(true);
        return;
    }
    mp_int_t ms = mp_obj_get_int(args[0]);
    if (ms < 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("cannot sleep %ld ms"), (long)ms);
    }
    mp_hal_delay_ms((mp_uint_t)ms);
}

// With a time: sleeps, then restarts. Without: off until power returns; nothing else wakes these boards.
NORETURN static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args != 0) {
        mp_machine_lightsleep(n_args, args);
        mp_machine_reset();
    }
    uart_flush();
    board_off();
}
