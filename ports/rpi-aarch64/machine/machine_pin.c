// SPDX-License-Identifier: MIT
// machine.Pin; see machine_pin.h.

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "extmod/virtpin.h"

#include "boot/soc.h"
#include "claims.h"
#include "drivers/gpio_irq.h"
#include "drivers/gpio_pads.h"
#include "machine_pin.h"
#include "hooks.h"
#include "machine_pin_irq.h"

enum { MODE_IN, MODE_OUT, MODE_OPEN_DRAIN, MODE_ALT };

#define ALT_COUNT (6)

#define PIN(n) { { &machine_pin_type }, (n), false, false }
#define PINS_10(n) PIN(n), PIN(n + 1), PIN(n + 2), PIN(n + 3), PIN(n + 4), PIN(n + 5), PIN(n + 6), \
    PIN(n + 7), PIN(n + 8), PIN(n + 9)

const machine_pin_obj_t machine_pin_gpio[MACHINE_PIN_MAX] = {
    PINS_10(0), PINS_10(10), PINS_10(20), PINS_10(30), PINS_10(40),
    PIN(50), PIN(51), PIN(52), PIN(53), PIN(54), PIN(55), PIN(56), PIN(57),
};

// ALT0 to ALT5 as values of the function field.
static const uint8_t alt_functions[ALT_COUNT] = {
    GPIO_ALT0, GPIO_ALT1, GPIO_ALT2, GPIO_ALT3, GPIO_ALT4, GPIO_ALT5,
};

static uint64_t open_drain_pins;

bool machine_pin_is_open_drain(uint32_t id) {
    return open_drain_pins >> id & 1;
}

void machine_pin_set_open_drain(uint32_t id, bool open_drain) {
    open_drain_pins = (open_drain_pins & ~(1ull << id)) | (uint64_t)open_drain << id;
}

void machine_pin_deinit(void) {
    machine_pin_irq_deinit();
    claims_deinit();
    open_drain_pins = 0;
}

// --- finding pins ---

static const machine_pin_obj_t *object_of(int found) {
    return found < MACHINE_PIN_MAX ? &machine_pin_gpio[found] : &machine_pin_others[found - MACHINE_PIN_MAX];
}

static const machine_pin_obj_t *find_number(mp_obj_t number) {
    mp_int_t id;
    if (!mp_obj_get_int_maybe(number, &id)) {
        if (mp_obj_is_int(number)) {
            (void)mp_obj_get_int(number); // raises OverflowError
        }
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("a pin is a number, a name or a Pin, not %s"),
            mp_obj_get_type_str(number));
    }
    if (id < 0 || id >= (mp_int_t)board_gpio.count) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no pin %ld: there are 0 to %d"),
            (long)id, (int)board_gpio.count - 1);
    }
    return &machine_pin_gpio[id];
}

static const machine_pin_obj_t *find_pin(mp_obj_t pin) {
    if (board_gpio.base == 0) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("this machine has no pins"));
    }
    mp_obj_t native = mp_obj_cast_to_native_base(pin, MP_OBJ_FROM_PTR(&machine_pin_type));
    if (native != MP_OBJ_NULL) {
        return MP_OBJ_TO_PTR(native);
    }
    if (!mp_obj_is_str(pin)) {
        return find_number(pin);
    }
    size_t len;
    const char *name = mp_obj_str_get_data(pin, &len);
    bool whole = strlen(name) == len; // no name has a zero byte, and none ends at one
    int found = whole ? machine_pin_find_board_name(name) : -1;
    if (found < 0 && whole) {
        found = machine_pin_find_cpu_name(name);
    }
    if (found < 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("no pin named \"%s\" here: \"LED\", \"J8_3\" to \"J8_40\", \"GPIO0\" to \"GPIO%d\""), name,
            (int)board_gpio.count - 1);
    }
    return object_of(found);
}

uint32_t machine_pin_get_id(mp_obj_t pin) {
    const machine_pin_obj_t *self = find_pin(pin);
    if (self->expander) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("pin EXP%u is on the firmware's expander, not a GPIO"), self->id);
    }
    return self->id;
}

// --- levels and values ---

static void check_expander(const machine_pin_obj_t *self, mailbox_result_t result) {
    if (result != MAILBOX_OK) { // QEMU's model of the firmware has none
        bind_raise_os(result == MAILBOX_UNKNOWN ? -MP_EOPNOTSUPP : -MP_EIO,
            MP_ERROR_TEXT("the firmware does not know pin EXP%u"), self->id);
    }
}

