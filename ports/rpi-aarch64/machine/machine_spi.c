// SPDX-License-Identifier: MIT
// machine.SPI; see machine_spi.h. The methods that read and write are MicroPython's (guard/extmod/machine_spi.c).

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"

#include "boot/soc.h"
#include "drivers/aux_spi.h"
#include "drivers/spi0.h"
#include "hooks.h"
#include "arguments.h"
#include "bus_pins.h"
#include "claims.h"
#include "machine_spi.h"

#if MICROPY_PY_MACHINE_SPI

#define DEFAULT_HZ  (1000000)
#define AUX         (1)     // number of the bus in the auxiliary block
#define PIECE       (256)   // bytes that are copied at once

typedef struct _machine_spi_obj_t {
    mp_obj_base_t base;
    union {
        spi0_t spi0;
        aux_spi_t aux;      // of number 1
    };
    spi_mode_t mode;
    uint8_t id;
    bool open;
    const bus_pins_t *pins;
} machine_spi_obj_t;

// SCK, MOSI, MISO.
static const bus_pins_t triples[] = {
    { 0, GPIO_ALT0, { 11, 10, 9 } },
    { 1, GPIO_ALT4, { 21, 20, 19 } },
    { 3, GPIO_ALT3, { 3, 2, 1 } },
    { 4, GPIO_ALT3, { 7, 6, 5 } },
    { 5, GPIO_ALT3, { 15, 14, 13 } },
    { 6, GPIO_ALT3, { 21, 20, 19 } },
};

static const bus_kind_t kind = {
    "SPI", CLAIMS_SPI, { "sck", "mosi", "miso" }, 3, triples, MP_ARRAY_SIZE(triples),
};

static machine_spi_obj_t objects[SOC_BUSES];

static void stop(const machine_spi_obj_t *self) {
    if (self->id == AUX) {
        aux_spi_stop(&self->aux);
    } else {
        spi0_stop(&self->spi0);
    }
}

static void close(mp_obj_base_t *self_in) {
    machine_spi_obj_t *self = (machine_spi_obj_t *)self_in;
    if (self->open) {
        stop(self);
        self->open = false;
        claims_release(CLAIMS_OWNER(CLAIMS_SPI, self->id));
    }
}

void machine_spi_deinit(void) {
    for (unsigned id = 0; id < SOC_BUSES; ++id) {
        close(&objects[id].base);
    }
}

// --- configuration ---

enum { ARG_baudrate, ARG_polarity, ARG_phase, ARG_bits, ARG_firstbit, ARG_sck, ARG_mosi, ARG_miso };

static const mp_arg_t init_args[] = {
    { MP_QSTR_baudrate, MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } }, // unchanged, as the next two
    { MP_QSTR_polarity, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_phase, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_bits, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 8 } },
    { MP_QSTR_firstbit, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = MICROPY_PY_MACHINE_SPI_MSB } },
    { MP_QSTR_sck, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_mosi, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_miso, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
};

// Raises ValueError for settings that the block does not support; stores the others in *mode.
static void read_mode(const mp_arg_val_t *args, unsigned id, uint32_t core_hz, spi_mode_t *mode) {
    uint32_t least = core_hz / (id == AUX ? AUX_SPI_MAX_DIVIDER : SPI0_MAX_DIVIDER) + 1;
    arguments_check_range("bits", args[ARG_bits].u_int, 8, 8);
    arguments_check_range("firstbit", args[ARG_firstbit].u_int, MICROPY_PY_MACHINE_SPI_MSB, MICROPY_PY_MACHINE_SPI_MSB);
    if (args[ARG_baudrate].u_obj != MP_OBJ_NULL) {
        mode->hz = (uint32_t)arguments_get_int(args[ARG_baudrate].u_obj, "baudrate", least, core_hz / SPI0_MIN_DIVIDER);
    }
    if (args[ARG_polarity].u_obj != MP_OBJ_NULL) {
        mode->polarity = arguments_get_int(args[ARG_polarity].u_obj, "polarity", 0, 1) != 0;
    }
    if (args[ARG_phase].u_obj != MP_OBJ_NULL) {
        mode->phase = arguments_get_int(args[ARG_phase].u_obj, "phase", 0, id == AUX ? 0 : 1) != 0;
    }
}

