// SPDX-License-Identifier: MIT
// machine.UART: the port's part, included by extmod/machine_uart.c. The interrupt handler receives into a ring; the
// thread writes to the FIFO of the transmitter, and waits while it is full.

#include "py/mperrno.h"
#include "py/mphal.h"

#include "boot/soc.h"
#include "arguments.h"
#include "bus_pins.h"
#include "callback.h"
#include "claims.h"
#include "hooks.h"
#include "machine_pin.h"
#include "machine_uart.h"
#include "uart_line.h"

#define IRQ_RX          (1)
#define DEFAULT_BAUD    (115200)
#define DEFAULT_RXBUF   (256)
#define MIN_RXBUF       (32)
#define MAX_RXBUF       (65536)
#define MAX_TIMEOUT_MS  (86400000)
#define FRAME_BITS      (12)    // of the longest frame
#define QUIET_BITS      (44)    // PL011 reports bytes below its FIFO's level after 32 bits without one
#define BREAK_BITS      (2 * FRAME_BITS)
#define FIFO_FRAMES     (64)    // more than a transmitter holds
#define SLACK_MS        (10)

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS { MP_ROM_QSTR(MP_QSTR_IRQ_RX), MP_ROM_INT(IRQ_RX) },

typedef struct _uart_settings_t {
    uart_format_t format;
    const bus_pins_t *pins;
    uint32_t rxbuf;
    uint32_t timeout;       // ms until the first byte
    uint32_t timeout_char;  // ms until a further one
} uart_settings_t;

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uart_line_t line;
    uart_settings_t settings;
    callback_t callback;
    bool calls;     // a handler is registered
};

// TX, RX. The first pair of a UART is its default (BCM2835 and BCM2711 ARM Peripherals, "Alternative Function
// Assignments").
static const bus_pins_t pin_pairs[] = {
    { 1, GPIO_ALT5, { 32, 33 } }, { 1, GPIO_ALT5, { 14, 15 } },
    { 2, GPIO_ALT4, { 0, 1 } },
    { 3, GPIO_ALT4, { 4, 5 } },
    { 4, GPIO_ALT4, { 8, 9 } },
    { 5, GPIO_ALT4, { 12, 13 } },
};

static const bus_kind_t kind = {
    "UART", CLAIMS_UART, { "tx", "rx" }, 2, pin_pairs, MP_ARRAY_SIZE(pin_pairs),
};

static machine_uart_obj_t objects[] = {
    {{&machine_uart_type}, {1}}, {{&machine_uart_type}, {2}}, {{&machine_uart_type}, {3}},
    {{&machine_uart_type}, {4}}, {{&machine_uart_type}, {5}},
};

// Used by interrupt handlers: the collector must keep them.
MP_REGISTER_ROOT_POINTER(uint8_t * machine_uart_rings[5]);
MP_REGISTER_ROOT_POINTER(mp_obj_t machine_uart_irqs[5]);

static unsigned index_of(const machine_uart_obj_t *self) {
    return self->line.id - UART_LINE_FIRST;
}

static claims_owner_t owner_of(const machine_uart_obj_t *self) {
    return CLAIMS_OWNER(CLAIMS_UART, self->line.id);
}

static void check_open(const machine_uart_obj_t *self) {
    if (!self->line.open) {
        bind_raise_value(MP_ERROR_TEXT("UART(%u) is closed: init() opens it again"), self->line.id);
    }
}

// The time that `bits` take on the line, rounded up.
static uint32_t bits_ms(const machine_uart_obj_t *self, uint32_t bits) {
    return bits * 1000 / self->settings.format.baud + 1;
}

// --- settings ---

#define POSITIONAL (4)

enum { ARG_baudrate, ARG_bits, ARG_parity, ARG_stop, ARG_tx, ARG_rx, ARG_rxbuf, ARG_timeout, ARG_timeout_char };

