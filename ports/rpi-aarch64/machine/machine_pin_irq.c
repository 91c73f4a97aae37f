// SPDX-License-Identifier: MIT
// Pin.irq(); see machine_pin_irq.h.

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/mpirq.h"

#include "boot/soc.h"
#include "drivers/gpio_irq.h"
#include "callback.h"
#include "machine_pin.h"
#include "machine_pin_irq.h"

typedef struct _pin_irq_t {
    mp_irq_obj_t irq;
    callback_t callback;
    uint32_t triggers;
    uint32_t happened;
} pin_irq_t;

MP_REGISTER_ROOT_POINTER(struct _pin_irq_t *machine_pin_irqs[58]);

static gpio_irq_t events;
static bool started;

static const machine_pin_obj_t *pin_of(const pin_irq_t *self) {
    return MP_OBJ_TO_PTR(self->irq.parent);
}

static pin_irq_t *irq_of(mp_obj_t pin) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(pin);
    return MP_STATE_VM(machine_pin_irqs)[self->id];
}

// When more calls are due than may wait, the pin's interrupts are off until those have been made: a pin that
// interrupts without end would leave the thread no time to make them.
static bool happen(uint32_t pin, uint32_t happened) {
    pin_irq_t *self = MP_STATE_VM(machine_pin_irqs)[pin];
    if (self == NULL) {
        return false;
    }
    self->happened = happened;
    return callback_due(&self->callback, 1);
}

static void run(callback_t *callback) {
    pin_irq_t *self = (pin_irq_t *)((char *)callback - offsetof(pin_irq_t, callback));
    uint32_t pin = pin_of(self)->id;
    callback_call(self->irq.handler, self->irq.parent);
    if (callback->due == 0) {
        gpio_irq_rearm(&events, pin);
    }
}

static void set_triggers(pin_irq_t *self, uint32_t triggers) {
    uint32_t pin = pin_of(self)->id;
    gpio_irq_set(&events, pin, 0); // first: until then an interrupt makes another call due
    callback_cancel(&self->callback);
    gpio_irq_set(&events, pin, self->irq.handler == mp_const_none ? 0 : triggers);
    self->triggers = triggers;
}

void machine_pin_irq_deinit(void) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(MP_STATE_VM(machine_pin_irqs)); ++i) {
        pin_irq_t *self = MP_STATE_VM(machine_pin_irqs)[i];
        if (self != NULL) {
            set_triggers(self, 0);
            MP_STATE_VM(machine_pin_irqs)[i] = NULL;
        }
    }
}

// --- the object that irq() returns ---

static uint32_t check_triggers(mp_uint_t triggers) {
    if (triggers == 0 || triggers > GPIO_IRQ_ALL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no pin trigger %ld: the sum of some IRQ_ constants"),
            (long)triggers);
    }
    return (uint32_t)triggers;
}

static mp_uint_t irq_trigger(mp_obj_t pin, mp_uint_t triggers) {
    callback_check(mp_const_none, false);
    set_triggers(irq_of(pin), check_triggers(triggers));
    return 0;
}

static mp_uint_t irq_info(mp_obj_t pin, mp_uint_t what) {
    const pin_irq_t *self = irq_of(pin);
    if (self == NULL) {
        return 0; // after a soft reset has begun
    }
    return what == MP_IRQ_INFO_FLAGS ? self->happened : self->triggers;
}

static const mp_irq_methods_t irq_methods = { .trigger = irq_trigger, .info = irq_info };

// --- Pin.irq() ---

static pin_irq_t *get_irq(mp_obj_t pin) {
    pin_irq_t *self = irq_of(pin);
    if (!started) {
        gpio_irq_init(&events, &board_gpio, soc->gpio_irq, happen);
        started = true;
    }
    if (self == NULL) {
        self = m_new0(pin_irq_t, 1);
        mp_irq_init(&self->irq, &irq_methods, pin);
        self->callback.run = run;
        MP_STATE_VM(machine_pin_irqs)[((const machine_pin_obj_t *)MP_OBJ_TO_PTR(pin))->id] = self;
    }
    return self;
}

enum { ARG_handler, ARG_trigger, ARG_hard };

static mp_obj_t machine_pin_irq(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_handler, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_trigger, MP_ARG_INT, { .u_int = GPIO_IRQ_RISING | GPIO_IRQ_FALLING } },
        { MP_QSTR_hard, MP_ARG_BOOL, { .u_bool = false } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_check_num(n_args, kw_args->used, 1, 1 + MP_ARRAY_SIZE(allowed), true);
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    const machine_pin_obj_t *pin = MP_OBJ_TO_PTR(pos_args[0]);
    if (pin->expander) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pin EXP%u has no interrupts"), pin->id);
    }
    uint32_t triggers = check_triggers((mp_uint_t)args[ARG_trigger].u_int);
    callback_check(args[ARG_handler].u_obj, args[ARG_hard].u_bool);
    pin_irq_t *self = get_irq(pos_args[0]);
    if (n_args > 1 || kw_args->used != 0) {
        self->irq.parent = pos_args[0]; // the object that was used: two names of one pin are two objects
        self->irq.handler = args[ARG_handler].u_obj;
        set_triggers(self, triggers);
    }
    return MP_OBJ_FROM_PTR(self);
}
MP_DEFINE_CONST_FUN_OBJ_KW(machine_pin_irq_obj, 1, machine_pin_irq);