static bool get_value(const machine_pin_obj_t *self) {
    bool high;
    if (self->expander) {
        check_expander(self, mailbox_get_expander(&board_mailbox, self->id, &high));
    } else {
        high = gpio_read(&board_gpio, self->id);
    }
    return high != self->active_low;
}

static void set_value(const machine_pin_obj_t *self, bool value) {
    bool high = value != self->active_low;
    if (self->expander) {
        check_expander(self, mailbox_set_expander(&board_mailbox, self->id, high));
        return;
    }
    claims_check_pin(self->id);
    if (machine_pin_is_open_drain(self->id)) {
        gpio_write(&board_gpio, self->id, false);
        gpio_set_function(&board_gpio, self->id, high ? GPIO_INPUT : GPIO_OUTPUT);
    } else {
        gpio_write(&board_gpio, self->id, high);
    }
}

// --- drive strength ---

// Checks that the pads of the pin can be asked, and returns the address of their block.
static uintptr_t pads_of(const machine_pin_obj_t *self) {
    if (gpio_pads_group(machine_pin_get_id(MP_OBJ_FROM_PTR(self))) == 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no drive strength of GPIO%u: only of GPIO0 to GPIO53"),
            self->id);
    }
    return soc->watchdog == 0 ? 0 : soc_mmio(soc->watchdog);
}

static void __attribute__((noreturn)) refuse_pads(void) {
    bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("the pads do not answer: no drive strength here"));
}

static uint32_t get_drive(mp_obj_t arg) {
    mp_int_t ma = mp_obj_get_int(arg);
    if (ma < GPIO_PADS_STEP_MA || ma > GPIO_PADS_MAX_MA || ma % GPIO_PADS_STEP_MA != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pin drive %ld mA is not 2, 4, 6, 8, 10, 12, 14 or 16"),
            (long)ma);
    }
    return (uint32_t)ma;
}

// The setting is that of a group. On the header all users share it; elsewhere nobody else may have a pin of the group.
static void set_drive(const machine_pin_obj_t *self, uint32_t ma) {
    uintptr_t base = pads_of(self);
    uint64_t group = gpio_pads_group(self->id);
    for (uint32_t pin = 0; (group & 1) == 0 && pin < MACHINE_PIN_MAX; ++pin) {
        if (group >> pin & 1) {
            claims_check_pin(pin);
        }
    }
    if (base == 0 || !gpio_pads_set_drive(base, self->id, ma)) {
        refuse_pads();
    }
}

// --- configuration ---

typedef struct _pin_settings_t {
    int mode;           // -1: unchanged
    gpio_pull_t pull;
    int value;          // -1: unchanged
    int alt;
    uint32_t drive;     // mA; 0: unchanged
} pin_settings_t;

enum { ARG_mode, ARG_pull, ARG_value, ARG_drive, ARG_alt };

static const mp_arg_t init_args[] = {
    { MP_QSTR_mode, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_pull, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_value, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_drive, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_alt, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
};

// Returns an integer argument, which must be in first..last, or `missing` if it is None.
static int get_choice(mp_obj_t arg, const char *what, int first, int last, int missing) {
    if (arg == mp_const_none) {
        return missing;
    }
    mp_int_t value = mp_obj_get_int(arg);
    if (value < first || value > last) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("pin %s %ld is not in %d to %d"), what, (long)value, first,
            last);
    }
    return (int)value;
}

static void parse_settings(pin_settings_t *settings, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(init_args), init_args, args);
    mp_obj_t value = args[ARG_value].u_obj;
    settings->mode = get_choice(args[ARG_mode].u_obj, "mode", MODE_IN, MODE_ALT, -1);
    settings->pull = (gpio_pull_t)get_choice(args[ARG_pull].u_obj, "pull", GPIO_PULL_UP,
        GPIO_PULL_DOWN, GPIO_PULL_NONE);
    settings->value = value == mp_const_none ? -1 : mp_obj_is_true(value);
    settings->alt = get_choice(args[ARG_alt].u_obj, "alt", 0, ALT_COUNT - 1, -1);
    if (settings->mode == MODE_ALT && settings->alt < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("Pin.ALT needs alt="));
    }
    settings->drive = args[ARG_drive].u_obj == mp_const_none ? 0 : get_drive(args[ARG_drive].u_obj);
}

static void configure_expander(const machine_pin_obj_t *self, const pin_settings_t *settings) {
    if (settings->mode > MODE_OUT || settings->mode == MODE_IN
        || settings->pull != GPIO_PULL_NONE || settings->drive != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("pin EXP%u can only be an output without pull and drive"), self->id);
    }
    if (settings->value >= 0) {
        set_value(self, settings->value);
    }
}