// What is not given stays as it is. None for `parity`: no parity.
static const mp_arg_t uart_args[] = {
    { MP_QSTR_baudrate, MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_bits, MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_parity, MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_stop, MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_tx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_rx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
    { MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
};

static uint32_t choose(const mp_arg_val_t *arg, const char *what, uint32_t before, mp_int_t least, mp_int_t most) {
    return arg->u_obj == MP_OBJ_NULL ? before : (uint32_t)arguments_get_int(arg->u_obj, what, least, most);
}

static int8_t choose_parity(mp_obj_t arg, int8_t before, bool mini) {
    if (arg == MP_OBJ_NULL || arg == mp_const_none) {
        return arg == MP_OBJ_NULL ? before : -1;
    }
    mp_int_t parity = mp_obj_get_int(arg);
    if (parity < 0 || parity > 1 || mini) {
        bind_raise_value(MP_ERROR_TEXT("parity %ld is not None%s"), (long)parity,
            mini ? ", all that UART(1) has" : ", 0 (even) or 1 (odd)");
    }
    return (int8_t)parity;
}

static uint32_t choose_rxbuf(const mp_arg_val_t *arg, uint32_t before) {
    uint32_t wanted = choose(arg, "rxbuf", before, MIN_RXBUF, MAX_RXBUF);
    uint32_t size = MIN_RXBUF;
    while (size < wanted) {
        size *= 2;
    }
    return size;
}

static void check_rate(unsigned id, uint32_t baud) {
    uint32_t clock = uart_line_clock(id);
    if (!uart_line_has_rate(id, clock, baud)) {
        bind_raise_value(MP_ERROR_TEXT("UART(%u) cannot make baudrate %u from its clock of %u Hz"), id, (unsigned)baud,
            (unsigned)clock);
    }
}

static void parse_settings(const machine_uart_obj_t *self, const mp_arg_val_t *args, uart_settings_t *to) {
    bool mini = self->line.id == UART_LINE_MINI;
    uart_format_t *format = &to->format;
    format->baud = choose(&args[ARG_baudrate], "baudrate", format->baud, 1, UINT32_MAX);
    format->bits = (uint8_t)choose(&args[ARG_bits], "bits", format->bits, mini ? 7 : 5, 8);
    format->parity = choose_parity(args[ARG_parity].u_obj, format->parity, mini);
    format->stop = (uint8_t)choose(&args[ARG_stop], "stop", format->stop, 1, mini ? 1 : 2);
    const mp_obj_t pins[] = { args[ARG_tx].u_obj, args[ARG_rx].u_obj };
    to->pins = bus_pins_find(&kind, self->line.id, pins, to->pins);
    to->rxbuf = choose_rxbuf(&args[ARG_rxbuf], to->rxbuf);
    to->timeout = choose(&args[ARG_timeout], "timeout", to->timeout, 0, MAX_TIMEOUT_MS);
    to->timeout_char = choose(&args[ARG_timeout_char], "timeout_char", to->timeout_char, 0, MAX_TIMEOUT_MS);
    check_rate(self->line.id, format->baud);
}

// --- open and closed ---

// In an interrupt. Only one call is due at a time: the function that it calls reads all received bytes.
static bool byte_came(void *arg, uint8_t byte) {
    machine_uart_obj_t *self = (machine_uart_obj_t *)((char *)arg - offsetof(machine_uart_obj_t, line));
    (void)byte;
    if (self->calls && self->callback.due == 0) {
        (void)callback_due(&self->callback, 1);
    }
    return false;
}

static void check_there(const machine_uart_obj_t *self) {
    if (!self->line.open && !uart_line_answers(self->line.id)) {
        bus_refuse_silent(kind.name, self->line.id);
    }
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    static const uart_settings_t defaults = {{DEFAULT_BAUD, 8, -1, 1}, NULL, DEFAULT_RXBUF, 0, 0};
    mp_arg_val_t args[MP_ARRAY_SIZE(uart_args)];
    if (n_args > POSITIONAL) { // before any is converted
        mp_raise_TypeError(MP_ERROR_TEXT("extra positional arguments given"));
    }
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(uart_args), uart_args, args);
    uart_settings_t wanted = self->line.open ? self->settings : defaults;
    parse_settings(self, args, &wanted);
    check_there(self);
    uint8_t *data = m_new(uint8_t, wanted.rxbuf);
    bus_pins_claim(&kind, wanted.pins);
    if (self->line.open) {
        uart_line_close(&self->line);
    }
    MP_STATE_PORT(machine_uart_rings)[index_of(self)] = data;
    self->settings = wanted;
    gpio_set_pull(&board_gpio, wanted.pins->gpio[0], GPIO_PULL_NONE);
    gpio_set_pull(&board_gpio, wanted.pins->gpio[1], GPIO_PULL_UP);
    bus_pins_connect(&kind, wanted.pins);
    uart_line_open(&self->line, &wanted.format, data, wanted.rxbuf, byte_came);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 1 + POSITIONAL, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id == 0) {
        bind_raise_os(-MP_EBUSY, MP_ERROR_TEXT("UART(0) is the console: sys.stdin and sys.stdout"));
    }
    if (id < UART_LINE_FIRST || id >= UART_LINE_END || !uart_line_is_known((unsigned)id)) {
        bind_raise_value(MP_ERROR_TEXT("no UART(%ld) here: there %s"), (long)id,
            soc->uart2 != 0 ? "are 1 to 5" : "is 1");
    }
    machine_uart_obj_t *self = &objects[id - UART_LINE_FIRST];
    if (!self->line.open || n_args > 1 || n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw_args);
    }
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    if (self->line.open) {
        uart_line_close(&self->line);
        self->calls = false;
        callback_cancel(&self->callback);
        claims_release(owner_of(self));
        MP_STATE_PORT(machine_uart_rings)[index_of(self)] = NULL;
    }
}

