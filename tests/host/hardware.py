# SPDX-License-Identifier: MIT
"""The port's drivers in a host library, on hardware that the test plays."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from ctypes import c_bool, c_char_p, c_int, c_size_t, c_uint, c_uint8, c_uint32, c_uint64, c_void_p
from typing import ClassVar

import host_library

DRIVERS = host_library.ROOT / "ports" / "rpi-aarch64" / "drivers"
# What needs the machine itself: its SoC's table, its firmware.
NOT_PLAYED = {"board", "psci"}

READ = ctypes.CFUNCTYPE(c_uint32, c_uint64)
WRITE = ctypes.CFUNCTYPE(None, c_uint64, c_uint32)
CLEAN = ctypes.CFUNCTYPE(None, c_uint64, c_uint64)
SLEEP = ctypes.CFUNCTYPE(None, c_uint64)
HANDLER = ctypes.CFUNCTYPE(None, c_void_p)
ALARM = ctypes.CFUNCTYPE(None, c_void_p, c_uint64)
GPIO_EVENT = ctypes.CFUNCTYPE(c_bool, c_uint32, c_uint32)
GIVE_UP = ctypes.CFUNCTYPE(c_bool)
HOOK = ctypes.CFUNCTYPE(c_bool, c_void_p, c_uint8)

TIMER_OFF = 2**64 - 1


class FakeHardware(ctypes.Structure):
    _fields_ = [
        ("read", READ),
        ("write", WRITE),
        ("clean", CLEAN),
        ("sleep", SLEEP),
        ("hz", c_uint64),
        ("step", c_uint64),
        ("ticks", c_uint64),
        ("accesses", c_uint64),
        ("masked", c_uint64),
        ("timer", c_uint64),
    ]


class Ring(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("mask", c_uint32), ("head", c_uint32), ("tail", c_uint32)]


class Pl011Stats(ctypes.Structure):
    _fields_ = [
        (name, c_uint32)
        for name in ("received", "overruns", "ring_full", "line_errors", "tx_dropped")
    ]


class Pl011(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("ring", ctypes.POINTER(Ring)),
        ("hook", c_void_p),
        ("hook_arg", c_void_p),
        ("rx_stopped", c_bool),
        ("tx_stuck", c_bool),
        ("stats", Pl011Stats),
    ]


class MiniUart(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("ring", ctypes.POINTER(Ring)),
        ("hook", c_void_p),
        ("hook_arg", c_void_p),
        ("rx_stopped", c_bool),
    ]


class Gpio(ctypes.Structure):
    _fields_ = [("base", c_size_t), ("count", c_uint32), ("pulls_2711", c_bool)]


class Alarm(ctypes.Structure):
    _fields_ = [("next", c_void_p), ("deadline", c_uint64), ("fn", ALARM), ("is_set", c_bool)]


class GpioIrq(ctypes.Structure):
    _fields_ = [
        ("gpio", Gpio),
        ("triggers", c_uint8 * 64),
        ("off", c_uint8 * 64),
        ("event", GPIO_EVENT),
    ]


class Mailbox(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("buffer", c_void_p),
        ("bus_address", c_uint32),
        ("dead", c_bool),
    ]


class Sdhci(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("base_clock", c_uint32),
        ("arasan", c_bool),
        ("gap", c_uint64),
        ("last_write", c_uint64),
        ("response", c_uint32 * 4),
    ]


class SdCard(ctypes.Structure):
    _fields_ = [
        ("host", Sdhci),
        ("max_hz", c_uint32),
        ("ready", c_bool),
        ("known", c_bool),
        ("by_blocks", c_bool),
        ("write_protected", c_bool),
        ("rca", c_uint32),
        ("blocks", c_uint64),
        ("cid", c_uint8 * 16),
        ("csd", c_uint8 * 16),
    ]


class SdSlot(ctypes.Structure):
    _fields_ = [
        ("mailbox", c_void_p),
        ("gpio", c_void_p),
        ("prepared", c_bool),
        ("card", SdCard),
    ]


class Rng(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("is_rng200", c_bool),
        ("restarted", c_bool),
        ("any", c_bool),
        ("last", c_uint32),
    ]


class Bsc(ctypes.Structure):
    _fields_ = [
        ("base", c_size_t),
        ("timeout_us", c_uint32),
        ("give_up", GIVE_UP),
        ("byte_us", c_uint32),
    ]


class I2cLines(ctypes.Structure):
    _fields_ = [
        ("gpio", c_void_p),
        *((name, c_uint32) for name in ("sda", "scl", "half_us", "stretch_us")),
    ]


class SpiMode(ctypes.Structure):
    _fields_ = [("hz", c_uint32), ("polarity", c_bool), ("phase", c_bool)]


class Spi0(ctypes.Structure):
    _fields_ = [("base", c_size_t), ("mode", c_uint32)]


class AuxSpi(ctypes.Structure):
    _fields_ = [("base", c_size_t), ("control", c_uint32)]


class Bytes(ctypes.Structure):
    """bsc_bytes_t."""

    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class Gicv2(ctypes.Structure):
    _fields_ = [("distributor", c_size_t), ("interface", c_size_t), ("count", c_uint32)]


class Bcm2836Intc(ctypes.Structure):
    _fields_ = [
        ("local", c_size_t),
        ("legacy", c_size_t),
        ("enabled", c_uint32 * 3),
        ("preferred", c_uint32),
    ]


class SocRange(ctypes.Structure):
    _fields_ = [("start", c_uint64), ("end", c_uint64), ("name", ctypes.c_char_p)]


class Soc(ctypes.Structure):
    """soc_t of soc.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("machine", ctypes.c_char_p),
        ("intc", c_int),
        ("intc_base", c_uint64),
        ("intc_base2", c_uint64),
        ("uart", c_uint64),
        ("uart_irq", c_uint32),
        ("timer_irq", c_uint32),
        ("uart_clock", c_uint32),
        ("mailbox", c_uint64),
        ("gpio", c_uint64),
        ("watchdog", c_uint64),
        ("sdhci", c_uint64),
        ("sdhci_is_arasan", c_bool),
        ("clock_manager", c_uint64),
        ("pwm", c_uint64),
        ("crystal", c_uint32),
        ("rng", c_uint64),
        ("rng_is_rng200", c_bool),
        ("uart2", c_uint64),
        ("aux", c_uint64),
        ("aux_irq", c_uint32),
        ("i2c", c_uint64 * 7),
        ("spi", c_uint64 * 7),
        ("gpio_count", c_uint32),
        ("led", c_uint32),
        ("gpio_irq", c_uint32),
        ("gpio_pulls_2711", c_bool),
        ("ram_start", c_uint64),
        ("ram_size", c_uint64),
        ("ram_end", c_uint64),
        ("ram_reserve", c_uint64),
        ("stub_end", c_uint64),
        ("windows", SocRange * 4),
    ]


