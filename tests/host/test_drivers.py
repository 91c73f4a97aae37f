# SPDX-License-Identifier: MIT
"""UART, timer, GPIO and watchdog drivers on played hardware: sequences, limits, lost bytes."""

import ctypes
import functools
from fractions import Fraction

import hardware
import pl011_fake
import pytest
from hypothesis import given
from hypothesis import strategies as st

BASE = 0x1000

# PL011 registers and bits.
DR, FR, IBRD, FBRD, LCRH, CR = (BASE + n for n in (0x00, 0x18, 0x24, 0x28, 0x2C, 0x30))
IMSC, ICR = BASE + 0x38, BASE + 0x44
RX_INTERRUPTS = 0x50
OVERRUN, FRAMING = 0x800, 0x100

lib = functools.cache(hardware.build)


class Uart:
    """A PL011 with its interrupt line, and the driver's view of it."""

    def __init__(self, ring_size: int = 64, hook: object = None) -> None:
        self.machine = hardware.Machine(lib())
        self.block = pl011_fake.Block(self.machine, BASE)
        self.fifo = self.block.received
        self.driver = hardware.Pl011()
        self.ring = hardware.Ring()
        self.storage = (ctypes.c_uint8 * ring_size)()
        self.hook = hardware.HOOK(hook) if hook else None
        lib().pl011_disable(self.pointer, BASE)
        assert lib().pl011_enable(self.pointer, 48_000_000, 115_200)

    def start(self) -> "Uart":
        lib().test_ring_init(ctypes.byref(self.ring), self.storage, len(self.storage))
        lib().pl011_start_rx(self.pointer, ctypes.byref(self.ring), self.hook, None)
        return self

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.driver)

    def interrupt(self) -> None:
        """Its line is up until they are taken, or masked."""
        while self.block.interrupts:
            lib().pl011_irq(self.pointer)

    def receive(self, data: bytes) -> None:
        self.fifo.extend(data)
        self.interrupt()

    def take(self, count: int) -> bytes:
        """What uart_get() does, `count` times at most."""
        taken = bytearray()
        for _ in range(count):
            byte = lib().test_ring_get(ctypes.byref(self.ring))
            if byte < 0:
                break
            taken.append(byte)
            lib().pl011_resume_rx(self.pointer)
            self.interrupt()
        return bytes(taken)


def divisor(clock: int, baud: int) -> tuple[int, int] | None:
    integer, fraction = ctypes.c_uint32(), ctypes.c_uint32()
    ok = lib().pl011_divisor(clock, baud, ctypes.byref(integer), ctypes.byref(fraction))
    return (integer.value, fraction.value) if ok else None


@pytest.mark.parametrize(
    ("clock", "baud", "expected"),
    [
        (48_000_000, 115_200, (26, 3)),
        (3_000_000, 115_200, (1, 40)),
        (48_000_000, 3_000_000, (1, 0)),
        (24_000_000, 9_600, (156, 16)),
    ],
)
def test_the_divisor_is_the_data_sheets(clock: int, baud: int, expected: tuple[int, int]) -> None:
    assert divisor(clock, baud) == expected


@pytest.mark.parametrize(
    ("clock", "baud"),
    [(48_000_000, 0), (0, 115_200), (1_000_000, 115_200), (48_000_000, 40), (2**32 - 1, 4_096)],
)
def test_a_rate_that_cannot_be_made_is_refused(clock: int, baud: int) -> None:
    assert divisor(clock, baud) is None


@given(st.integers(1_000_000, 2**32 - 1), st.integers(300, 4_000_000))
def test_the_divisor_is_the_nearest_there_is_and_refused_only_out_of_range(
    clock: int, baud: int
) -> None:
    result = divisor(clock, baud)
    exact = Fraction(clock, 16 * baud)
    if result is None:
        assert exact < 1 or exact > 65535
        return
    made = result[0] + Fraction(result[1], 64)
    assert abs(made - exact) <= Fraction(1, 128)
    assert abs(made - exact) / exact < Fraction(1, 100)


def test_taking_over_disables_first_and_latches_the_divisor_last() -> None:
    uart = Uart()
    writes = uart.machine.writes
    order = [address for address, _ in writes]
    assert writes[0] == (CR, 0), "nothing may change while the UART runs"
    assert (IMSC, 0) in writes
    assert (ICR, 0x7FF) in writes
    assert order.index(IBRD) < order.index(FBRD) < len(order) - 1 - order[::-1].index(LCRH)
    assert uart.machine.written(IBRD, FBRD) == [(IBRD, 26), (FBRD, 3)]
    assert writes[-1] == (CR, 0x301)
    assert uart.machine.registers[LCRH] == 0x70
    assert uart.block.divisor == (26, 3), "a write of LCRH takes the divisor over"
    assert not uart.fifo and uart.machine.registers[IMSC] == 0


