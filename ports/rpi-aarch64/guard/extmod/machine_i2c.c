// SPDX-License-Identifier: MIT
// I2C and SoftI2C: the fetched code checks neither addresses (7 bits) nor memory addresses (`addrsize` bits), sizes and
// rates.

#include "guard/guard.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "machine/arguments.h"
#include "machine/bus_pins.h"
#include "hooks.h"
#include "machine/machine_i2c.h"

#if MICROPY_PY_MACHINE_I2C && MICROPY_PY_MACHINE_SOFTI2C // boards have both, or none

#define MAX_DEVICE  (0x7f)
#define MAX_SIZE    (0xffffff)
#define MAX_HZ      (500000)    // of SoftI2C: its delays are whole microseconds
#define MAX_TIMEOUT (10000000)

typedef mp_machine_soft_i2c_obj_t soft_t;

// Ctrl-C ends a transfer by software at once, with STOP.
static void delay(const soft_t *self, uint32_t us) {
    uint64_t deadline = timer_deadline_us(us);
    do {
        if (bind_is_interrupted()) {
            bus_pins_send_stop(self->sda, self->scl, self->us_delay);
            mp_handle_pending(true);
        }
    } while (!timer_expired(deadline));
}

static mp_obj_t machine_i2c_scan(mp_obj_t self);
static mp_obj_t machine_i2c_readfrom(size_t n_args, const mp_obj_t *args);
static mp_obj_t machine_i2c_readfrom_into(size_t n_args, const mp_obj_t *args);
static mp_obj_t machine_i2c_writeto(size_t n_args, const mp_obj_t *args);
static mp_obj_t machine_i2c_writevto(size_t n_args, const mp_obj_t *args);
static mp_obj_t machine_i2c_readfrom_mem(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
static mp_obj_t machine_i2c_readfrom_mem_into(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
static mp_obj_t machine_i2c_writeto_mem(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
static mp_obj_t mp_machine_soft_i2c_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args);
static void mp_machine_soft_i2c_init(mp_obj_base_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);

#define machine_i2c_scan(...) __attribute__((unused)) fetched_machine_i2c_scan(__VA_ARGS__)
#define machine_i2c_readfrom(...) fetched_machine_i2c_readfrom(__VA_ARGS__)
#define machine_i2c_readfrom_into(...) fetched_machine_i2c_readfrom_into(__VA_ARGS__)
#define machine_i2c_writeto(...) fetched_machine_i2c_writeto(__VA_ARGS__)
#define machine_i2c_writevto(...) fetched_machine_i2c_writevto(__VA_ARGS__)
#define machine_i2c_readfrom_mem(...) fetched_machine_i2c_readfrom_mem(__VA_ARGS__)
#define machine_i2c_readfrom_mem_into(...) fetched_machine_i2c_readfrom_mem_into(__VA_ARGS__)
#define machine_i2c_writeto_mem(...) fetched_machine_i2c_writeto_mem(__VA_ARGS__)
#define mp_machine_soft_i2c_make_new(...) fetched_mp_machine_soft_i2c_make_new(__VA_ARGS__)
#define mp_machine_soft_i2c_init(...) fetched_mp_machine_soft_i2c_init(__VA_ARGS__)
#define mp_hal_delay_us_fast(us) delay(self, us)
#include "extmod/machine_i2c.c"
#undef mp_hal_delay_us_fast
#undef machine_i2c_scan
#undef machine_i2c_readfrom
#undef machine_i2c_readfrom_into
#undef machine_i2c_writeto
#undef machine_i2c_writevto
#undef machine_i2c_readfrom_mem
#undef machine_i2c_readfrom_mem_into
#undef machine_i2c_writeto_mem
#undef mp_machine_soft_i2c_make_new
#undef mp_machine_soft_i2c_init

static void check_device(mp_obj_t device) {
    (void)arguments_get_int(device, "address", 0, MAX_DEVICE);
}

#define FIRST_ADDRESS (0x08) // lower ones, and those from END_ADDRESS on, are reserved (I2C specification)
#define END_ADDRESS   (0x78)

// A bus that stands still ends the scan: it would take its timeout for every address, and find none.
static mp_obj_t machine_i2c_scan(mp_obj_t self) {
    mp_obj_t found = mp_obj_new_list(0, NULL);
    for (uint16_t device = FIRST_ADDRESS; device < END_ADDRESS; ++device) {
        int result = mp_machine_i2c_writeto(MP_OBJ_TO_PTR(self), device, NULL, 0, true);
        if (result == 0) {
            mp_obj_list_append(found, MP_OBJ_NEW_SMALL_INT(device));
        } else if (result == -MP_ETIMEDOUT) {
            mp_raise_OSError(MP_ETIMEDOUT);
        }
        mp_event_handle_nowait();
    }
    return found;
}

static mp_obj_t machine_i2c_readfrom(size_t n_args, const mp_obj_t *args) {
    check_device(args[1]);
    (void)arguments_get_int(args[2], "size", 0, MAX_SIZE);
    return fetched_machine_i2c_readfrom(n_args, args);
}

static mp_obj_t machine_i2c_readfrom_into(size_t n_args, const mp_obj_t *args) {
    check_device(args[1]);
    return fetched_machine_i2c_readfrom_into(n_args, args);
}

static mp_obj_t machine_i2c_writeto(size_t n_args, const mp_obj_t *args) {
    check_device(args[1]);
    return fetched_machine_i2c_writeto(n_args, args);
}

static mp_obj_t machine_i2c_writevto(size_t n_args, const mp_obj_t *args) {
    check_device(args[1]);
    return fetched_machine_i2c_writevto(n_args, args);
}

// Returns the bytes to read or write.
static mp_obj_t check_mem(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_addr, ARG_memaddr, ARG_data, ARG_addrsize };
    mp_arg_val_t args[MP_ARRAY_SIZE(machine_i2c_mem_allowed_args)];
    bool few = n_args + kw_args->used < 1 + ARG_addrsize; // counted before the values are checked
    mp_arg_check_num(n_args, kw_args->used, few ? 1 + ARG_addrsize : 1, 1 + ARG_addrsize, true);
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(machine_i2c_mem_allowed_args),
        machine_i2c_mem_allowed_args, args);
    mp_int_t bits = args[ARG_addrsize].u_int;
    if (bits < 0 || bits > 32 || bits % 8 != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("addrsize %ld is not 0, 8, 16, 24 or 32"), (long)bits);
    }
    arguments_check_range("address", args[ARG_addr].u_int, 0, MAX_DEVICE);
    arguments_check_range("memaddr", args[ARG_memaddr].u_int, 0, (1l << bits) - 1);
    return args[ARG_data].u_obj;
}

