// SPDX-License-Identifier: MIT
// SPI and SoftSPI: the fetched code does not check the byte that is sent while reading, sizes and rates, nor whether
// SoftSPI is closed, has a pin twice, or has pins that a block has.

#include "guard/guard.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "machine/arguments.h"

#if MICROPY_PY_MACHINE_SPI && MICROPY_PY_MACHINE_SOFTSPI // boards have both, or none

#define MAX_SIZE    (0xffffff)
#define MAX_HZ      (500000) // of SoftSPI: its delays are whole microseconds

static mp_obj_t mp_machine_spi_read(size_t n_args, const mp_obj_t *args);
static mp_obj_t mp_machine_spi_readinto(size_t n_args, const mp_obj_t *args);
static mp_obj_t mp_machine_soft_spi_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args);
static void mp_machine_soft_spi_init(mp_obj_base_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args);
static void mp_machine_soft_spi_transfer(mp_obj_base_t *self, size_t size, const uint8_t *out, uint8_t *in);
static mp_obj_t machine_spi_deinit(mp_obj_t self);

#define mp_machine_spi_read(...) fetched_mp_machine_spi_read(__VA_ARGS__)
#define mp_machine_spi_readinto(...) fetched_mp_machine_spi_readinto(__VA_ARGS__)
#define mp_machine_soft_spi_make_new(...) fetched_mp_machine_soft_spi_make_new(__VA_ARGS__)
#define mp_machine_soft_spi_init(...) fetched_mp_machine_soft_spi_init(__VA_ARGS__)
#define mp_machine_soft_spi_transfer(...) fetched_mp_machine_soft_spi_transfer(__VA_ARGS__)
#define machine_spi_deinit(...) fetched_machine_spi_deinit(__VA_ARGS__)
#include "extmod/machine_spi.c"
#undef mp_machine_spi_read
#undef mp_machine_spi_readinto
#undef mp_machine_soft_spi_make_new
#undef mp_machine_soft_spi_init
#undef mp_machine_soft_spi_transfer
#undef machine_spi_deinit

static mp_obj_t mp_machine_spi_read(size_t n_args, const mp_obj_t *args) {
    (void)arguments_get_int(args[1], "size", 0, MAX_SIZE);
    if (n_args == 3) {
        (void)arguments_get_int(args[2], "byte", 0, 0xff);
    }
    return fetched_mp_machine_spi_read(n_args, args);
}

static mp_obj_t mp_machine_spi_readinto(size_t n_args, const mp_obj_t *args) {
    if (n_args == 3) {
        (void)arguments_get_int(args[2], "byte", 0, 0xff);
    }
    return fetched_mp_machine_spi_readinto(n_args, args);
}

static void check_keyword(const mp_map_t *kw_args, qstr name, const char *text, mp_int_t least, mp_int_t most) {
    mp_map_elem_t *found = mp_map_lookup((mp_map_t *)kw_args, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    if (found != NULL) {
        (void)arguments_get_int(found->value, text, least, most);
    }
}

static uint32_t pin_of(const mp_map_t *kw_args, qstr name, uint32_t now) {
    mp_map_elem_t *found = mp_map_lookup((mp_map_t *)kw_args, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    return found != NULL ? mp_hal_get_pin_obj(found->value) : now;
}

static void check_pins(const mp_map_t *kw_args, const mp_soft_spi_obj_t *now) {
    uint32_t sck = pin_of(kw_args, MP_QSTR_sck, now->sck);
    uint32_t mosi = pin_of(kw_args, MP_QSTR_mosi, now->mosi);
    uint32_t miso = pin_of(kw_args, MP_QSTR_miso, now->miso);
    if (sck == mosi || sck == miso) { // MOSI and MISO on one pin are a loop
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("sck=%u is mosi or miso too"), (unsigned)sck);
    }
}

// args: rate, polarity, phase.
static void check_settings(size_t n_args, const mp_obj_t *args, const mp_map_t *kw_args) {
    mp_map_elem_t *rate = mp_map_lookup((mp_map_t *)kw_args, MP_OBJ_NEW_QSTR(MP_QSTR_baudrate), MP_MAP_LOOKUP);
    if (n_args != 0 || rate != NULL) {
        (void)arguments_get_int(n_args != 0 ? args[0] : rate->value, "baudrate", 1, MAX_HZ);
    }
    for (size_t i = 1; i < n_args; ++i) {
        (void)arguments_get_int(args[i], i == 1 ? "polarity" : "phase", 0, 1);
    }
    check_keyword(kw_args, MP_QSTR_polarity, "polarity", 0, 1);
    check_keyword(kw_args, MP_QSTR_phase, "phase", 0, 1);
    check_keyword(kw_args, MP_QSTR_bits, "bits", 8, 8);
    check_keyword(kw_args, MP_QSTR_firstbit, "firstbit", 0, 1);
}

#define CLOSED (UINT32_MAX) // in place of a delay

static void mp_machine_soft_spi_init(mp_obj_base_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    mp_soft_spi_obj_t *spi = &((mp_machine_soft_spi_obj_t *)self)->spi;
    mp_arg_check_num(1 + n_args, kw_args->used, 1, 4, true); // counted with the object, as Python does
    check_settings(n_args, args, kw_args);
    check_pins(kw_args, spi);
    if (spi->delay_half == CLOSED) {
        spi->delay_half = baudrate_to_delay_half(MAX_HZ);
    }
    fetched_mp_machine_soft_spi_init(self, n_args, args, kw_args);
}

static mp_obj_t mp_machine_soft_spi_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    static const mp_soft_spi_obj_t none = { .sck = MACHINE_PIN_MAX, .mosi = MACHINE_PIN_MAX + 1,
                                            .miso = MACHINE_PIN_MAX + 2 };
    mp_arg_check_num(n_args, n_kw, 0, 1, true);
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    check_settings(n_args, args, &kw_args);
    check_pins(&kw_args, &none);
    return fetched_mp_machine_soft_spi_make_new(type, n_args, n_kw, args);
}

static void mp_machine_soft_spi_transfer(mp_obj_base_t *self, size_t size, const uint8_t *out, uint8_t *in) {
    const mp_soft_spi_obj_t *spi = &((mp_machine_soft_spi_obj_t *)self)->spi;
    if (spi->delay_half == CLOSED) {
        mp_raise_ValueError(MP_ERROR_TEXT("SoftSPI is closed: init() opens it again"));
    }
    claims_check_pin(spi->sck);
    claims_check_pin(spi->mosi);
    claims_check_pin(spi->miso);
    fetched_mp_machine_soft_spi_transfer(self, size, out, in);
}

static mp_obj_t machine_spi_deinit(mp_obj_t self) {
    if (mp_obj_is_type(self, &mp_machine_soft_spi_type)) {
        ((mp_machine_soft_spi_obj_t *)MP_OBJ_TO_PTR(self))->spi.delay_half = CLOSED;
    }
    return fetched_machine_spi_deinit(self);
}

#endif
