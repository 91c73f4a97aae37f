// SPDX-License-Identifier: MIT
// machine.Timer; see machine_timer.h. MicroPython's own class has a resolution of one millisecond and accepts invalid
// periods.

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "drivers/alarm.h"
#include "callback.h"
#include "machine_timer.h"

enum { MODE_ONE_SHOT = 1, MODE_PERIODIC = 2 };

#define MAX_HZ      (20000)     // an interrupt costs the thread a microsecond or more
#define MAX_SECONDS (315360000) // ten years
#define MAX_TICK_HZ (1000000000)
#define MAX_RUNNING (100)       // alarm_set() masks interrupts for a time proportional to their number

typedef struct _machine_timer_obj_t {
    mp_obj_base_t base;
    struct _machine_timer_obj_t *next;  // of the running ones, which the collector keeps
    callback_t callback;
    alarm_t alarm;
    mp_obj_t function;
    uint64_t period;                    // ticks of the counter
    bool is_running;
    bool is_periodic;
} machine_timer_obj_t;

MP_REGISTER_ROOT_POINTER(struct _machine_timer_obj_t *machine_timer_running);

// --- running ---

static unsigned running;

static machine_timer_obj_t *timer_of_alarm(alarm_t *alarm) {
    return (machine_timer_obj_t *)((char *)alarm - offsetof(machine_timer_obj_t, alarm));
}

static machine_timer_obj_t *timer_of_callback(callback_t *callback) {
    return (machine_timer_obj_t *)((char *)callback - offsetof(machine_timer_obj_t, callback));
}

// In the interrupt. Periods that have passed already are due calls as well.
static void expire(alarm_t *alarm, uint64_t now) {
    machine_timer_obj_t *self = timer_of_alarm(alarm);
    uint64_t times = 1;
    if (self->is_periodic) {
        times += (now - alarm->deadline) / self->period;
        alarm_set(alarm, alarm->deadline + times * self->period);
    }
    (void)callback_due(&self->callback, times);
}

static void forget(machine_timer_obj_t *self) {
    machine_timer_obj_t **link = &MP_STATE_VM(machine_timer_running);
    while (*link != self) {
        link = &(*link)->next;
    }
    *link = self->next;
    self->is_running = false;
    --running;
}

static void stop(machine_timer_obj_t *self) {
    alarm_cancel(&self->alarm);
    callback_cancel(&self->callback);
    if (self->is_running) {
        forget(self);
    }
}

static void run(callback_t *callback) {
    machine_timer_obj_t *self = timer_of_callback(callback);
    if (!self->is_periodic) {
        forget(self);
    }
    callback_call(self->function, MP_OBJ_FROM_PTR(self));
}

static void start(machine_timer_obj_t *self) {
    self->next = MP_STATE_VM(machine_timer_running);
    MP_STATE_VM(machine_timer_running) = self;
    self->is_running = true;
    ++running;
    alarm_set(&self->alarm, timer_ticks() + self->period);
}

void machine_timer_deinit(void) {
    while (MP_STATE_VM(machine_timer_running) != NULL) {
        stop(MP_STATE_VM(machine_timer_running));
    }
}

// --- machine.Timer ---

static uint64_t period_of_freq(mp_obj_t freq) {
    mp_float_t hz = mp_obj_get_float(freq);
    if (!(hz * MAX_SECONDS >= 1 && hz <= MAX_HZ)) { // also refuses NaN
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("Timer freq %g Hz is not in 1/%d to %d"),
            (double)hz, MAX_SECONDS, MAX_HZ);
    }
    return (uint64_t)((mp_float_t)timer_frequency() / hz + MICROPY_FLOAT_CONST(0.5));
}

static uint64_t period_of_ticks(mp_int_t period, mp_int_t tick_hz) {
    if (tick_hz < 1 || tick_hz > MAX_TICK_HZ) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("Timer tick_hz %ld is not in 1 to %d"),
            (long)tick_hz, MAX_TICK_HZ);
    }
    mp_int_t shortest = (tick_hz + MAX_HZ - 1) / MAX_HZ;
    if (period < shortest || period / tick_hz >= MAX_SECONDS) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("Timer period %ld is not in %ld to %ld (1/%ld s)"),
            (long)period, (long)shortest, (long)(MAX_SECONDS * tick_hz), (long)tick_hz);
    }
    uint64_t hz = timer_frequency();
    return (uint64_t)(period / tick_hz) * hz + (uint64_t)(period % tick_hz) * hz / (uint64_t)tick_hz;
}

