# SPDX-License-Identifier: MIT
"""Interrupts of GPIO pins on a played block: which registers are written in which order, what a
handler finds, and that an event is told of once."""

import ctypes
import functools
import random

import hardware
import pytest

BASE = 0x1000
LEV, EDS, REN, FEN, HEN, LEN, AREN, AFEN = (
    BASE + n for n in (0x34, 0x40, 0x4C, 0x58, 0x64, 0x70, 0x7C, 0x88)
)
RISING, FALLING, LOW, HIGH = 1, 2, 4, 8
ENABLES = {RISING: REN, FALLING: FEN, LOW: LEN, HIGH: HEN}
NAMES = {EDS: "EDS", REN: "REN", FEN: "FEN", HEN: "HEN", LEN: "LEN"}

LOCAL, LEGACY = 0x3F00_0000, 0x3F00_B000
MMIO = 0xFFFF_00C0_0000_0000  # where soc_mmio() puts physical address 0
GICD, GICC = 0xFF84_1000, 0xFF84_2000
TYPER, ACKNOWLEDGE, END = MMIO + GICD + 4, MMIO + GICC + 0x0C, MMIO + GICC + 0x10
#: Of BCM2837's legacy controller, and of BCM2711's GIC.
FIRST_LINE, FIRST_ID = 49, 145

lib = functools.cache(hardware.build)