void machine_uart_deinit_all(void) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(objects); ++i) {
        mp_machine_uart_deinit(&objects[i]);
        MP_STATE_PORT(machine_uart_irqs)[i] = MP_OBJ_NULL;
    }
}

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    const machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const uart_settings_t *s = &self->settings;
    static const char *const parities[] = { "None", "0", "1" };
    (void)kind;
    if (!self->line.open) {
        mp_printf(print, "UART(%u, closed)", self->line.id);
        return;
    }
    mp_printf(print, "UART(%u, baudrate=%u, bits=%u, parity=%s, stop=%u, tx=%u, rx=%u, rxbuf=%u, timeout=%u, "
        "timeout_char=%u)", self->line.id, (unsigned)s->format.baud, s->format.bits, parities[s->format.parity + 1],
        s->format.stop, s->pins->gpio[0], s->pins->gpio[1], (unsigned)s->rxbuf, (unsigned)s->timeout,
        (unsigned)s->timeout_char);
}

// --- bytes ---

// Waits for a condition without an interrupt; scheduled functions run meanwhile.
static bool wait_for(const machine_uart_obj_t *self, bool (*ready)(const uart_line_t *), uint32_t bits) {
    uint64_t deadline = timer_deadline_us((uint64_t)(bits_ms(self, bits) + SLACK_MS) * 1000);
    while (!ready(&self->line)) {
        if (timer_expired(deadline)) {
            return ready(&self->line);
        }
        mp_event_handle_nowait();
        check_open(self);
    }
    return true;
}

