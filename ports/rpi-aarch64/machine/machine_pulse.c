// SPDX-License-Identifier: MIT
// Pins timed by the CPU; see machine_pulse.h. MicroPython's own functions are unbounded, and Ctrl-C does not end them.

#include "py/mphal.h"
#include "py/runtime.h"

#include "aarch64/cpu.h"
#include "hooks.h"
#include "arguments.h"
#include "machine_pulse.h"

#define MAX_BIT_NS  (50000)     // interrupts are masked for the 16 parts of a byte
#define NS_PER_S    (1000000000)
#define HIGH_LOW    (0)         // the encoding of bitstream(): each bit is a high level, then a low one

// --- time_pulse_us() ---

// Waits for a level. Returns the time at which it was read, or 0 at the deadline.
static uint64_t wait_level(mp_hal_pin_obj_t pin, bool level, uint64_t deadline) {
    for (;;) {
        uint64_t now = timer_ticks();
        if (mp_hal_pin_read(pin) == level) {
            return now;
        }
        if (now >= deadline) {
            return 0;
        }
        bind_raise_interrupt();
    }
}

static mp_obj_t machine_pulse_time(size_t n_args, const mp_obj_t *args) {
    mp_hal_pin_obj_t pin = mp_hal_get_pin_obj(args[0]);
    bool level = mp_obj_is_true(args[1]);
    mp_int_t timeout = n_args > 2 ? arguments_get_int(args[2], "timeout_us", 0, INT32_MAX) : 1000000;
    uint64_t begin = wait_level(pin, level, timer_deadline_us((uint64_t)timeout));
    if (begin == 0) {
        return MP_OBJ_NEW_SMALL_INT(-2);
    }
    uint64_t end = wait_level(pin, !level, begin + timer_us_to_ticks((uint64_t)timeout));
    return end == 0 ? MP_OBJ_NEW_SMALL_INT(-1) : mp_obj_new_int((mp_int_t)timer_ticks_to_us(end - begin));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pulse_time_obj, 2, 3, machine_pulse_time);

// --- bitstream() ---

// Ticks of the high and the low part of one bit.
typedef struct _bit_ticks_t {
    uint32_t high, low;
} bit_ticks_t;

static void wait_until(uint64_t ticks) {
    while (cpu_counter() < ticks) {
    }
}

// One place for tests/hwcheck/plants.toml.
static void __attribute__((noinline)) send_byte(mp_hal_pin_obj_t pin, const bit_ticks_t *ticks, uint8_t byte) {
    uint64_t state = cpu_irq_save();
    uint64_t at = cpu_counter();
    for (int bit = 7; bit >= 0; --bit) {
        const bit_ticks_t *part = &ticks[byte >> bit & 1];
        gpio_write(&board_gpio, pin, true);
        wait_until(at += part->high);
        gpio_write(&board_gpio, pin, false);
        wait_until(at += part->low);
    }
    cpu_irq_restore(state);
}

static uint32_t get_ticks(mp_obj_t item) {
    mp_int_t ns = arguments_get_int(item, "bitstream timing", 0, MAX_BIT_NS);
    return (uint32_t)(((uint64_t)ns * timer_frequency() + NS_PER_S / 2) / NS_PER_S);
}

// Interrupts are handled between bytes, where they can lengthen the low level.
static mp_obj_t machine_pulse_bitstream(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_hal_pin_obj_t pin = mp_hal_get_pin_obj(args[0]);
    claims_check_pin(pin);
    (void)arguments_get_int(args[1], "bitstream encoding", HIGH_LOW, HIGH_LOW);
    const mp_obj_t *timing = arguments_get_items(args[2], "bitstream timing", 4,
        "ns of high and low of a 0, then of a 1");
    bit_ticks_t ticks[2] = {
        { get_ticks(timing[0]), get_ticks(timing[1]) }, { get_ticks(timing[2]), get_ticks(timing[3]) },
    };
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[3], &buffer, MP_BUFFER_READ);
    for (size_t i = 0; i < buffer.len && !bind_is_interrupted(); ++i) {
        uint8_t byte = ((const uint8_t *)buffer.buf)[i]; // with interrupts on: memory of a pager may fault
        send_byte(pin, ticks, byte);
    }
    mp_handle_pending(true);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pulse_bitstream_obj, 4, 4, machine_pulse_bitstream);
