# SPDX-License-Identifier: MIT
"""Interrupt controllers, dispatch, and the sleep that loses no wake-up."""

import ctypes
import functools

import hardware
import pytest
from hypothesis import given
from hypothesis import strategies as st

LOCAL, LEGACY = 0x10000, 0x20000
GICD, GICC = 0x30000, 0x40000
SOURCE = LOCAL + 0x60
BASIC, PENDING1, PENDING2 = LEGACY + 0x200, LEGACY + 0x204, LEGACY + 0x208
GPU_SOURCE = 1 << 8
PL011 = 57
NONE = 2**32 - 1

# Where soc_mmio() puts physical address 0.
MMIO = 0xFFFF_00C0_0000_0000
BCM2836, GICV2 = 0, 1

lib = functools.cache(hardware.build)


class Intc:
    """A BCM2836 controller after init."""

    def __init__(self) -> None:
        self.machine = hardware.Machine(lib())
        self.driver = hardware.Bcm2836Intc()
        lib().bcm2836_intc_init(self.pointer, LOCAL, LEGACY)

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.driver)

    def enable(self, irq: int) -> bool:
        return lib().bcm2836_intc_set_enabled(self.pointer, irq, True)

    def pending(self) -> int:
        return lib().bcm2836_intc_pending(self.pointer)


def test_the_uart_is_found_by_its_shortcut_bit_alone() -> None:
    """On hardware bits 8 and 9 of basic pending stay clear for it."""
    intc = Intc()
    intc.enable(PL011)
    intc.machine.registers |= {SOURCE: GPU_SOURCE, BASIC: 1 << 19, PENDING2: 1 << (PL011 - 32)}
    assert intc.pending() == PL011


def test_the_uart_is_found_with_qemus_bits_as_well() -> None:
    intc = Intc()
    intc.enable(PL011)
    basic = 1 << 19 | 1 << 9
    intc.machine.registers |= {SOURCE: GPU_SOURCE, BASIC: basic, PENDING2: 1 << (PL011 - 32)}
    assert intc.pending() == PL011