// Returns the next byte, or -1 if none arrives in time.
static int next_byte(machine_uart_obj_t *self, uint32_t ms) {
    uint64_t deadline = timer_deadline_us((uint64_t)ms * 1000);
    for (;;) {
        bind_raise_interrupt();
        check_open(self); // a scheduled function may have closed it
        int byte = uart_line_get(&self->line);
        if (byte >= 0 || timer_expired(deadline)) {
            return byte;
        }
        mp_event_wait_ms(1);
    }
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    check_open(self);
    return uart_line_count(&self->line);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    check_open(self);
    return uart_line_is_idle(&self->line);
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *buf = buf_in;
    check_open(self);
    uint32_t further = MAX(self->settings.timeout_char, bits_ms(self, QUIET_BITS));
    mp_uint_t count = 0;
    for (; count < size; ++count) {
        int byte = next_byte(self, count == 0 ? self->settings.timeout : further);
        if (byte < 0) {
            break;
        }
        buf[count] = (uint8_t)byte;
    }
    if (count == 0 && size != 0) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const uint8_t *buf = buf_in;
    check_open(self);
    for (mp_uint_t count = 0; count < size; ++count) {
        uint8_t byte = buf[count];
        bind_raise_interrupt();
        if (!wait_for(self, uart_line_has_room, 4 * FRAME_BITS)) {
            *errcode = MP_ETIMEDOUT;
            return count != 0 ? count : MP_STREAM_ERROR;
        }
        (void)uart_line_try_put(&self->line, byte);
    }
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL && !self->line.open) {
        return MP_STREAM_POLL_NVAL; // an exception would end the loop of asyncio, not the task
    }
    check_open(self);
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = (arg & MP_STREAM_POLL_RD) && uart_line_count(&self->line) != 0 ? MP_STREAM_POLL_RD : 0;
        return ready | ((arg & MP_STREAM_POLL_WR) && uart_line_has_room(&self->line) ? MP_STREAM_POLL_WR : 0);
    }
    if (request == MP_STREAM_FLUSH) {
        if (wait_for(self, uart_line_is_idle, FIFO_FRAMES * FRAME_BITS)) {
            return 0;
        }
        *errcode = MP_ETIMEDOUT;
        return MP_STREAM_ERROR;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static void mp_machine_uart_sendbreak(machine_uart_obj_t *self) {
    check_open(self);
    (void)wait_for(self, uart_line_is_idle, FIFO_FRAMES * FRAME_BITS);
    uart_line_set_break(&self->line, true);
    mp_hal_delay_us_fast(BREAK_BITS * 1000000ull / self->settings.format.baud);
    uart_line_set_break(&self->line, false);
}

// --- irq() ---

static machine_uart_obj_t *uart_of_callback(callback_t *callback) {
    return (machine_uart_obj_t *)((char *)callback - offsetof(machine_uart_obj_t, callback));
}

static void run_handler(callback_t *callback) {
    machine_uart_obj_t *self = uart_of_callback(callback);
    mp_irq_obj_t *irq = MP_OBJ_TO_PTR(MP_STATE_PORT(machine_uart_irqs)[index_of(self)]);
    if (self->calls && irq->handler != mp_const_none) {
        callback_call(irq->handler, MP_OBJ_FROM_PTR(self));
    }
}

static mp_uint_t set_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    check_open(self);
    if (trigger & ~(mp_uint_t)IRQ_RX) {
        bind_raise_value(MP_ERROR_TEXT("UART trigger %ld is not 0 or UART.IRQ_RX"), (long)trigger);
    }
    self->calls = trigger != 0;
    return 0;
}

static mp_uint_t irq_info(mp_obj_t self_in, mp_uint_t what) {
    const machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return what == MP_IRQ_INFO_TRIGGERS || self->callback.due != 0 ? (self->calls ? IRQ_RX : 0) : 0;
}

static const mp_irq_methods_t irq_methods = { .trigger = set_trigger, .info = irq_info };

static mp_irq_obj_t *mp_machine_uart_irq(machine_uart_obj_t *self, bool any_args, mp_arg_val_t *args) {
    mp_obj_t *irq = &MP_STATE_PORT(machine_uart_irqs)[index_of(self)];
    check_open(self);
    if (*irq == MP_OBJ_NULL) {
        *irq = MP_OBJ_FROM_PTR(mp_irq_new(&irq_methods, MP_OBJ_FROM_PTR(self)));
        self->callback.run = run_handler;
    }
    mp_irq_obj_t *object = MP_OBJ_TO_PTR(*irq);
    if (any_args) {
        mp_obj_t handler = args[MP_IRQ_ARG_INIT_handler].u_obj;
        callback_check(handler, args[MP_IRQ_ARG_INIT_hard].u_bool);
        (void)set_trigger(MP_OBJ_FROM_PTR(self), args[MP_IRQ_ARG_INIT_trigger].u_int);
        object->handler = handler;
    }
    return object;
}