class IrqStats(ctypes.Structure):
    _fields_ = [
        (name, c_uint32) for name in ("handled", "spurious", "unhandled", "last_unhandled")
    ]


SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "timer_ticks_to_us": (c_uint64, [c_uint64]),
    "timer_us_to_ticks": (c_uint64, [c_uint64]),
    "timer_wait_register": (c_bool, [c_size_t, c_uint32, c_uint32, c_uint32]),
    "timer_spin_us": (None, [c_uint32]),
    "timer_wait_until": (None, [c_uint64]),
    "timer_wait_ms": (None, [ctypes.c_int64]),
    "timer_init": (None, [c_uint32]),
    "timer_interrupt_after_us": (None, [c_uint64]),
    "alarm_set": (None, [c_void_p, c_uint64]),
    "alarm_cancel": (None, [c_void_p]),
    "alarm_wake_at": (None, [c_uint64]),
    "alarm_wake_off": (None, []),
    "alarm_interrupt": (None, [c_void_p]),
    "pl011_divisor": (c_bool, [c_uint32, c_uint32, c_void_p, c_void_p]),
    "pl011_disable": (None, [c_void_p, c_size_t]),
    "pl011_enable": (c_bool, [c_void_p, c_uint32, c_uint32]),
    "pl011_enable_line": (c_bool, [c_void_p, c_uint32, c_uint32, c_uint32]),
    "pl011_answers": (c_bool, [c_size_t]),
    "pl011_has_room": (c_bool, [c_void_p]),
    "pl011_try_put": (c_bool, [c_void_p, c_uint8]),
    "pl011_is_idle": (c_bool, [c_void_p]),
    "pl011_set_break": (None, [c_void_p, c_bool]),
    "mini_uart_divisor": (c_bool, [c_uint32, c_uint32, c_void_p]),
    "mini_uart_disable": (None, [c_void_p, c_size_t]),
    "mini_uart_enable": (c_bool, [c_void_p, c_uint32, c_uint32, c_uint]),
    "mini_uart_off": (None, [c_void_p]),
    "mini_uart_start_rx": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "mini_uart_irq": (None, [c_void_p]),
    "mini_uart_resume_rx": (None, [c_void_p]),
    "mini_uart_has_room": (c_bool, [c_void_p]),
    "mini_uart_try_put": (c_bool, [c_void_p, c_uint8]),
    "mini_uart_is_idle": (c_bool, [c_void_p]),
    "mini_uart_set_break": (None, [c_void_p, c_bool]),
    "pl011_start_rx": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "pl011_irq": (None, [c_void_p]),
    "pl011_resume_rx": (None, [c_void_p]),
    "pl011_write": (c_size_t, [c_void_p, ctypes.c_char_p, c_size_t]),
    "pl011_flush": (None, [c_void_p]),
    "early_uart_start": (None, [c_size_t, c_uint32, c_size_t]),
    "early_uart_put": (None, [c_size_t, c_uint8]),
    "early_uart_puts": (None, [c_size_t, ctypes.c_char_p]),
    "early_uart_put_hex": (None, [c_size_t, c_uint64]),
    "gpio_set_function": (None, [c_void_p, c_uint32, c_int]),
    "gpio_function": (c_int, [c_void_p, c_uint32]),
    "gpio_set_pull": (None, [c_void_p, c_uint32, c_int]),
    "gpio_set_pulls": (None, [c_void_p, c_uint32, c_uint32, c_int]),
    "gpio_write": (None, [c_void_p, c_uint32, c_bool]),
    "gpio_read": (c_bool, [c_void_p, c_uint32]),
    "gpio_irq_init": (None, [c_void_p, c_void_p, c_uint32, GPIO_EVENT]),
    "gpio_irq_set": (None, [c_void_p, c_uint32, c_uint32]),
    "gpio_irq_rearm": (None, [c_void_p, c_uint32]),
    "gpio_pads_group": (c_uint64, [c_uint32]),
    "gpio_pads_drive": (c_uint32, [c_size_t, c_uint32]),
    "gpio_pads_set_drive": (c_bool, [c_size_t, c_uint32, c_uint32]),
    "mailbox_init": (c_bool, [c_void_p, c_size_t, c_void_p, c_uint64]),
    "mailbox_property": (c_int, [c_void_p, c_uint32, c_void_p, c_size_t, c_size_t]),
    "mailbox_serial": (c_int, [c_void_p, c_void_p]),
    "mailbox_clock_rate": (c_int, [c_void_p, c_uint32, c_void_p]),
    "mailbox_raise_clock": (c_int, [c_void_p, c_uint32]),
    "mailbox_temperature": (c_int, [c_void_p, c_void_p]),
    "mailbox_firmware_revision": (c_int, [c_void_p, c_void_p]),
    "mailbox_set_expander": (c_int, [c_void_p, c_uint32, c_bool]),
    "mailbox_get_expander": (c_int, [c_void_p, c_uint32, c_void_p]),
    "mailbox_set_power": (c_int, [c_void_p, c_uint32, c_bool]),
    "sd_card_start": (c_int, [c_void_p]),
    "sd_card_check": (c_int, [c_void_p]),
    "sd_card_forget": (None, [c_void_p]),
    "sd_card_read": (c_int, [c_void_p, c_uint64, c_uint32, c_void_p]),
    "sd_card_write": (c_int, [c_void_p, c_uint64, c_uint32, c_void_p]),
    "sd_slot_start": (c_int, [c_void_p]),
    "rng_start": (None, [c_void_p, c_size_t, c_bool]),
    "rng_read": (c_int, [c_void_p, c_char_p, c_size_t]),
    "bsc_start": (c_int, [c_void_p, c_uint32, c_void_p]),
    "bsc_stop": (None, [c_void_p]),
    "bsc_write": (c_int, [c_void_p, c_uint32, Bytes]),
    "bsc_read": (c_int, [c_void_p, c_uint32, Bytes]),
    "bsc_write_read": (c_int, [c_void_p, c_uint32, Bytes, Bytes]),
    "i2c_lines_stop": (c_bool, [c_void_p]),
    "clock_manager_run": (c_bool, [c_size_t, c_uint32, c_uint32]),
    "pwm_start": (None, [c_size_t, c_uint, c_uint32, c_uint32, c_bool]),
    "pwm_change": (None, [c_size_t, c_uint, c_uint32, c_uint32]),
    "pwm_stop": (None, [c_size_t, c_uint]),
    "spi0_start": (c_int, [c_void_p, c_uint32, c_void_p]),
    "spi0_stop": (None, [c_void_p]),
    "spi0_transfer": (c_int, [c_void_p, c_void_p, c_void_p, c_size_t]),
    "aux_spi_start": (c_int, [c_void_p, c_uint32, c_void_p]),
    "aux_spi_stop": (None, [c_void_p]),
    "aux_spi_transfer": (c_int, [c_void_p, c_void_p, c_void_p, c_size_t]),
    "gicv2_init": (None, [c_void_p, c_size_t, c_size_t]),
    "gicv2_prefer": (None, [c_void_p, c_uint32]),
    "gicv2_set_enabled": (c_bool, [c_void_p, c_uint32, c_bool]),
    "bcm2836_intc_init": (None, [c_void_p, c_size_t, c_size_t]),
    "bcm2836_intc_set_enabled": (c_bool, [c_void_p, c_uint32, c_bool]),
    "bcm2836_intc_pending": (c_uint32, [c_void_p]),
    "irq_init": (None, [c_void_p]),
    "irq_set_handler": (c_bool, [c_uint32, HANDLER, c_void_p]),
    "irq_enable": (c_bool, [c_uint32]),
    "irq_disable": (c_bool, [c_uint32]),
    "irq_prefer": (None, [c_uint32]),
    "irq_call_cores": (None, [ctypes.c_uint]),
    "irq_dispatch": (None, []),
    "irq_wait": (None, []),
    "irq_stats": (ctypes.POINTER(IrqStats), []),
    "watchdog_reset": (None, [c_size_t]),
    "watchdog_start": (None, [c_size_t, c_uint32]),
    "watchdog_halt": (None, [c_size_t]),
    "watchdog_status": (c_uint32, [c_size_t]),
    "test_pwm_scale": (c_uint32, [c_uint64, c_uint32, c_uint64]),
    "test_ring_init": (None, [c_void_p, c_void_p, c_uint32]),
    "test_ring_get": (c_int, [c_void_p]),
    "test_ring_put": (c_int, [c_void_p, c_uint8]),
    "test_ring_count": (c_uint32, [c_void_p]),
}