enum { ARG_mode, ARG_freq, ARG_period, ARG_tick_hz, ARG_callback, ARG_hard };

static const mp_arg_t init_args[] = {
    { MP_QSTR_mode, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = MODE_PERIODIC } },
    { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_period, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_tick_hz, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 1000 } },
    { MP_QSTR_callback, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_hard, MP_ARG_KW_ONLY | MP_ARG_BOOL, { .u_bool = false } },
};

// 0: neither is given.
static uint64_t get_period(const mp_arg_val_t *args) {
    mp_obj_t freq = args[ARG_freq].u_obj, period = args[ARG_period].u_obj;
    if (freq != mp_const_none && period != mp_const_none) {
        mp_raise_TypeError(MP_ERROR_TEXT("a Timer takes freq or period, not both"));
    }
    if (freq != mp_const_none) {
        return period_of_freq(freq);
    }
    return period != mp_const_none ? period_of_ticks(mp_obj_get_int(period), args[ARG_tick_hz].u_int) : 0;
}

// Every argument is checked before the timer changes.
static void init_timer(machine_timer_obj_t *self, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(init_args), init_args, args);
    mp_int_t mode = args[ARG_mode].u_int;
    mp_obj_t function = args[ARG_callback].u_obj == MP_OBJ_NULL ? self->function : args[ARG_callback].u_obj;
    if (mode != MODE_ONE_SHOT && mode != MODE_PERIODIC) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("Timer mode %ld is neither ONE_SHOT nor PERIODIC"),
            (long)mode);
    }
    uint64_t period = get_period(args);
    callback_check(function, args[ARG_hard].u_bool);
    if (function != mp_const_none && !self->is_running && running == MAX_RUNNING) {
        mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("%d timers run already: deinit() one"), MAX_RUNNING);
    }
    stop(self);
    self->is_periodic = mode == MODE_PERIODIC;
    self->period = period != 0 ? period : self->period;
    self->function = function;
    if (function != mp_const_none) {
        start(self);
    }
}

static mp_obj_t machine_timer_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, true);
    mp_int_t id = n_args > 0 ? mp_obj_get_int(args[0]) : -1;
    if (id != -1) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no Timer %ld: all are virtual, -1"), (long)id);
    }
    machine_timer_obj_t *self = m_new0(machine_timer_obj_t, 1);
    self->base.type = type;
    self->callback.run = run;
    self->alarm.fn = expire;
    self->function = mp_const_none;
    self->is_periodic = true;
    self->period = timer_frequency();
    if (n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        init_timer(self, 0, NULL, &kw_args);
    }
    return MP_OBJ_FROM_PTR(self);
}

static void machine_timer_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_timer_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)kind;
    mp_printf(print, "Timer(mode=%s, period=%lu, tick_hz=1000000)", self->is_periodic ? "PERIODIC" : "ONE_SHOT",
        (unsigned long)timer_ticks_to_us(self->period));
}

static mp_obj_t machine_timer_init(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    init_timer(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kw_args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(machine_timer_init_obj, 1, machine_timer_init);

static mp_obj_t machine_timer_deinit_method(mp_obj_t self_in) {
    stop(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_timer_deinit_obj, machine_timer_deinit_method);

static const mp_rom_map_elem_t machine_timer_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&machine_timer_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&machine_timer_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_ONE_SHOT), MP_ROM_INT(MODE_ONE_SHOT) },
    { MP_ROM_QSTR(MP_QSTR_PERIODIC), MP_ROM_INT(MODE_PERIODIC) },
};
static MP_DEFINE_CONST_DICT(machine_timer_locals, machine_timer_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_timer_type,
    MP_QSTR_Timer,
    MP_TYPE_FLAG_NONE,
    make_new, machine_timer_make_new,
    print, machine_timer_print,
    locals_dict, &machine_timer_locals
    );
