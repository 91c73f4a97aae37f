// SPDX-License-Identifier: MIT
// machine.I2C; see machine_i2c.h. Addresses, sizes and memory addresses are checked by guard/extmod/machine_i2c.c.

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "boot/soc.h"
#include "drivers/bsc.h"
#include "hooks.h"
#include "arguments.h"
#include "bus_pins.h"
#include "claims.h"
#include "machine_i2c.h"

#if MICROPY_PY_MACHINE_I2C

#define DEFAULT_HZ          (400000)
#define MAX_HZ              (1000000)
#define DEFAULT_TIMEOUT_US  (50000) // as that of SoftI2C
#define MAX_TIMEOUT_US      (1000000)
#define HELD_MAX            (32)    // bytes of a write without STOP
#define HALF_SECOND_US      (500000)
#define SMALL               (64)    // bytes of a transfer that need no memory of the heap

typedef struct _machine_i2c_obj_t {
    mp_obj_base_t base;
    bsc_t bsc;              // base 0: closed
    uint32_t hz;
    uint8_t id;
    const bus_pins_t *pins;
    // A write without STOP is held back until the read that follows: the block can only send both together.
    uint8_t held_size, held_device;
    uint8_t held[HELD_MAX];
} machine_i2c_obj_t;

// SDA, SCL. The first pair of a number is its default.
static const bus_pins_t pairs[] = {
    { 0, GPIO_ALT0, { 0, 1 } },
    { 1, GPIO_ALT0, { 2, 3 } },
    { 3, GPIO_ALT5, { 4, 5 } }, { 3, GPIO_ALT5, { 2, 3 } },
    { 4, GPIO_ALT5, { 8, 9 } }, { 4, GPIO_ALT5, { 6, 7 } },
    { 5, GPIO_ALT5, { 12, 13 } }, { 5, GPIO_ALT5, { 10, 11 } },
    { 6, GPIO_ALT5, { 22, 23 } }, { 6, GPIO_ALT5, { 0, 1 } },
};

static const bus_kind_t kind = {
    "I2C", CLAIMS_I2C, { "sda", "scl" }, 2, pairs, MP_ARRAY_SIZE(pairs),
};

static machine_i2c_obj_t objects[SOC_BUSES];

static claims_owner_t owner_of(const machine_i2c_obj_t *self) {
    return CLAIMS_OWNER(CLAIMS_I2C, self->id);
}

static void close(machine_i2c_obj_t *self) {
    if (self->bsc.base != 0) {
        bsc_stop(&self->bsc);
        self->bsc.base = 0;
        self->held_size = 0;
        claims_release(owner_of(self));
    }
}

void machine_i2c_deinit(void) {
    for (unsigned id = 0; id < SOC_BUSES; ++id) {
        close(&objects[id]);
    }
}

// --- configuration ---

enum { ARG_scl, ARG_sda, ARG_freq, ARG_timeout };

static const mp_arg_t init_args[] = {
    { MP_QSTR_scl, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_sda, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_HZ } },
    { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = DEFAULT_TIMEOUT_US } },
};

// In QEMU the latch is the level of the line, and nothing else.
static void connect(const machine_i2c_obj_t *self) {
    bus_pins_connect(&kind, self->pins);
    for (unsigned i = 0; i < kind.count; ++i) {
        gpio_write(&board_gpio, self->pins->gpio[i], true);
        gpio_set_pull(&board_gpio, self->pins->gpio[i], GPIO_PULL_UP);
    }
}

static void start(machine_i2c_obj_t *self, uint32_t core_hz, uint32_t hz, uint32_t timeout_us) {
    self->bsc = (bsc_t) {
        .base = soc_mmio(soc->i2c[self->id]), .timeout_us = timeout_us, .give_up = bind_is_interrupted,
    };
    self->hz = hz;
    self->held_size = 0;
    if (bsc_start(&self->bsc, core_hz, &self->hz) != BSC_OK) {
        close(self);
        bus_refuse_silent(kind.name, self->id);
    }
    connect(self);
}