def test_qemu_is_asked_for_more_after_the_fifo_was_thrown_away() -> None:
    """Its sender waits while the FIFO is full, also when the FIFO is emptied by other means, until
    the data register is read."""
    uart = Uart()
    sender_waits = False

    def throw_away(value: int) -> None:
        nonlocal sender_waits
        sender_waits = bool(uart.fifo)
        uart.fifo.clear()

    def read_data() -> int:
        nonlocal sender_waits
        sender_waits = False
        return uart.block.take()

    lib().pl011_disable(uart.pointer, BASE)
    uart.machine.on_write[LCRH] = throw_away
    uart.machine.on_read[DR] = read_data
    uart.fifo.append(65)  # came after the receiver had been emptied
    assert lib().pl011_enable(uart.pointer, 48_000_000, 115_200)
    assert not sender_waits


def test_a_uart_that_stays_busy_is_taken_over_all_the_same_in_bounded_time() -> None:
    uart = Uart()
    lib().pl011_write(uart.pointer, b"x", 1)
    uart.block.stuck = True
    before = uart.machine.seconds
    lib().pl011_disable(uart.pointer, BASE)
    assert uart.machine.registers[CR] == 0
    assert uart.machine.seconds - before < 0.1


def test_a_receiver_that_never_empties_does_not_hang_the_take_over() -> None:
    uart = Uart()
    uart.machine.on_read[FR] = lambda: 0  # never empty
    uart.machine.on_write.pop(ICR)
    lib().pl011_disable(uart.pointer, BASE)
    assert uart.machine.registers[CR] == 0


def test_an_impossible_baud_rate_leaves_the_uart_disabled() -> None:
    uart = Uart()
    lib().pl011_disable(uart.pointer, BASE)
    assert not lib().pl011_enable(uart.pointer, 1_000_000, 115_200)
    assert uart.machine.registers[CR] == 0


def test_the_last_byte_leaves_before_the_uart_is_taken_over() -> None:
    uart = Uart()
    assert lib().pl011_write(uart.pointer, b"0123456789", 10) == 10
    lib().pl011_disable(uart.pointer, BASE)
    assert uart.block.line == b"0123456789"


def test_sending_to_a_fifo_that_never_drains_ends_and_counts() -> None:
    uart = Uart()
    uart.block.stuck = True
    assert lib().pl011_write(uart.pointer, b"x" * 1000, 1000) == 16, "what the FIFO takes"
    assert uart.driver.stats.tx_dropped == 984
    assert uart.machine.seconds < 0.1, "only the first byte may wait for long"
    uart.block.stuck = False
    assert lib().pl011_write(uart.pointer, b"back", 4) == 4
    lib().pl011_flush(uart.pointer)
    assert uart.block.line == b"x" * 16 + b"back"


@pytest.mark.parametrize("pace", [1, 7])
@pytest.mark.parametrize("depth", [16, 32])
@given(parts=st.lists(st.binary(max_size=80), max_size=6))
def test_what_is_sent_leaves_in_order_whatever_the_depth_of_the_fifo(
    depth: int, pace: int, parts: list[bytes]
) -> None:
    uart = Uart()
    uart.block.depth, uart.block.pace = depth, pace
    for part in parts:
        assert lib().pl011_write(uart.pointer, part, len(part)) == len(part)
    lib().pl011_flush(uart.pointer)
    assert uart.block.line == b"".join(parts) and not uart.block.to_send


def test_bytes_received_come_out_in_order() -> None:
    uart = Uart(ring_size=256).start()
    uart.receive(b"hello ")
    uart.receive(b"world")
    assert uart.take(100) == b"hello world"
    assert uart.driver.stats.received == 11


def test_an_interrupt_takes_as_many_bytes_as_a_fifo_has() -> None:
    """Others wait meanwhile, however fast bytes come."""
    uart = Uart(ring_size=256).start()
    uart.fifo.extend(range(100))
    lib().pl011_irq(uart.pointer)
    assert len(uart.fifo) == 100 - 16
    uart.interrupt()
    assert uart.take(200) == bytes(range(100))


