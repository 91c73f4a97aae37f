// SPDX-License-Identifier: MIT
// machine.PWM: the port's part, included by extmod/machine_pwm.c. Two channels of the block PWM0, each on one of two
// pins of the header. Both use one clock; each has its own period.

#include "py/mperrno.h"

#include "boot/soc.h"
#include "drivers/clock_manager.h"
#include "drivers/pwm.h"
#include "bus_pins.h"
#include "claims.h"
#include "hooks.h"
#include "machine_pin.h"
#include "machine_pwm.h"

// The clock has half the rate of the crystal: 9.6 or 27 MHz.
#define CLOCK_DIVISOR   (2)
#define LEAST_PERIOD    (256) // counts: 8 bits of duty
#define DEFAULT_FREQ    (1000)
#define FULL            (65535)
#define NS_PER_SECOND   (1000000000)

struct _machine_pwm_obj_t {
    mp_obj_base_t base;
    uint8_t pin;
    uint8_t channel;
    gpio_function_t function;
    bool open;
    bool invert;
    bool in_ns;         // duty is in ns, which are kept when the frequency changes; otherwise in units of 1/FULL
    uint32_t duty;
    uint32_t freq;
};

// The pins of the header that a channel can be on (BCM2835 ARM Peripherals, "Alternative Function Assignments").
static machine_pwm_obj_t objects[] = {
    {{&machine_pwm_type}, .pin = 12, .channel = 0, .function = GPIO_ALT0},
    {{&machine_pwm_type}, .pin = 13, .channel = 1, .function = GPIO_ALT0},
    {{&machine_pwm_type}, .pin = 18, .channel = 0, .function = GPIO_ALT5},
    {{&machine_pwm_type}, .pin = 19, .channel = 1, .function = GPIO_ALT5},
};
static bool clock_runs;

static claims_owner_t owner_of(const machine_pwm_obj_t *self) {
    return CLAIMS_OWNER(CLAIMS_PWM, self->pin);
}

static uint32_t clock_hz(void) {
    return soc->crystal / CLOCK_DIVISOR;
}

// --- arguments ---

static uint32_t check_freq(mp_int_t freq) {
    mp_int_t most = clock_hz() / LEAST_PERIOD;
    if (freq < 1 || freq > most) {
        bind_raise_value(MP_ERROR_TEXT("PWM frequency %ld is not in 1 to %ld Hz"), (long)freq, (long)most);
    }
    return (uint32_t)freq;
}

static uint32_t check_duty_u16(mp_int_t duty) {
    if (duty < 0 || duty > FULL) {
        bind_raise_value(MP_ERROR_TEXT("duty_u16 %ld is not in 0 to 65535"), (long)duty);
    }
    return (uint32_t)duty;
}

static uint32_t check_duty_ns(mp_int_t duty, uint32_t freq) {
    if (duty < 0 || duty > NS_PER_SECOND / (mp_int_t)freq) {
        bind_raise_value(MP_ERROR_TEXT("duty_ns %ld is not in 0 to %ld, a period at %u Hz"), (long)duty,
            (long)(NS_PER_SECOND / freq), (unsigned)freq);
    }
    return (uint32_t)duty;
}

static uint32_t period_of(const machine_pwm_obj_t *self) {
    return pwm_scale(clock_hz(), 1, self->freq);
}

// At most the period, which was rounded.
static uint32_t high_of(const machine_pwm_obj_t *self) {
    uint32_t period = period_of(self);
    uint32_t high = self->in_ns ? pwm_scale(self->duty, clock_hz(), NS_PER_SECOND)
        : pwm_scale(self->duty, period, FULL);
    return high < period ? high : period;
}

// --- the block ---

static void check_block(const machine_pwm_obj_t *self) {
    if (soc->pwm == 0 || soc->clock_manager == 0) {
        bus_refuse_silent("PWM", self->pin);
    }
}

static void check_open(const machine_pwm_obj_t *self) {
    if (!self->open) {
        bind_raise_value(MP_ERROR_TEXT("PWM(%u) is closed: init() opens it again"), self->pin);
    }
}

static void run_clock(const machine_pwm_obj_t *self) {
    uintptr_t clock = soc_mmio(soc->clock_manager) + CLOCK_MANAGER_PWM;
    if (!clock_runs && !clock_manager_run(clock, CLOCK_MANAGER_CRYSTAL, CLOCK_DIVISOR)) {
        claims_release(owner_of(self));
        bind_raise_os(-MP_EIO, MP_ERROR_TEXT("the clock of PWM does not stop"));
    }
    clock_runs = true;
}

static void claim(const machine_pwm_obj_t *self) {
    if (claims_owners[self->pin] != owner_of(self)) {
        claims_check_pin(self->pin); // before the channel is claimed, so that claims_take() cannot fail
    }
    claims_take_block(owner_of(self), CLAIMS_PWM0_CHANNEL0 + self->channel);
    claims_take(owner_of(self), 1ull << self->pin);
}

// The channel is started before its pin is connected.
static void start(const machine_pwm_obj_t *self) {
    pwm_start(soc_mmio(soc->pwm), self->channel, period_of(self), high_of(self), self->invert);
    machine_pin_set_open_drain(self->pin, false);
    gpio_set_pull(&board_gpio, self->pin, GPIO_PULL_NONE);
    gpio_set_function(&board_gpio, self->pin, self->function);
}

static void change(const machine_pwm_obj_t *self) {
    pwm_change(soc_mmio(soc->pwm), self->channel, period_of(self), high_of(self));
}