static void configure_gpio(const machine_pin_obj_t *self, const pin_settings_t *settings) {
    claims_check_pin(self->id);
    if (settings->drive != 0) {
        set_drive(self, settings->drive); // first, since it can fail
    }
    if (settings->mode >= 0) {
        machine_pin_set_open_drain(self->id, settings->mode == MODE_OPEN_DRAIN);
    }
    if (settings->mode == MODE_OPEN_DRAIN) {
        set_value(self, settings->value != 0); // released unless the value is 0
    } else if (settings->value >= 0) {
        set_value(self, settings->value); // before the direction, so that the pin does not glitch
    }
    if (settings->mode == MODE_IN) {
        gpio_set_function(&board_gpio, self->id, GPIO_INPUT);
    } else if (settings->mode == MODE_OUT) {
        gpio_set_function(&board_gpio, self->id, GPIO_OUTPUT);
    } else if (settings->mode == MODE_ALT) {
        gpio_set_function(&board_gpio, self->id, alt_functions[settings->alt]);
    }
    gpio_set_pull(&board_gpio, self->id, settings->pull);
}

static void init_pin(const machine_pin_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    pin_settings_t settings;
    parse_settings(&settings, n_args, pos_args, kw_args);
    if (self->expander) {
        configure_expander(self, &settings);
    } else {
        configure_gpio(self, &settings);
    }
}

// --- machine.Pin ---

static int alt_of_function(gpio_function_t function) {
    for (int alt = 0; alt < ALT_COUNT; ++alt) {
        if (alt_functions[alt] == function) {
            return alt;
        }
    }
    return -1;
}

static void machine_pin_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const char *low = self->active_low ? ", active low" : "";
    (void)kind;
    if (self->expander) {
        mp_printf(print, "Pin(EXP%u, mode=OUT%s)", self->id, low);
        return;
    }
    gpio_function_t function = gpio_function(&board_gpio, self->id);
    int alt = alt_of_function(function);
    if (alt >= 0) {
        mp_printf(print, "Pin(GPIO%u, mode=ALT, alt=ALT%d%s)", self->id, alt, low);
        return;
    }
    const char *mode = machine_pin_is_open_drain(self->id) ? "OPEN_DRAIN"
        : function == GPIO_OUTPUT ? "OUT" : "IN";
    mp_printf(print, "Pin(GPIO%u, mode=%s%s)", self->id, mode, low);
}

mp_obj_t mp_pin_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 3, true);
    const machine_pin_obj_t *self = find_pin(args[0]);
    if (n_args > 1 || n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        init_pin(self, n_args - 1, args + 1, &kw_args);
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t machine_pin_init(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    init_pin(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kw_args);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(machine_pin_init_obj, 1, machine_pin_init);

static mp_obj_t machine_pin_call(mp_obj_t self_in, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (n_args == 0) {
        return MP_OBJ_NEW_SMALL_INT(get_value(self));
    }
    set_value(self, mp_obj_is_true(args[0]));
    return mp_const_none;
}

static mp_obj_t machine_pin_value(size_t n_args, const mp_obj_t *args) {
    return machine_pin_call(args[0], n_args - 1, 0, args + 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pin_value_obj, 1, 2, machine_pin_value);

static mp_obj_t machine_pin_on(mp_obj_t self_in) {
    set_value(MP_OBJ_TO_PTR(self_in), true);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_pin_on_obj, machine_pin_on);

static mp_obj_t machine_pin_off(mp_obj_t self_in) {
    set_value(MP_OBJ_TO_PTR(self_in), false);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_pin_off_obj, machine_pin_off);

static mp_obj_t machine_pin_toggle(mp_obj_t self_in) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    set_value(self, !get_value(self));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(machine_pin_toggle_obj, machine_pin_toggle);

static mp_obj_t machine_pin_drive(size_t n_args, const mp_obj_t *args) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args == 2) {
        set_drive(self, get_drive(args[1]));
        return mp_const_none;
    }
    uintptr_t base = pads_of(self);
    uint32_t ma = base == 0 ? 0 : gpio_pads_drive(base, self->id);
    if (ma == 0) {
        refuse_pads();
    }
    return MP_OBJ_NEW_SMALL_INT(ma);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_pin_drive_obj, 1, 2, machine_pin_drive);

// Pin.board and Pin.cpu: name spaces.

static const mp_obj_base_t board_obj;

static mp_obj_t list_names(mp_obj_t self) {
    return machine_pin_list_names(self == MP_OBJ_FROM_PTR(&board_obj));
}
static MP_DEFINE_CONST_FUN_OBJ_1(list_names_obj, list_names);

static void names_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL || board_gpio.base == 0) {
        return;
    }
    if (attr == MP_QSTR___dir__) {
        dest[0] = MP_OBJ_FROM_PTR(&list_names_obj);
        dest[1] = self;
        return;
    }
    bool board = self == MP_OBJ_FROM_PTR(&board_obj);
    int found = (board ? machine_pin_find_board_name : machine_pin_find_cpu_name)(qstr_str(attr));
    if (found >= 0) {
        dest[0] = MP_OBJ_FROM_PTR(object_of(found));
    }
}