def test_a_full_ring_stops_draining_counts_once_and_resumes_without_loss() -> None:
    uart = Uart(ring_size=64).start()
    data = bytes(range(100))
    uart.receive(data)
    assert lib().test_ring_count(ctypes.byref(uart.ring)) == 64
    assert len(uart.fifo) == 36, "what does not fit stays in the FIFO"
    assert uart.machine.registers[IMSC] == 0
    assert (uart.driver.stats.ring_full, uart.driver.stats.overruns) == (1, 0)
    assert uart.take(31) == data[:31]
    assert uart.machine.registers[IMSC] == 0, "reception starts again with half the ring free"
    assert uart.take(100) == data[31:]
    assert uart.machine.registers[IMSC] == RX_INTERRUPTS
    uart.receive(b"more")
    assert uart.take(10) == b"more"


@given(st.lists(st.tuples(st.binary(max_size=90), st.integers(0, 90)), max_size=12))
def test_no_byte_is_lost_or_doubled_however_reading_and_receiving_alternate(
    steps: list[tuple[bytes, int]],
) -> None:
    uart = Uart(ring_size=32).start()
    sent, got = bytearray(), bytearray()
    for data, count in steps:
        sent += data
        uart.receive(data)
        got += uart.take(count)
    got += uart.take(2000)
    assert got == sent
    assert not uart.fifo


def test_an_overrun_is_counted_and_its_byte_kept() -> None:
    uart = Uart().start()
    uart.fifo.extend([ord("a"), ord("b") | OVERRUN, ord("c")])
    uart.interrupt()
    assert uart.take(10) == b"abc"
    assert uart.driver.stats.overruns == 1


def test_a_byte_with_a_line_error_is_dropped_and_counted() -> None:
    uart = Uart().start()
    uart.fifo.extend([ord("a"), ord("?") | FRAMING, ord("c")])
    uart.interrupt()
    assert uart.take(10) == b"ac"
    assert uart.driver.stats.line_errors == 1


def test_the_hook_sees_every_byte_and_keeps_those_it_uses_up() -> None:
    seen = bytearray()

    def hook(_arg: int | None, byte: int) -> bool:
        seen.append(byte)
        return byte == 3

    uart = Uart(hook=hook).start()
    uart.receive(b"ab\x03c")
    assert seen == b"ab\x03c"
    assert uart.take(10) == b"abc"


def test_an_interrupt_without_a_byte_is_cleared() -> None:
    uart = Uart().start()
    lib().pl011_irq(uart.pointer)
    assert uart.machine.writes[-1] == (ICR, RX_INTERRUPTS)


def test_a_byte_that_comes_as_its_interrupt_is_cleared_is_not_left_behind() -> None:
    uart = Uart().start()
    uart.machine.on_write[ICR] = lambda value: uart.fifo.append(65)
    lib().pl011_irq(uart.pointer)
    assert uart.take(10) == b"A"


def test_the_interrupt_of_waiting_bytes_is_never_cleared() -> None:
    uart = Uart().start()
    uart.machine.writes.clear()
    uart.receive(b"abc")
    assert uart.machine.written(ICR) == []


def test_a_receiver_that_never_empties_does_not_hang_the_handler() -> None:
    uart = Uart(hook=lambda _arg, _byte: True).start()
    uart.machine.on_read |= {FR: lambda: 0, DR: lambda: 65}
    lib().pl011_irq(uart.pointer)
    assert 0 < uart.driver.stats.received <= 4096


def test_the_ring_holds_exactly_its_size() -> None:
    ring, storage = hardware.Ring(), (ctypes.c_uint8 * 8)()
    pointer = ctypes.byref(ring)
    lib().test_ring_init(pointer, storage, 8)
    ring.head = ring.tail = 2**32 - 3  # the indices wrap on the way
    assert [lib().test_ring_put(pointer, n) for n in range(9)] == [1] * 8 + [0]
    assert [lib().test_ring_get(pointer) for _ in range(9)] == [*range(8), -1]


# Timer.


@given(st.sampled_from([19_200_000, 54_000_000, 62_500_000]), st.integers(0, 2**64 - 1))
def test_ticks_become_microseconds_exactly(hz: int, ticks: int) -> None:
    hardware.Machine(lib(), hz=hz)
    assert lib().timer_ticks_to_us(ticks) == ticks * 1_000_000 // hz


@given(st.sampled_from([19_200_000, 54_000_000, 62_500_000]), st.integers(0, 2**58))
def test_microseconds_become_ticks_exactly(hz: int, us: int) -> None:
    hardware.Machine(lib(), hz=hz)
    assert lib().timer_us_to_ticks(us) == us * hz // 1_000_000


