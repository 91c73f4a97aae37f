# SPDX-License-Identifier: MIT
"""Parts of the port's module `machine` in a host library, over the drivers and played hardware."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from ctypes import (
    c_bool,
    c_char_p,
    c_int,
    c_int8,
    c_int64,
    c_size_t,
    c_uint,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)

import hardware
import host_library

PORT = host_library.PORT
MMIO = 0xFFFF_00C0_0000_0000  # where soc_mmio() puts physical address 0
VALUE_ERROR, TYPE_ERROR, EBUSY, ENODEV = -1, -2, 16, 19
BCM2837, BCM2711 = 0xD03 << 4, 0xD08 << 4  # MIDR_EL1
PINS = 58
#: Those that they use.
DRIVERS = (
    *("alarm", "bcm2836_intc", "board", "gicv2", "gpio", "gpio_pull", "irq", "mailbox"),
    *("i2c_lines", "mini_uart", "pl011", "timer", "watchdog"),
)


class BusPins(ctypes.Structure):
    """bus_pins_t."""

    _fields_ = [("id", c_uint8), ("function", c_uint8), ("gpio", c_uint8 * 3)]


class BusKind(ctypes.Structure):
    """bus_kind_t."""

    _fields_ = [
        ("name", c_char_p),
        ("claims", c_int),
        ("roles", c_char_p * 3),
        ("count", c_uint),
        ("pins", ctypes.POINTER(BusPins)),
        ("pins_count", c_size_t),
    ]


class Format(ctypes.Structure):
    """uart_format_t."""

    _fields_ = [("baud", c_uint32), ("bits", c_uint8), ("parity", c_int8), ("stop", c_uint8)]


class Line(ctypes.Structure):
    """uart_line_t; the PL011 is the larger one of its union."""

    _fields_ = [
        ("id", c_uint8),
        ("open", c_bool),
        ("pl011", hardware.Pl011),
        ("ring", hardware.Ring),
    ]


SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "soc_init": (None, []),
    "machine_shim_soc": (ctypes.POINTER(hardware.Soc), []),
    "machine_shim_set_soc": (None, [c_void_p]),
    "machine_shim_said": (c_char_p, []),
    "machine_shim_take": (c_int, [c_uint16, c_uint64]),
    "machine_shim_take_block": (c_int, [c_uint16, c_int]),
    "machine_shim_check_pin": (c_int, [c_uint32]),
    "claims_release": (None, [c_uint16]),
    "claims_deinit": (None, []),
    "machine_shim_get_id": (c_int, [c_void_p, c_int64, c_void_p, c_void_p]),
    "machine_shim_get_int": (c_int, [c_void_p, c_char_p, c_int64, c_int64]),
    "machine_shim_get_items": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p]),
    "machine_shim_find": (c_int, [c_void_p, c_uint, c_void_p, c_void_p, c_void_p]),
    "machine_shim_claim": (c_int, [c_void_p, c_void_p]),
    "bus_pins_connect": (None, [c_void_p, c_void_p]),
    "bus_pins_send_stop": (None, [c_uint32, c_uint32, c_uint32]),
    "machine_shim_check_range": (c_int, [c_char_p, c_int64, c_int64, c_int64]),
    "board_reset_cause": (c_int, []),
    "irq_init": (None, [c_void_p]),
    "irq_dispatch": (None, []),
    "uart_line_is_known": (c_bool, [c_uint]),
    "uart_line_answers": (c_bool, [c_uint]),
    "uart_line_open": (None, [c_void_p, c_void_p, c_void_p, c_uint32, c_void_p]),
    "uart_line_close": (None, [c_void_p]),
    "uart_line_count": (c_uint32, [c_void_p]),
    "uart_line_get": (c_int, [c_void_p]),
    "uart_line_has_room": (c_bool, [c_void_p]),
    "uart_line_try_put": (c_bool, [c_void_p, c_uint8]),
    "uart_line_is_idle": (c_bool, [c_void_p]),
    "uart_line_set_break": (None, [c_void_p, c_bool]),
}


@functools.cache
def library() -> ctypes.CDLL:
    drivers = (hardware.DRIVERS / f"{name}.c" for name in DRIVERS)
    names = ("boot/soc.c", "machine/arguments.c", "machine/bus_pins.c")
    names += ("machine/claims.c", "machine/uart_line.c")
    sources = [*map(str, drivers), *(str(PORT / name) for name in names)]
    fakes = ["fake_hardware.c", "machine_shim.c"]
    lib = host_library.build("machine", [*sources, *fakes], ("MMIO_FAKE", "CPU_FAKE"))
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def soc(midr: int) -> hardware.Soc:
    """The row of the table of SoCs for this CPU, and `soc` is it from now on."""
    lib = library()
    c_uint64.in_dll(lib, "machine_shim_midr").value = midr
    lib.soc_init()
    return lib.machine_shim_soc().contents


def said() -> str:
    """What the last exception said."""
    return library().machine_shim_said().decode()


class Machine(hardware.Machine):
    """Registers, and the pins' claims as after a start. `gpio` is where its GPIO block is."""

    GPIO = 0x7E20_0000

    def __init__(self, midr: int = BCM2711) -> None:
        self.lib = library()
        super().__init__(self.lib)
        self.soc = soc(midr)
        self.pulls_2711 = bool(self.soc.gpio_pulls_2711)
        gpio = hardware.Gpio.in_dll(self.lib, "board_gpio")
        gpio.base, gpio.count, gpio.pulls_2711 = self.GPIO, PINS, self.pulls_2711
        self.lib.claims_deinit()
        self.registers.clear()
        self.writes.clear()

    def function(self, pin: int) -> int:
        return self.registers.get(self.GPIO + 4 * (pin // 10), 0) >> 3 * (pin % 10) & 7

    def pull(self, pin: int) -> int:
        """0: none, 1: up, 2: down; of BCM2711, where it can be read."""
        return self.registers.get(self.GPIO + 0xE4 + 4 * (pin // 16), 0) >> 2 * (pin % 16) & 3


def number(value: int | None) -> int | None:
    """An object: None, or a number."""
    return None if value is None else value << 1 | 1


def objects(values: Sequence[int | None]) -> object:
    return (c_void_p * len(values))(*map(number, values))