// Changes nothing before all arguments are checked and the pins are claimed.
static void configure(machine_i2c_obj_t *self, const bus_pins_t *now, const mp_arg_val_t *args) {
    const mp_obj_t wanted[] = { args[ARG_sda].u_obj, args[ARG_scl].u_obj };
    const bus_pins_t *pins = bus_pins_find(&kind, self->id, wanted, now);
    uint32_t core_hz = board_core_clock();
    uint32_t least_hz = core_hz / BSC_MAX_DIVIDER + 1;
    arguments_check_range("freq", args[ARG_freq].u_int, least_hz, MAX_HZ);
    arguments_check_range("timeout", args[ARG_timeout].u_int, 1, MAX_TIMEOUT_US);
    bus_pins_claim(&kind, pins);
    self->pins = pins;
    start(self, core_hz, (uint32_t)args[ARG_freq].u_int, (uint32_t)args[ARG_timeout].u_int);
}

static void init(mp_obj_base_t *self_in, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(init_args), init_args, args);
    configure(self, self->pins, args);
}

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *pos_args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, true);
    unsigned id = bus_get_id(&kind, pos_args[0], soc->i2c);
    machine_i2c_obj_t *self = &objects[id];
    self->base.type = type;
    self->id = (uint8_t)id;
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_parse_all_kw_array(0, n_kw, pos_args + 1, MP_ARRAY_SIZE(init_args), init_args, args);
    configure(self, NULL, args);
    return MP_OBJ_FROM_PTR(self);
}

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t print_kind) {
    const machine_i2c_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)print_kind;
    if (self->bsc.base == 0) {
        mp_printf(print, "<I2C(%u) closed>", self->id);
    } else {
        mp_printf(print, "I2C(%u, scl=%u, sda=%u, freq=%u)", self->id, self->pins->gpio[1], self->pins->gpio[0],
            (unsigned)self->hz);
    }
}