def test_a_counter_of_unknown_frequency_does_not_stop_the_wait() -> None:
    machine = hardware.Machine(lib(), hz=0, step=1)
    assert not lib().timer_wait_register(BASE, 1, 1, 1000)
    assert machine.fake.ticks < 10


def test_waiting_for_a_register_ends_when_it_changes() -> None:
    machine = hardware.Machine(lib())
    values = iter([0, 0, 0, 4])
    machine.on_read[BASE] = lambda: next(values)
    assert lib().timer_wait_register(BASE, 4, 4, 1000)


def test_an_interrupt_that_uses_up_the_time_does_not_hide_that_a_register_has_changed() -> None:
    machine = hardware.Machine(lib(), step=54_000_000)  # a second at each look at the clock
    values = iter([0, 0, 4])
    machine.on_read[BASE] = lambda: next(values)
    assert lib().timer_wait_register(BASE, 4, 4, 1000)


@given(st.sampled_from([1_500_000, 19_200_000, 54_000_000]), st.integers(0, 200))
def test_a_spin_is_never_too_short(hz: int, us: int) -> None:
    machine = hardware.Machine(lib(), hz=hz, step=1)
    begin = 1  # the first look at the counter
    lib().timer_spin_us(us)
    assert (machine.fake.ticks - begin) * 1_000_000 >= us * hz


def test_a_wait_with_a_deadline_arms_the_timer_and_disarms_it() -> None:
    machine = hardware.Machine(lib(), step=1)
    armed = []
    machine.sleep = lambda _masked: armed.append(machine.fake.timer)  # type: ignore[assignment]
    callback = hardware.SLEEP(lambda masked: machine.sleep(masked))
    machine.fake.sleep = callback
    lib().irq_wait()  # forget what earlier tests handled
    armed.clear()
    lib().timer_wait_until(5000)
    assert armed == [5000]
    assert machine.fake.timer == hardware.TIMER_OFF


def test_a_deadline_in_the_past_does_not_sleep() -> None:
    machine = hardware.Machine(lib(), step=1)
    machine.fake.ticks = 5000
    lib().timer_wait_until(4000)
    assert machine.sleeps == []


# GPIO.


def gpio(pulls_2711: bool) -> tuple[hardware.Machine, object]:
    return hardware.Machine(lib()), ctypes.byref(hardware.Gpio(BASE, 58, pulls_2711))