@given(st.sets(st.integers(0, 71)), st.sets(st.integers(0, 71)))
def test_the_lowest_interrupt_that_is_pending_and_enabled_comes_first(
    enabled: set[int], pending: set[int]
) -> None:
    intc = Intc()
    assert all(intc.enable(irq) for irq in enabled)
    words = [sum(1 << n % 32 for n in pending if n // 32 == word) for word in range(3)]
    registers = dict(zip((PENDING1, PENDING2, BASIC), words, strict=True))
    intc.machine.registers |= {SOURCE: GPU_SOURCE, **registers}
    assert intc.pending() == min(enabled & pending, default=NONE)


@given(st.integers(0, 63), st.sets(st.integers(0, 63), min_size=1))
def test_the_preferred_interrupt_comes_before_lower_numbers(first: int, pending: set[int]) -> None:
    intc = Intc()
    assert all(intc.enable(irq) for irq in pending)
    intc.driver.preferred = first
    words = [sum(1 << n % 32 for n in pending if n // 32 == word) for word in range(2)]
    intc.machine.registers |= {SOURCE: GPU_SOURCE, PENDING1: words[0], PENDING2: words[1]}
    assert intc.pending() == (first if first in pending else min(pending))


def test_a_preferred_interrupt_that_is_not_enabled_does_not_come() -> None:
    intc = Intc()
    intc.enable(49)
    intc.driver.preferred = PL011
    bits = 1 << (PL011 - 32) | 1 << (49 - 32)
    intc.machine.registers |= {SOURCE: GPU_SOURCE, PENDING2: bits}
    assert intc.pending() == 49


def test_shortcut_bits_are_not_taken_for_interrupts_of_their_own() -> None:
    intc = Intc()
    intc.machine.registers |= {SOURCE: GPU_SOURCE, BASIC: 0x1FFF00}
    assert intc.pending() == NONE


@pytest.mark.parametrize("source", range(8))
def test_local_sources_are_enabled_in_their_register_and_reported(source: int) -> None:
    intc = Intc()
    assert intc.enable(96 + source)
    control = LOCAL + (0x40 if source < 4 else 0x50)
    assert intc.machine.registers[control] == 1 << (source % 4)
    intc.machine.registers[SOURCE] = 1 << source
    assert intc.pending() == 96 + source


@pytest.mark.parametrize("irq", [72, 95, 104, 255, NONE])
def test_unknown_interrupts_cannot_be_enabled(irq: int) -> None:
    intc = Intc()
    writes = len(intc.machine.writes)
    assert not intc.enable(irq)
    assert len(intc.machine.writes) == writes


def test_init_disables_everything() -> None:
    intc = Intc()
    disabled = [(LEGACY + 0x21C + 4 * n, 0xFFFFFFFF) for n in range(3)]
    assert all(write in intc.machine.writes for write in disabled)
    assert intc.machine.registers[LOCAL + 0x40] == intc.machine.registers[LOCAL + 0x50] == 0


# GICv2.


def gic(
    lines: int = 256, targets: int = 0x01, control: int = 0
) -> tuple[hardware.Machine, hardware.Gicv2]:
    machine, driver = hardware.Machine(lib()), hardware.Gicv2()
    machine.registers |= {GICD + 4: lines // 32 - 1, GICD + 0x800: targets, GICC: control}
    lib().gicv2_init(ctypes.byref(driver), GICD, GICC)
    return machine, driver


def test_the_gic_is_off_while_it_is_configured_and_on_last() -> None:
    machine, driver = gic()
    assert machine.writes[:2] == [(GICC, 0), (GICD, 0)]
    assert machine.writes[-1] == (GICC, 1)
    assert machine.registers[GICD] == 1
    assert driver.count == 256


def test_the_gic_s_bypass_bits_stay_as_the_stub_set_them() -> None:
    machine, _ = gic(control=0x1E7)
    assert machine.written(GICC) == [(GICC, 0x1E0), (GICC, 0x1E1)]


def test_every_interrupt_starts_disabled_level_and_aimed_at_this_core() -> None:
    machine, _ = gic(lines=256, targets=0x02)
    assert all(machine.registers[GICD + 0x180 + 4 * n] == 0xFFFFFFFF for n in range(8))
    assert all(machine.registers[GICD + 0x800 + n] == 0x02020202 for n in range(32, 256, 4))
    assert all(machine.registers[GICD + 0xC00 + 4 * n] == 0 for n in range(2, 16))
    assert GICD + 0x800 + 28 not in machine.registers, "SGIs and PPIs have no target to set"


def test_a_gic_without_target_registers_gets_core_0() -> None:
    machine, _ = gic(targets=0)
    assert machine.registers[GICD + 0x800 + 32] == 0x01010101


@pytest.mark.parametrize("irq", [32, 33, 153, 255])
def test_the_preferred_interrupt_has_the_only_higher_priority(irq: int) -> None:
    """Lower numbers are higher: the four bits that every GIC has tell them apart."""
    machine, driver = gic()
    lib().gicv2_prefer(ctypes.byref(driver), irq)
    words = [machine.registers[GICD + 0x400 + at] for at in range(0, 256, 4)]
    priorities = b"".join(word.to_bytes(4, "little") for word in words)
    others = priorities[:irq] + priorities[irq + 1 :]
    assert set(others) == {0xA0} and priorities[irq] >> 4 < 0xA


def test_priorities_pass_the_mask_on_both_sides_of_the_security_extension() -> None:
    machine, _ = gic()
    priority, mask = machine.registers[GICD + 0x400 + 100] & 0xFF, machine.registers[GICC + 4]
    assert priority < mask
    # The non-secure view shifts both into the lower half of the range.
    assert 0x80 | priority >> 1 < 0x80 | mask >> 1


def test_an_interrupt_beyond_the_gics_lines_is_refused() -> None:
    machine, driver = gic(lines=64)
    writes = len(machine.writes)
    assert not lib().gicv2_set_enabled(ctypes.byref(driver), 64, True)
    assert len(machine.writes) == writes
    assert lib().gicv2_set_enabled(ctypes.byref(driver), 63, True)
    assert machine.writes[-1] == (GICD + 0x104, 1 << 31)


# Other cores.


@pytest.mark.parametrize(
    ("kind", "writes"),
    [
        (
            GICV2,
            [(MMIO + GICD, 3), (MMIO + GICD + 0xF00, 1 << 17)]
            + [(MMIO + GICD, 3), (MMIO + GICD + 0xF00, 1 << 18)],
        ),
        (
            BCM2836,
            [
                (MMIO + LOCAL + 0x54, 8),
                (MMIO + LOCAL + 0x9C, 1),
                (MMIO + LOCAL + 0x58, 8),
                (MMIO + LOCAL + 0xAC, 1),
            ],
        ),
    ],
)
def test_other_cores_are_called_by_one_interrupt_each(
    kind: int, writes: list[tuple[int, int]]
) -> None:
    machine = hardware.Machine(lib())
    machine.on_read |= {MMIO + GICD + 4: lambda: 7}
    first, second = (GICD, GICC) if kind == GICV2 else (LOCAL, LEGACY)
    soc = hardware.Soc(intc=kind, intc_base=first, intc_base2=second)
    lib().irq_init(ctypes.byref(soc))
    machine.writes.clear()
    lib().irq_call_cores(3)
    assert machine.writes == writes


# Dispatch.


class Dispatcher:
    """irq.c over a GIC whose acknowledge register is a list."""

    def __init__(self) -> None:
        self.machine = hardware.Machine(lib())
        self.queue: list[int] = []
        iar, typer = MMIO + GICC + 0x0C, MMIO + GICD + 4
        self.machine.on_read |= {iar: self.acknowledge, typer: lambda: 7}
        soc = hardware.Soc(intc=GICV2, intc_base=GICD, intc_base2=GICC)
        lib().irq_init(ctypes.byref(soc))
        self.stats = lib().irq_stats().contents
        lib().irq_wait()  # forget what an earlier test handled
        self.machine.sleeps.clear()
        self.handlers: list[object] = []

    def acknowledge(self) -> int:
        return self.queue.pop(0) if self.queue else 1023

    def handle(self, irq: int, function: object) -> None:
        handler = hardware.HANDLER(function)
        self.handlers.append(handler)
        assert lib().irq_set_handler(irq, handler, None)

    def ended(self) -> list[int]:
        return [value for _, value in self.machine.written(MMIO + GICC + 0x10)]


def test_each_pending_interrupt_is_handled_and_ended_as_acknowledged() -> None:
    irq = Dispatcher()
    calls: list[str] = []
    irq.handle(153, lambda _arg: calls.append("uart"))
    irq.handle(30, lambda _arg: calls.append("timer"))
    irq.queue = [153, 30 | 3 << 10]  # the bits above the ID belong to the acknowledgement
    lib().irq_dispatch()
    assert calls == ["uart"], "the other one interrupts again"
    lib().irq_dispatch()
    assert calls == ["uart", "timer"]
    assert irq.ended() == [153, 30 | 3 << 10]


@pytest.mark.parametrize("spurious", [1020, 1022, 1023])
def test_a_spurious_interrupt_is_counted_and_not_ended(spurious: int) -> None:
    irq = Dispatcher()
    before = irq.stats.spurious
    irq.queue = [spurious]
    lib().irq_dispatch()
    assert irq.stats.spurious == before + 1
    assert irq.ended() == []


def test_an_interrupt_without_a_handler_is_disabled() -> None:
    irq = Dispatcher()
    before = irq.stats.unhandled
    irq.queue = [77]
    lib().irq_dispatch()
    assert (irq.stats.unhandled, irq.stats.last_unhandled) == (before + 1, 77)
    assert (MMIO + GICD + 0x180 + 8, 1 << 13) in irq.machine.writes
    assert irq.ended() == [77]


def test_a_device_that_never_lets_go_does_not_hold_the_core() -> None:
    irq = Dispatcher()
    calls: list[int] = []
    irq.handle(153, lambda _arg: calls.append(1))
    irq.queue = [153] * 10_000
    lib().irq_dispatch()
    assert calls == [1]


@pytest.mark.parametrize("number", [256, 1023, NONE])
def test_numbers_beyond_the_table_are_refused(number: int) -> None:
    Dispatcher()
    assert not lib().irq_enable(number)
    assert not lib().irq_disable(number)
    assert not lib().irq_set_handler(number, hardware.HANDLER(lambda _arg: None), None)


def test_an_interrupt_between_looking_and_sleeping_ends_the_sleep_at_once() -> None:
    irq = Dispatcher()
    irq.handle(153, lambda _arg: None)
    irq.queue = [153]
    lib().irq_dispatch()
    lib().irq_wait()
    assert irq.machine.sleeps == []
    lib().irq_wait()
    assert irq.machine.sleeps == [True], "the second wait has nothing to return for"


def test_the_core_sleeps_with_interrupts_masked_and_wakes_with_them_unmasked() -> None:
    irq = Dispatcher()
    lib().irq_wait()
    assert irq.machine.sleeps == [True]
    assert irq.machine.fake.masked == 0