static mp_obj_t machine_i2c_readfrom_mem(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    (void)arguments_get_int(check_mem(n_args, args, kw_args), "size", 0, MAX_SIZE);
    return fetched_machine_i2c_readfrom_mem(n_args, args, kw_args);
}

static mp_obj_t machine_i2c_readfrom_mem_into(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    (void)check_mem(n_args, args, kw_args);
    return fetched_machine_i2c_readfrom_mem_into(n_args, args, kw_args);
}

static mp_obj_t machine_i2c_writeto_mem(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    (void)check_mem(n_args, args, kw_args);
    return fetched_machine_i2c_writeto_mem(n_args, args, kw_args);
}

// As in the fetched file, with deinit(), which this release has only for SPI.
static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&machine_i2c_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&machine_i2c_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_scan), MP_ROM_PTR(&machine_i2c_scan_obj) },
    { MP_ROM_QSTR(MP_QSTR_readfrom), MP_ROM_PTR(&machine_i2c_readfrom_obj) },
    { MP_ROM_QSTR(MP_QSTR_readfrom_into), MP_ROM_PTR(&machine_i2c_readfrom_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeto), MP_ROM_PTR(&machine_i2c_writeto_obj) },
    { MP_ROM_QSTR(MP_QSTR_writevto), MP_ROM_PTR(&machine_i2c_writevto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readfrom_mem), MP_ROM_PTR(&machine_i2c_readfrom_mem_obj) },
    { MP_ROM_QSTR(MP_QSTR_readfrom_mem_into), MP_ROM_PTR(&machine_i2c_readfrom_mem_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeto_mem), MP_ROM_PTR(&machine_i2c_writeto_mem_obj) },
};
MP_DEFINE_CONST_DICT(machine_i2c_locals, locals_table);

static void check_keyword(mp_map_t *kw_args, qstr name, const char *text, mp_int_t most) {
    mp_map_elem_t *found = mp_map_lookup(kw_args, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    if (found != NULL) {
        (void)arguments_get_int(found->value, text, 1, most);
    }
}

static mp_obj_t given(size_t n_args, const mp_obj_t *args, size_t at, mp_map_t *kw_args, qstr name) {
    mp_map_elem_t *found = mp_map_lookup(kw_args, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    return n_args > at ? args[at] : found != NULL ? found->value : MP_OBJ_NULL;
}

static void check_settings(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    mp_obj_t scl = given(n_args, args, 0, kw_args, MP_QSTR_scl);
    mp_obj_t sda = given(n_args, args, 1, kw_args, MP_QSTR_sda);
    if (scl != MP_OBJ_NULL && sda != MP_OBJ_NULL && mp_hal_get_pin_obj(scl) == mp_hal_get_pin_obj(sda)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("scl and sda are both GPIO%u"),
            (unsigned)mp_hal_get_pin_obj(scl));
    }
    check_keyword(kw_args, MP_QSTR_freq, "freq", MAX_HZ);
    check_keyword(kw_args, MP_QSTR_timeout, "timeout", MAX_TIMEOUT);
}

static void mp_machine_soft_i2c_init(mp_obj_base_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    mp_arg_check_num(1 + n_args, kw_args->used, 1, 3, true); // counted with the object, as Python does
    check_settings(n_args, args, kw_args);
    fetched_mp_machine_soft_i2c_init(self, n_args, args, kw_args);
}

static mp_obj_t mp_machine_soft_i2c_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_arg_check_num(n_args, n_kw, 0, 2, true);
    check_settings(n_args, args, &kw_args);
    return fetched_mp_machine_soft_i2c_make_new(type, n_args, n_kw, args);
}

#endif