def build() -> ctypes.CDLL:
    """The drivers, unchanged, over fake_hardware.c. Rebuilt when one of their headers changes."""
    others = ("boot/soc.h", "boot/layout.h", "aarch64/cpu.h")
    headers = [*sorted(DRIVERS.glob("*.h")), *(DRIVERS.parent / name for name in others)]
    headers.append(host_library.MEMORY / "port.h")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in headers)).hexdigest()[:16]
    sources = [str(path) for path in sorted(DRIVERS.glob("*.c")) if path.stem not in NOT_PLAYED]
    defines = ("MMIO_FAKE", "CPU_FAKE", f"DRIVER_HEADERS={digest!r}")
    lib = host_library.build("drivers", [*sources, "fake_hardware.c"], defines)
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Machine:
    """Registers that reset to 0, a log of writes, and devices that override single registers.

    A device raises where hardware would lose or spoil something; conftest.py has the test fail.
    """

    last: ClassVar[dict[str, Machine]] = {}

    def __init__(self, lib: ctypes.CDLL, hz: int = 54_000_000, step: int = 54) -> None:
        self.lib = lib
        self.registers: dict[int, int] = {}
        self.writes: list[tuple[int, int]] = []
        self.on_read: dict[int, Callable[[], int]] = {}
        self.on_write: dict[int, Callable[[int], None]] = {}
        self.cleaned: list[tuple[int, int]] = []
        self.sleeps: list[bool] = []
        self.fake = FakeHardware.in_dll(lib, "fake_hardware")
        # Kept in the object, and that until the next: the library calls them at any time.
        Machine.last[lib._name] = self
        self.callbacks = READ(self.read), WRITE(self.write), CLEAN(self.clean), SLEEP(self.sleep)
        self.fake.read, self.fake.write, self.fake.clean, self.fake.sleep = self.callbacks
        self.fake.hz, self.fake.step, self.fake.ticks = hz, step, 0
        self.fake.accesses, self.fake.masked, self.fake.timer = 0, 0, TIMER_OFF

    def read(self, address: int) -> int:
        if address in self.on_read:
            return self.on_read[address]()
        return self.registers.get(address, 0)

    def write(self, address: int, value: int) -> None:
        self.writes.append((address, value))
        if address in self.on_write:
            self.on_write[address](value)
        else:
            self.registers[address] = value

    def clean(self, va: int, size: int) -> None:
        self.cleaned.append((va, size))

    def sleep(self, masked: int) -> None:
        self.sleeps.append(bool(masked))

    def written(self, *addresses: int) -> list[tuple[int, int]]:
        """The writes to these registers, in order."""
        return [(address, value) for address, value in self.writes if address in addresses]

    @property
    def seconds(self) -> float:
        """Time that passed, by the counter the drivers look at."""
        return self.fake.ticks / self.fake.hz