void machine_pwm_deinit_all(void) {
    for (unsigned i = 0; i < MP_ARRAY_SIZE(objects); ++i) {
        if (objects[i].open) {
            mp_machine_pwm_deinit(&objects[i]);
        }
    }
    clock_runs = false;
}

// --- extmod/machine_pwm.c's hooks ---

static void mp_machine_pwm_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_pwm_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)kind;
    if (!self->open) {
        mp_printf(print, "PWM(%u, closed)", self->pin);
        return;
    }
    mp_printf(print, "PWM(%u, freq=%u, duty_%s=%u%s)", self->pin, (unsigned)self->freq, self->in_ns ? "ns" : "u16",
        (unsigned)self->duty, self->invert ? ", invert=True" : "");
}

enum { ARG_freq, ARG_duty_u16, ARG_duty_ns, ARG_invert };

static const mp_arg_t pwm_args[] = {
    { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_duty_u16, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_duty_ns, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_invert, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
};

// Applies the arguments to `to`; an exception leaves the channel unchanged.
static void parse_settings(machine_pwm_obj_t *to, const mp_arg_val_t *args) {
    if (args[ARG_duty_u16].u_obj != mp_const_none && args[ARG_duty_ns].u_obj != mp_const_none) {
        bind_raise_value(MP_ERROR_TEXT("duty_u16 or duty_ns, not both"));
    }
    if (args[ARG_freq].u_obj != mp_const_none) {
        to->freq = check_freq(mp_obj_get_int(args[ARG_freq].u_obj));
    }
    if (args[ARG_duty_u16].u_obj != mp_const_none) {
        to->duty = check_duty_u16(mp_obj_get_int(args[ARG_duty_u16].u_obj));
        to->in_ns = false;
    } else if (args[ARG_duty_ns].u_obj != mp_const_none) {
        to->duty = check_duty_ns(mp_obj_get_int(args[ARG_duty_ns].u_obj), to->freq);
        to->in_ns = true;
    } else if (to->in_ns) {
        (void)check_duty_ns(to->duty, to->freq);
    }
    if (args[ARG_invert].u_obj != mp_const_none) {
        to->invert = mp_obj_is_true(args[ARG_invert].u_obj);
    }
}

static void mp_machine_pwm_init_helper(machine_pwm_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    mp_arg_val_t args[MP_ARRAY_SIZE(pwm_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(pwm_args), pwm_args, args);
    machine_pwm_obj_t wanted = *self;
    if (!self->open) {
        wanted.freq = DEFAULT_FREQ;
        wanted.duty = 0;
        wanted.invert = wanted.in_ns = false;
    }
    parse_settings(&wanted, args);
    check_block(self);
    bool runs = self->open && self->invert == wanted.invert;
    claim(self);
    run_clock(self);
    wanted.open = true;
    *self = wanted;
    if (runs) {
        change(self);
    } else {
        start(self);
    }
}

static mp_obj_t mp_machine_pwm_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 1, true);
    uint32_t pin = machine_pin_get_id(args[0]);
    for (unsigned i = 0; i < MP_ARRAY_SIZE(objects); ++i) {
        if (objects[i].pin == pin) {
            mp_map_t kw_args;
            mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
            mp_machine_pwm_init_helper(&objects[i], 0, args + n_args, &kw_args);
            return MP_OBJ_FROM_PTR(&objects[i]);
        }
    }
    bind_raise_value(MP_ERROR_TEXT("GPIO%u has no PWM: GPIO12 or 18 (channel 0), GPIO13 or 19 (channel 1) have"),
        (unsigned)pin);
}

static void mp_machine_pwm_deinit(machine_pwm_obj_t *self) {
    if (self->open) {
        self->open = false;
        pwm_stop(soc_mmio(soc->pwm), self->channel);
        claims_release(owner_of(self));
    }
}

static mp_obj_t mp_machine_pwm_freq_get(machine_pwm_obj_t *self) {
    check_open(self);
    return mp_obj_new_int_from_uint(self->freq);
}

static void mp_machine_pwm_freq_set(machine_pwm_obj_t *self, mp_int_t freq) {
    check_open(self);
    uint32_t wanted = check_freq(freq);
    if (self->in_ns) {
        (void)check_duty_ns(self->duty, wanted);
    }
    self->freq = wanted;
    change(self);
}

static mp_obj_t mp_machine_pwm_duty_get_u16(machine_pwm_obj_t *self) {
    check_open(self);
    uint32_t duty = self->in_ns ? pwm_scale((uint64_t)self->duty * self->freq, FULL, NS_PER_SECOND) : self->duty;
    return MP_OBJ_NEW_SMALL_INT(duty);
}

static void mp_machine_pwm_duty_set_u16(machine_pwm_obj_t *self, mp_int_t duty_u16) {
    check_open(self);
    self->duty = check_duty_u16(duty_u16);
    self->in_ns = false;
    change(self);
}

static mp_obj_t mp_machine_pwm_duty_get_ns(machine_pwm_obj_t *self) {
    check_open(self);
    uint64_t whole = (uint64_t)FULL * self->freq;
    uint32_t duty = self->in_ns ? self->duty : pwm_scale(NS_PER_SECOND, self->duty, whole);
    return MP_OBJ_NEW_SMALL_INT(duty);
}

static void mp_machine_pwm_duty_set_ns(machine_pwm_obj_t *self, mp_int_t duty_ns) {
    check_open(self);
    self->duty = check_duty_ns(duty_ns, self->freq);
    self->in_ns = true;
    change(self);
}