static MP_DEFINE_CONST_OBJ_TYPE(board_type, MP_QSTR_board, MP_TYPE_FLAG_NONE, attr, names_attr);
static MP_DEFINE_CONST_OBJ_TYPE(cpu_type, MP_QSTR_cpu, MP_TYPE_FLAG_NONE, attr, names_attr);

static const mp_obj_base_t board_obj = { &board_type };
static const mp_obj_base_t cpu_obj = { &cpu_type };

static const mp_rom_map_elem_t machine_pin_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&machine_pin_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&machine_pin_value_obj) },
    { MP_ROM_QSTR(MP_QSTR_on), MP_ROM_PTR(&machine_pin_on_obj) },
    { MP_ROM_QSTR(MP_QSTR_off), MP_ROM_PTR(&machine_pin_off_obj) },
    { MP_ROM_QSTR(MP_QSTR_high), MP_ROM_PTR(&machine_pin_on_obj) },
    { MP_ROM_QSTR(MP_QSTR_low), MP_ROM_PTR(&machine_pin_off_obj) },
    { MP_ROM_QSTR(MP_QSTR_toggle), MP_ROM_PTR(&machine_pin_toggle_obj) },
    { MP_ROM_QSTR(MP_QSTR_drive), MP_ROM_PTR(&machine_pin_drive_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&machine_pin_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_board), MP_ROM_PTR(&board_obj) },
    { MP_ROM_QSTR(MP_QSTR_cpu), MP_ROM_PTR(&cpu_obj) },
    { MP_ROM_QSTR(MP_QSTR_IN), MP_ROM_INT(MODE_IN) },
    { MP_ROM_QSTR(MP_QSTR_OUT), MP_ROM_INT(MODE_OUT) },
    { MP_ROM_QSTR(MP_QSTR_OPEN_DRAIN), MP_ROM_INT(MODE_OPEN_DRAIN) },
    { MP_ROM_QSTR(MP_QSTR_ALT), MP_ROM_INT(MODE_ALT) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_RISING), MP_ROM_INT(GPIO_IRQ_RISING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_FALLING), MP_ROM_INT(GPIO_IRQ_FALLING) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_LOW_LEVEL), MP_ROM_INT(GPIO_IRQ_LOW_LEVEL) },
    { MP_ROM_QSTR(MP_QSTR_IRQ_HIGH_LEVEL), MP_ROM_INT(GPIO_IRQ_HIGH_LEVEL) },
    { MP_ROM_QSTR(MP_QSTR_PULL_UP), MP_ROM_INT(GPIO_PULL_UP) },
    { MP_ROM_QSTR(MP_QSTR_PULL_DOWN), MP_ROM_INT(GPIO_PULL_DOWN) },
    { MP_ROM_QSTR(MP_QSTR_ALT0), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_ALT1), MP_ROM_INT(1) },
    { MP_ROM_QSTR(MP_QSTR_ALT2), MP_ROM_INT(2) },
    { MP_ROM_QSTR(MP_QSTR_ALT3), MP_ROM_INT(3) },
    { MP_ROM_QSTR(MP_QSTR_ALT4), MP_ROM_INT(4) },
    { MP_ROM_QSTR(MP_QSTR_ALT5), MP_ROM_INT(5) },
};
static MP_DEFINE_CONST_DICT(machine_pin_locals, machine_pin_locals_table);

static mp_uint_t machine_pin_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg,
    int *errcode) {
    const machine_pin_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)errcode;
    switch (request) {
        case MP_PIN_READ:
            return get_value(self);
        case MP_PIN_WRITE:
            set_value(self, arg != 0);
            return 0;
        default:
            return (mp_uint_t)-1;
    }
}

static const mp_pin_p_t machine_pin_protocol = {
    .ioctl = machine_pin_ioctl,
};

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pin_type,
    MP_QSTR_Pin,
    MP_TYPE_FLAG_NONE,
    make_new, mp_pin_make_new,
    print, machine_pin_print,
    call, machine_pin_call,
    protocol, &machine_pin_protocol,
    locals_dict, &machine_pin_locals
    );