static void start(machine_spi_obj_t *self, uint32_t core_hz) {
    uintptr_t base = soc_mmio(soc->spi[self->id]);
    spi_result_t result;
    if (self->id == AUX) {
        self->aux.base = base;
        result = aux_spi_start(&self->aux, core_hz, &self->mode);
    } else {
        self->spi0.base = base;
        result = spi0_start(&self->spi0, core_hz, &self->mode);
    }
    self->open = true;
    if (result != SPI_OK) {
        close(&self->base);
        bus_refuse_silent(kind.name, self->id);
    }
    bus_pins_connect(&kind, self->pins);
}

// Changes nothing before all arguments are checked and the pins are claimed.
static void configure(machine_spi_obj_t *self, spi_mode_t mode, const bus_pins_t *now, const mp_arg_val_t *args) {
    const mp_obj_t wanted[] = { args[ARG_sck].u_obj, args[ARG_mosi].u_obj, args[ARG_miso].u_obj };
    const bus_pins_t *pins = bus_pins_find(&kind, self->id, wanted, now);
    uint32_t core_hz = board_core_clock();
    read_mode(args, self->id, core_hz, &mode);
    bus_pins_claim(&kind, pins);
    self->pins = pins;
    self->mode = mode;
    start(self, core_hz);
}

static void init(mp_obj_base_t *self_in, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    machine_spi_obj_t *self = (machine_spi_obj_t *)self_in;
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_check_num(1 + n_args, kw_args->used, 1, 2, true); // counted with the object, as Python does
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(init_args), init_args, args);
    configure(self, self->mode, self->pins, args);
}

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *pos_args) {
    mp_arg_check_num(n_args, n_kw, 1, 2, true);
    unsigned id = bus_get_id(&kind, pos_args[0], soc->spi);
    machine_spi_obj_t *self = &objects[id];
    self->base.type = type;
    self->id = (uint8_t)id;
    mp_arg_val_t args[MP_ARRAY_SIZE(init_args)];
    mp_arg_parse_all_kw_array(n_args - 1, n_kw, pos_args + 1, MP_ARRAY_SIZE(init_args), init_args, args);
    configure(self, (spi_mode_t) { .hz = DEFAULT_HZ }, NULL, args);
    return MP_OBJ_FROM_PTR(self);
}

static void print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t print_kind) {
    const machine_spi_obj_t *self = MP_OBJ_TO_PTR(self_in);
    (void)print_kind;
    if (!self->open) {
        mp_printf(print, "<SPI(%u) closed>", self->id);
        return;
    }
    const uint8_t *gpio = self->pins->gpio;
    mp_printf(print, "SPI(%u, baudrate=%u, polarity=%u, phase=%u, sck=%u, mosi=%u, miso=%u)", self->id,
        (unsigned)self->mode.hz, self->mode.polarity, self->mode.phase, gpio[0], gpio[1], gpio[2]);
}

// --- transfers ---

static spi_result_t move(const machine_spi_obj_t *self, uint8_t *piece, size_t size) {
    return self->id == AUX ? aux_spi_transfer(&self->aux, piece, piece, size)
        : spi0_transfer(&self->spi0, piece, piece, size);
}

static void require_open(const machine_spi_obj_t *self) {
    if (!self->open) {
        bind_raise_value(MP_ERROR_TEXT("SPI(%u) is closed"), self->id);
    }
}

// In pieces, through a copy: a buffer of Python may be in memory with a pager, whose pages must not be fetched during a
// transfer. The clock pauses between pieces, which the protocol allows.
static void transfer(mp_obj_base_t *self_in, size_t size, const uint8_t *out, uint8_t *in) {
    const machine_spi_obj_t *self = (machine_spi_obj_t *)self_in;
    require_open(self);
    uint8_t piece[PIECE];
    for (size_t done = 0; done < size; done += PIECE) {
        size_t count = size - done < PIECE ? size - done : PIECE;
        memcpy(piece, out + done, count);
        require_open(self); // a pager of that memory may have closed it
        bind_raise_interrupt();
        if (move(self, piece, count) != SPI_OK) {
            mp_raise_OSError(MP_ETIMEDOUT);
        }
        if (in != NULL) {
            memcpy(in + done, piece, count);
        }
    }
}

static const mp_machine_spi_p_t protocol = {
    .init = init,
    .deinit = close,
    .transfer = transfer,
};

MP_DEFINE_CONST_OBJ_TYPE(
    machine_spi_type,
    MP_QSTR_SPI,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    print, print,
    protocol, &protocol,
    locals_dict, &mp_machine_spi_locals_dict
    );

#endif // MICROPY_PY_MACHINE_SPI