@given(st.integers(0, 57), st.integers(0, 7), st.integers(0, 2**30 - 1))
def test_a_function_is_set_in_its_field_and_no_other(pin: int, function: int, old: int) -> None:
    machine, pointer = gpio(True)
    address = BASE + 4 * (pin // 10)
    machine.registers[address] = old
    lib().gpio_set_function(pointer, pin, function)
    shift = 3 * (pin % 10)
    assert machine.registers[address] == old & ~(7 << shift) | function << shift
    assert lib().gpio_function(pointer, pin) == function


@given(st.integers(0, 57), st.sampled_from([0, 1, 2]), st.integers(0, 2**32 - 1))
def test_bcm2711_has_a_pull_field_for_each_pin(pin: int, pull: int, old: int) -> None:
    machine, pointer = gpio(True)
    address = BASE + 0xE4 + 4 * (pin // 16)
    machine.registers[address] = old
    lib().gpio_set_pull(pointer, pin, pull)
    shift = 2 * (pin % 16)
    assert machine.registers[address] == old & ~(3 << shift) | pull << shift


class Pulls:
    """BCM2837's pulls: a pin takes the control that is there when its clock rises, if that was set
    up 150 cycles before and both stay for 150 cycles. `taken` has them by pin."""

    CONTROL, CLOCK = BASE + 0x94, BASE + 0x98
    SETTLE = 150 / 19_200_000  # s, of the slowest clock that it may be

    def __init__(self, machine: hardware.Machine) -> None:
        self.machine = machine
        self.control = 0
        self.clocks = [0, 0]
        self.since = 0.0  # the last change
        self.taken: dict[int, int] = {}
        machine.on_write[self.CONTROL] = self.set_control
        for bank in (0, 1):
            machine.on_write[self.CLOCK + 4 * bank] = lambda v, bank=bank: self.clock(bank, v)

    def change(self, what: str) -> None:
        assert self.machine.seconds - self.since >= self.SETTLE, (
            f"{what} is shorter than 150 cycles"
        )
        self.since = self.machine.seconds

    def set_control(self, value: int) -> None:
        if any(self.clocks):
            self.change("the hold time")
        self.control, self.since = value, self.machine.seconds

    def clock(self, bank: int, pins: int) -> None:
        if pins:
            self.change("the set-up time")
            self.taken |= {32 * bank + n: self.control for n in range(32) if pins >> n & 1}
        else:
            assert self.control == 0, "the control is removed before the clock"
        self.clocks[bank] = pins


@pytest.mark.parametrize(("pull", "control"), [(0, 0), (1, 2), (2, 1)])
@pytest.mark.parametrize("pin", [0, 31, 32, 45, 53])
def test_bcm2837_clocks_a_pull_into_one_pin(pin: int, pull: int, control: int) -> None:
    machine, pointer = gpio(False)
    pulls = Pulls(machine)
    lib().gpio_set_pull(pointer, pin, pull)
    assert pulls.taken == {pin: control}
    assert (pulls.control, pulls.clocks) == (0, [0, 0]), "both are removed"
    clock = pulls.CLOCK + 4 * (pin // 32)
    expected = [(pulls.CONTROL, control), (clock, 1 << pin % 32), (pulls.CONTROL, 0), (clock, 0)]
    assert machine.writes == expected


@pytest.mark.parametrize("bank", [0, 1])
def test_pulls_of_several_pins_are_set_at_once(bank: int) -> None:
    machine, pointer = gpio(False)
    pulls = Pulls(machine)
    lib().gpio_set_pulls(pointer, bank, 0b1010, 1)
    assert pulls.taken == {32 * bank + 1: 2, 32 * bank + 3: 2}
    assert len(machine.writes) == 4 and pulls.clocks == [0, 0]
    machine, pointer = gpio(True)
    address = BASE + 0xE4 + 8 * bank
    machine.registers[address] = 0xFFFFFFFF
    lib().gpio_set_pulls(pointer, bank, 0b1010, 1)
    assert machine.registers == {address: 0xFFFFFF77}


def test_levels_are_set_and_cleared_by_bit() -> None:
    machine, pointer = gpio(True)
    for address in range(BASE + 0x1C, BASE + 0x30, 4):
        machine.on_read[address] = not_to_be_read
    lib().gpio_write(pointer, 42, True)
    lib().gpio_write(pointer, 5, False)
    assert machine.writes == [(BASE + 0x1C + 4, 1 << 10), (BASE + 0x28, 1 << 5)]


def not_to_be_read() -> int:
    raise AssertionError("a register that sets or clears has nothing to read")


@pytest.mark.parametrize("pin", [0, 31, 32, 57])
def test_a_level_is_read_by_bit(pin: int) -> None:
    machine, pointer = gpio(True)
    machine.registers[BASE + 0x34 + 4 * (pin // 32)] = 1 << pin % 32
    assert [n for n in range(58) if lib().gpio_read(pointer, n)] == [pin]


# Watchdog.

RSTC, RSTS, WDOG = BASE + 0x1C, BASE + 0x20, BASE + 0x24


def test_a_reset_arms_the_watchdog_with_the_password_and_keeps_other_bits() -> None:
    machine = hardware.Machine(lib())
    machine.registers[RSTC] = 0x112
    lib().watchdog_reset(BASE)
    assert machine.writes == [(WDOG, 0x5A00000A), (RSTC, 0x5A000122)]


def test_a_halt_sets_partition_63_and_keeps_the_firmwares_bits() -> None:
    machine = hardware.Machine(lib())
    machine.registers[RSTS] = 0x1000
    lib().watchdog_halt(BASE)
    assert machine.writes[0] == (RSTS, 0x5A001555)
    assert machine.writes[-1] == (RSTC, 0x5A000020)


@pytest.mark.parametrize(("ms", "ticks"), [(1, 66), (1000, 65536), (15999, 1048511)])
def test_the_watchdog_counts_up_to_sixteen_seconds(ms: int, ticks: int) -> None:
    """Each write has the password; the count is there before the reset is configured."""
    machine = hardware.Machine(lib())
    machine.registers[RSTC] = 0x112
    for _ in range(2):  # started, then fed: the register still has what was written
        machine.writes.clear()
        lib().watchdog_start(BASE, ms)
        assert machine.writes[0] == (WDOG, 0x5A000000 | ticks)
        assert machine.writes[1][0] == RSTC
        assert machine.writes[1][1] & 0xFF0003FF == 0x5A000122
        assert len(machine.writes) == 2
    assert ticks < 1 << 20, "the register has 20 bits"