class Block:
    """The event registers: levels set their event again for as long as they are enabled."""

    def __init__(self, gic: bool = False) -> None:
        self.machine = hardware.Machine(lib())
        self.told: list[tuple[int, int]] = []
        self.levels = 0
        self.log: list[str] = []
        for word in range(2):
            self.machine.on_read[EDS + 4 * word] = lambda word=word: self.events[word]
            self.machine.on_write[EDS + 4 * word] = lambda v, word=word: self.clear(word, v)
            self.machine.on_read[LEV + 4 * word] = lambda word=word: self.word(word)
            for base in (REN, FEN, HEN, LEN):
                address = base + 4 * word
                self.machine.on_write[address] = lambda v, a=address: self.enable(a, v)
        self.events = [0, 0]
        self.driver = hardware.GpioIrq()
        self.event = hardware.GPIO_EVENT(self.happen)
        self.taken = True
        gpio = hardware.Gpio(BASE, 58, True)
        self.machine.registers[TYPER] = 7
        legacy = hardware.Soc(intc=0, intc_base=LOCAL, intc_base2=LEGACY)
        modern = hardware.Soc(intc=1, intc_base=GICD, intc_base2=GICC)
        lib().irq_init(ctypes.byref(modern if gic else legacy))
        first = FIRST_ID if gic else FIRST_LINE
        lib().gpio_irq_init(self.pointer, ctypes.byref(gpio), first, self.event)
        self.log.clear()

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.driver)

    def happen(self, pin: int, what: int) -> bool:
        self.told.append((pin, what))
        return self.taken

    def word(self, word: int) -> int:
        return self.levels >> 32 * word & 0xFFFFFFFF

    def enable(self, address: int, value: int) -> None:
        old = self.machine.registers.get(address, 0)
        self.machine.registers[address] = value
        name = NAMES.get(address) or NAMES[address - 4]
        self.log += [f"{name}+{n}" for n in range(32) if value & ~old & 1 << n]
        self.log += [f"{name}-{n}" for n in range(32) if old & ~value & 1 << n]
        self.latch()

    def clear(self, word: int, value: int) -> None:
        self.log.append(f"EDS {value:#x}")
        self.events[word] &= ~value
        self.latch()

    def latch(self) -> None:
        """Levels that are enabled are events, however often they are cleared."""
        for word in range(2):
            enabled = self.machine.registers.get(HEN + 4 * word, 0) & self.word(word)
            enabled |= self.machine.registers.get(LEN + 4 * word, 0) & ~self.word(word)
            self.events[word] |= enabled

    def set(self, pin: int, triggers: int) -> None:
        lib().gpio_irq_set(self.pointer, pin, triggers)

    def level(self, pin: int, high: bool) -> None:
        old = self.levels >> pin & 1
        self.levels = self.levels & ~(1 << pin) | high << pin
        enables = (REN if high else FEN) + 4 * (pin // 32)
        if old != high and self.machine.registers.get(enables, 0) >> pin % 32 & 1:
            self.events[pin // 32] |= 1 << pin % 32
        self.latch()

    def interrupt(self, line: int = 0, most: int = 0) -> list[tuple[int, int]]:
        """Play the controller until no event is left, and return what was told; at most so many
        times, if it is not to end."""
        self.told.clear()
        self.machine.registers[ACKNOWLEDGE] = FIRST_ID + line
        self.machine.registers[MMIO + LOCAL + 0x60] = 1 << 8  # a GPU interrupt
        self.machine.registers[MMIO + LEGACY + 0x200] = 1 << 9  # of the second word
        for _ in range(most or 3):
            if self.events == [0, 0]:
                break
            self.machine.registers[MMIO + LEGACY + 0x208] = 1 << FIRST_LINE + line - 32
            lib().irq_dispatch()
        assert most or self.events == [0, 0], "the interrupt does not end"
        return list(self.told)


def test_a_start_forgets_every_event_of_every_pin_and_takes_three_lines() -> None:
    block = Block()
    zeroed = {a for a, value in block.machine.writes if value == 0}
    assert zeroed >= {e + 4 * w for e in (REN, FEN, HEN, LEN, AREN, AFEN) for w in (0, 1)}
    order = [address for address, _ in block.machine.writes]
    for word in (0, 4):
        cleared = block.machine.writes.index((EDS + word, 0xFFFFFFFF))
        assert all(order.index(e + word) < cleared for e in (REN, FEN, HEN, LEN, AREN, AFEN))
    enabled = functools.reduce(
        lambda bits, write: bits | write[1], block.machine.written(MMIO + LEGACY + 0x214), 0
    )
    assert enabled == 0b111 << FIRST_LINE - 32, "and not the line of any pin, which is the next"


@pytest.mark.parametrize("pin", [0, 17, 31, 32, 57])
@pytest.mark.parametrize("trigger", ENABLES)
def test_a_trigger_is_enabled_after_old_events_are_cleared(pin: int, trigger: int) -> None:
    block = Block()
    name = NAMES[ENABLES[trigger]]
    block.level(pin, trigger in (LOW, FALLING))  # a level that is no event
    block.set(pin, trigger)
    assert block.log == [f"EDS {1 << pin % 32:#x}", f"{name}+{pin % 32}"]
    assert block.machine.registers[ENABLES[trigger] + 4 * (pin // 32)] == 1 << pin % 32


def test_events_are_turned_off_before_they_are_cleared() -> None:
    block = Block()
    block.set(5, RISING | FALLING)
    block.set(6, RISING)
    block.log.clear()
    block.set(5, 0)
    assert block.log == ["REN-5", "FEN-5", "EDS 0x20"]
    assert block.machine.registers[REN] == 1 << 6, "the other pin's stays"


@pytest.mark.parametrize("triggers", [0, RISING, HIGH])
def test_the_events_of_other_pins_outlive_a_change_of_triggers(triggers: int) -> None:
    """Writing 1 clears an event: only the pin's own bit is written."""
    block = Block()
    for pin in (6, 40):
        block.set(pin, RISING)
        block.level(pin, True)
    for pin in (5, 7, 39, 41):
        block.set(pin, triggers)
        block.set(pin, 0)
    assert block.interrupt() == [(6, RISING), (40, RISING)]


def test_the_event_of_another_pin_outlives_a_level_that_is_turned_off() -> None:
    """It comes as the handler turns the level off."""
    block = Block()
    block.set(9, RISING)
    block.set(8, HIGH)
    enable = block.machine.on_write[HEN]

    def turned_off(value: int) -> None:
        enable(value)
        block.level(9, True)

    block.machine.on_write[HEN] = turned_off
    block.level(8, True)
    assert block.interrupt() == [(8, HIGH), (9, RISING)]


@pytest.mark.parametrize("pin", [4, 27, 28, 40, 53])
def test_an_edge_is_cleared_first_and_told_of_once(pin: int) -> None:
    block = Block()
    block.set(pin, RISING | FALLING)
    block.log.clear()
    block.level(pin, True)
    assert block.interrupt() == [(pin, RISING)]
    assert block.log == [f"EDS {1 << pin % 32:#x}"]
    block.level(pin, False)
    assert block.interrupt() == [(pin, FALLING)]
    assert block.interrupt() == []


def test_an_edge_during_the_handler_is_another_event() -> None:
    block = Block()
    block.set(4, RISING | FALLING)

    def told(pin: int, what: int) -> bool:
        block.told.append((pin, what))
        if len(block.told) == 1:
            block.level(4, False)
        return True

    block.event = hardware.GPIO_EVENT(told)
    block.driver.event = block.event
    block.level(4, True)
    assert block.interrupt() == [(4, RISING), (4, FALLING)]


def test_an_event_between_the_look_and_the_clearing_is_another_event() -> None:
    block = Block()
    for pin in (4, 5):
        block.set(pin, RISING)
    look = block.machine.on_read[EDS]

    def late() -> int:
        events = look()
        block.level(5, True)
        return events

    block.machine.on_read[EDS] = late
    block.level(4, True)
    assert block.interrupt() == [(4, RISING), (5, RISING)]


def test_a_pulse_that_is_over_is_told_of_with_all_triggers_of_the_pin() -> None:
    block = Block()
    block.set(9, RISING)
    block.level(9, True)
    block.level(9, False)
    assert block.interrupt() == [(9, RISING)]


@pytest.mark.parametrize(("trigger", "level"), [(LOW, False), (HIGH, True)])
def test_a_level_is_told_of_once_until_it_is_armed_again(trigger: int, level: bool) -> None:
    block = Block()
    name = NAMES[ENABLES[trigger]]
    block.level(33, not level)
    block.set(33, trigger)
    block.log.clear()
    block.level(33, level)
    assert block.interrupt() == [(33, trigger)]
    assert block.log == ["EDS 0x2", f"{name}-1", "EDS 0x2"]
    assert block.interrupt() == [], "the level is still there, and turned off"
    lib().gpio_irq_rearm(block.pointer, 33)
    assert block.interrupt() == [(33, trigger)]
    block.level(33, not level)
    lib().gpio_irq_rearm(block.pointer, 33)
    assert block.interrupt() == [], "the level has gone"


def test_arming_again_leaves_edges_as_they_are() -> None:
    block = Block()
    block.set(3, RISING)
    block.log.clear()
    lib().gpio_irq_rearm(block.pointer, 3)
    assert block.log == []


@pytest.mark.parametrize("pin", [7, 50])
def test_a_pin_whose_call_is_dropped_is_silent_until_it_is_armed_again(pin: int) -> None:
    """A floating input may have edges faster than the handler: it must end."""
    block = Block()
    block.set(pin, RISING | FALLING)
    block.set(12, RISING)

    def told(pin: int, what: int) -> bool:
        block.told.append((pin, what))
        block.level(pin, not block.levels >> pin & 1)  # the next edge is there already
        return len(block.told) < 3

    block.event = hardware.GPIO_EVENT(told)
    block.driver.event = block.event
    block.level(pin, True)
    assert block.interrupt() == [(pin, RISING), (pin, FALLING), (pin, RISING)]
    block.driver.event = block.quiet = hardware.GPIO_EVENT(block.happen)
    block.level(pin, True)
    block.level(pin, False)
    assert block.interrupt() == []
    block.level(12, True)
    assert block.interrupt() == [(12, RISING)], "the other pin goes on"
    lib().gpio_irq_rearm(block.pointer, pin)
    assert block.interrupt() == [], "what was before is forgotten"
    block.level(pin, True)
    assert block.interrupt() == [(pin, RISING)]


def test_triggers_that_are_set_anew_wait_for_nothing() -> None:
    block = Block()
    block.set(20, RISING | HIGH)
    block.taken = False
    block.level(20, True)
    assert block.interrupt() == [(20, RISING | HIGH)]
    block.taken = True
    block.set(20, FALLING)
    block.log.clear()
    lib().gpio_irq_rearm(block.pointer, 20)
    assert block.log == []
    block.level(20, False)
    assert block.interrupt() == [(20, FALLING)]


PINS = (0, 3, 17, 27, 28, 31, 32, 45, 53, 57)


class Busy(Block):
    """Counts the edges that a pin with both of them must tell of: those that come while one is
    still latched are the same event, as on the block itself."""

    def __init__(self) -> None:
        super().__init__(gic=True)
        self.edges: dict[int, int] = {}

    def edge(self, pin: int) -> None:
        before = self.events[pin // 32] >> pin % 32 & 1
        self.level(pin, not self.levels >> pin & 1)
        self.edges[pin] = self.edges.get(pin, 0) + (
            not before and self.events[pin // 32] >> pin % 32 & 1
        )

    def forget(self, pin: int) -> None:
        """An edge that is latched when its pin is turned off is not told of."""
        self.edges[pin] -= self.events[pin // 32] >> pin % 32 & 1


class Calls:
    """What machine_pin_irq.c does with the events: calls are due, some are dropped, and a pin is
    armed again when all of its calls were made."""

    MOST = 5  # for 1000

    def __init__(self, block: Busy, rng: random.Random) -> None:
        self.block, self.rng = block, rng
        self.due: dict[int, int] = {}
        self.events: dict[int, int] = {}
        self.dropped: set[int] = set()
        self.function = hardware.GPIO_EVENT(self.happen)
        block.driver.event = self.function

    def happen(self, pin: int, what: int) -> bool:
        triggers = self.block.driver.triggers[pin]
        assert what & triggers == what != 0, "an event that was not asked for"
        assert pin not in self.dropped, "an event of a pin that is off"
        self.events[pin] = self.events.get(pin, 0) + 1
        if self.rng.random() < 0.2:  # an edge of some pin while the handler runs
            self.block.edge(self.rng.choice(PINS))
        if self.due.get(pin, 0) == self.MOST:
            self.dropped.add(pin)
            self.block.forget(pin)
            return False
        self.due[pin] = self.due.get(pin, 0) + 1
        return True

    def call(self, pin: int) -> None:
        self.due[pin] -= 1
        if self.due[pin] == 0:
            self.dropped.discard(pin)
            lib().gpio_irq_rearm(self.block.pointer, pin)

    def cancel(self, pin: int) -> None:
        self.due[pin] = 0
        self.dropped.discard(pin)


@pytest.mark.parametrize("seed", range(10))
def test_random_edges_and_levels_are_told_of_once(seed: int) -> None:
    """On ten pins of both words, while the handler runs too, with pins that are turned off, set
    anew, and silent because too many calls are due."""
    rng = random.Random(seed)
    block = Busy()
    calls = Calls(block, rng)
    for pin in PINS:
        block.set(pin, RISING | FALLING)
    for _ in range(1000):
        pin = rng.choice(PINS)
        what = rng.random()
        if what < 0.55:
            block.edge(pin)
        elif what < 0.8 and calls.due.get(pin):
            calls.call(pin)
        elif what < 0.82:
            block.set(pin, rng.choice([0, RISING | FALLING, RISING | FALLING, rng.randrange(16)]))
            calls.cancel(pin)
            block.edges[pin] = calls.events[pin] = 0
        for _ in range(50):
            if block.events == [0, 0]:
                break
            block.interrupt(rng.randrange(3), most=1)
        assert block.events == [0, 0], "the interrupt does not end"
        for each in PINS:
            levels = block.driver.triggers[each] & (LOW | HIGH)
            assert levels or calls.events.get(each, 0) == block.edges.get(each, 0), each
            assert not levels or calls.due.get(each, 0) <= calls.MOST


def test_pins_of_both_words_share_a_handler() -> None:
    """Events of the second word show on two lines."""
    block = Block()
    for pin in (1, 30, 45):
        block.set(pin, RISING)
        block.level(pin, True)
    assert sorted(block.interrupt(line=1)) == [(1, RISING), (30, RISING), (45, RISING)]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_bcm2711_has_the_lines_on_its_gic(line: int) -> None:
    """Each is acknowledged, told of and ended."""
    block = Block(gic=True)
    enabled = functools.reduce(
        lambda bits, write: bits | write[1],
        block.machine.written(MMIO + GICD + 0x100 + 4 * (FIRST_ID // 32)),
        0,
    )
    assert enabled == 0b111 << FIRST_ID % 32
    block.set(22, FALLING)
    block.level(22, True)
    block.level(22, False)
    assert block.interrupt(line) == [(22, FALLING)]
    assert block.machine.written(END) == [(END, FIRST_ID + line)]


def test_an_event_that_nobody_asked_for_ends() -> None:
    block = Block()
    block.events = [0x80, 0x1]
    assert block.interrupt(line=2) == []


def test_the_interrupt_mask_is_as_before() -> None:
    block = Block()
    for masked in (0, 1):
        block.machine.fake.masked = masked
        block.set(3, HIGH)
        lib().gpio_irq_rearm(block.pointer, 3)
        assert block.machine.fake.masked == masked