static mp_obj_t deinit(mp_obj_t self_in) {
    close(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(machine_i2c_deinit_obj, deinit);

// --- transfers ---

static int errno_of(bsc_result_t result) {
    static const uint8_t errors[] = {
        [BSC_OK] = 0, [BSC_NACK] = MP_ENODEV, [BSC_TIMEOUT] = MP_ETIMEDOUT, [BSC_SHORT] = MP_EIO,
        [BSC_ABSENT] = MP_ENODEV, [BSC_GIVEN_UP] = MP_EINTR,
    };
    return errors[result];
}

// Returns the negative errno, or raises the OSError with its address, which scan() does not expect: it has no buffer.
static int fail(const machine_i2c_obj_t *self, uint16_t device, bool scans, bsc_result_t result) {
    if (result == BSC_NACK && !scans) {
        bind_raise_os(-MP_ENODEV, MP_ERROR_TEXT("no device at 0x%02x acknowledges on I2C(%u)"), device, self->id);
    }
    return -errno_of(result);
}

static size_t total(size_t n, const mp_machine_i2c_buf_t *bufs) {
    size_t size = 0;
    for (size_t i = 0; i < n; ++i) {
        size += bufs[i].len;
    }
    return size;
}

// Copies before a write and after a read: a buffer of Python may be in memory with a pager, whose pages must not be
// fetched while a device waits.
static void copy(uint8_t *whole, size_t n, const mp_machine_i2c_buf_t *bufs, bool in) {
    for (size_t i = 0; i < n; ++i) {
        memcpy(in ? bufs[i].buf : whole, in ? whole : bufs[i].buf, bufs[i].len);
        whole += bufs[i].len;
    }
}

// The block does not look at the lines before it starts: SDA that is held low would be an acknowledge to it, by devices
// of all addresses.
static bsc_result_t wait_for_lines(const machine_i2c_obj_t *self) {
    uint64_t deadline = timer_deadline_us(self->bsc.timeout_us);
    const uint8_t *lines = self->pins->gpio;
    while (!gpio_read(&board_gpio, lines[0]) || !gpio_read(&board_gpio, lines[1])) {
        if (bind_is_interrupted()) {
            return BSC_GIVEN_UP;
        }
        if (timer_expired(deadline)) {
            return BSC_TIMEOUT;
        }
    }
    return BSC_OK;
}

// bufs[0] of `first` bytes is written before the others are read; 0: all are written, or all are read.
static bsc_result_t run(const machine_i2c_obj_t *self, uint32_t device, bsc_bytes_t bytes, size_t first, bool in) {
    if (!in) {
        return bsc_write(&self->bsc, device, bytes);
    }
    bsc_bytes_t out = { bytes.data, first };
    bytes.data += first;
    bytes.size -= first;
    // The block cannot read zero bytes.
    return bytes.size == 0 ? bsc_write(&self->bsc, device, out) : bsc_write_read(&self->bsc, device, out, bytes);
}

static bsc_result_t move(const machine_i2c_obj_t *self, uint32_t device, bsc_bytes_t bytes, size_t first, bool in) {
    bsc_result_t result = wait_for_lines(self);
    if (result == BSC_OK) {
        result = run(self, device, bytes, first, in);
        if (result == BSC_TIMEOUT || result == BSC_GIVEN_UP) {
            bus_pins_send_stop(self->pins->gpio[0], self->pins->gpio[1], HALF_SECOND_US / self->hz + 1);
            connect(self);
        }
    }
    if (result == BSC_GIVEN_UP) {
        mp_handle_pending(true);
    }
    return result;
}

static void require_open(const machine_i2c_obj_t *self) {
    if (self->bsc.base == 0) {
        bind_raise_value(MP_ERROR_TEXT("I2C(%u) is closed"), self->id);
    }
}

static void __attribute__((noreturn)) refuse_no_stop(const machine_i2c_obj_t *self) {
    bind_raise_os(-MP_EOPNOTSUPP,
        MP_ERROR_TEXT("I2C(%u): stop=False is for a write of up to %d bytes before a read of its device"), self->id,
        HELD_MAX);
}

static int hold(machine_i2c_obj_t *self, uint16_t device, size_t n, const mp_machine_i2c_buf_t *bufs) {
    size_t size = total(n, bufs);
    if (size > HELD_MAX) {
        refuse_no_stop(self);
    }
    copy(self->held, n, bufs, false);
    self->held_size = (uint8_t)size;
    self->held_device = (uint8_t)device;
    return (int)size;
}

static int transfer(mp_obj_base_t *self_in, uint16_t device, size_t n, mp_machine_i2c_buf_t *bufs, unsigned flags) {
    machine_i2c_obj_t *self = (machine_i2c_obj_t *)self_in;
    require_open(self);
    bool in = flags & MP_MACHINE_I2C_FLAG_READ;
    size_t first = flags & MP_MACHINE_I2C_FLAG_WRITE1 ? bufs[0].len : 0;
    bool stop = flags & MP_MACHINE_I2C_FLAG_STOP; // the block ends each transfer with it
    size_t held = self->held_size;
    self->held_size = 0;
    if (stop ? held != 0 && (!in || first != 0 || device != self->held_device) : in || held != 0) {
        refuse_no_stop(self);
    }
    if (!stop) {
        return hold(self, device, n, bufs);
    }
    size_t size = held + total(n, bufs);
    if (size > BSC_MAX_SIZE) {
        bind_raise_value(MP_ERROR_TEXT("%lu bytes are more than the %d of one transfer"), size, BSC_MAX_SIZE);
    }
    uint8_t small[SMALL];
    uint8_t *whole = size <= SMALL ? small : m_new(uint8_t, size);
    memcpy(whole, self->held, held);
    copy(whole + held, in ? first != 0 : n, bufs, false);
    bsc_result_t result = move(self, device, (bsc_bytes_t) { whole, size }, held + first, in);
    if (in && result == BSC_OK) {
        copy(whole + held + first, n - (first != 0), bufs + (first != 0), true);
    }
    if (whole != small) {
        m_del(uint8_t, whole, size);
    }
    bool scans = n == 1 && bufs[0].buf == NULL;
    return result != BSC_OK ? fail(self, device, scans, result) : in ? 0 : (int)size;
}

static const mp_machine_i2c_p_t protocol = {
    .init = init,
    .transfer_supports_write1 = true,
    .transfer = transfer,
};

MP_DEFINE_CONST_OBJ_TYPE(
    machine_i2c_type,
    MP_QSTR_I2C,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    protocol, &protocol,
    locals_dict, &machine_i2c_locals
    );

#endif // MICROPY_PY_MACHINE_I2C
