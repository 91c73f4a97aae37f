# SPDX-License-Identifier: MIT
"""The random number generators on played hardware: sequences, their tests, and bounded waits."""

import ctypes
import functools
import struct
from collections.abc import Iterable
from itertools import count

import hardware
import pytest

BASE = 0x1000
OK, TIMEOUT, UNHEALTHY, REPEATS = range(4)
KINDS = ["BCM2835", "RNG200"]

# BCM2835's registers.
CTRL, STATUS, DATA = BASE, BASE + 4, BASE + 8
# RNG200's.
RNG_RESET, RBG_RESET, BITS, THRESHOLD = (BASE + n for n in (0x04, 0x08, 0x0C, 0x10))
INT_STATUS, FIFO_DATA, FIFO_COUNT = (BASE + n for n in (0x18, 0x20, 0x24))
ENABLED = 3 << 13 | 0x1FFF
LOCKOUT, NIST_FAIL = 1 << 31, 1 << 5

lib = functools.cache(hardware.build)


class Generator:
    """A generator that gives `words`, and the driver's view of it."""

    def __init__(self, kind: str, words: Iterable[int] = ()) -> None:
        self.machine = hardware.Machine(lib(), step=5400)
        self.words = iter(words)
        self.available = 255
        self.bits = 0x40000
        self.health: list[int] = []  # what INT_STATUS reads, the last for good
        self.reads = 0
        read = self.machine.on_read
        if kind == "BCM2835":
            read |= {STATUS: lambda: self.available << 24, DATA: self.take}
        else:
            read |= {BITS: lambda: self.bits, FIFO_COUNT: lambda: 0x700 | self.available}
            read |= {FIFO_DATA: self.take, INT_STATUS: self.read_health}
        self.driver = hardware.Rng()
        lib().rng_start(ctypes.byref(self.driver), BASE, kind == "RNG200")

    def take(self) -> int:
        assert self.available > 0, "a word is read from a FIFO that is empty"
        self.reads += 1
        return next(self.words)

    def read_health(self) -> int:
        return self.health.pop(0) if len(self.health) > 1 else (self.health or [0])[0]

    def read(self, size: int) -> tuple[int, bytes]:
        buffer = ctypes.create_string_buffer(size + 1)
        buffer[size] = b"!"
        result = lib().rng_read(ctypes.byref(self.driver), buffer, size)
        assert buffer.raw[size:] == b"!", "not a byte more than was asked for"
        return result, buffer.raw[:size]


def test_bcm2835_discards_its_first_numbers_and_then_starts() -> None:
    assert Generator("BCM2835").machine.writes == [(STATUS, 0x40000), (CTRL, 1)]


def test_rng200_discards_its_first_bits_and_then_starts() -> None:
    assert Generator("RNG200").machine.writes == [(THRESHOLD, 0x40000), (CTRL, ENABLED)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_start_does_not_wait(kind: str) -> None:
    assert Generator(kind).machine.seconds == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 1000])
def test_each_word_is_used_once_and_in_order(kind: str, size: int) -> None:
    generator = Generator(kind, count(0x10203040))
    expected = b"".join(struct.pack("<I", 0x10203040 + n) for n in range(250))
    assert generator.read(size) == (OK, expected[:size])
    assert generator.reads == (size + 3) // 4, "no word is lost"


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_that_gives_nothing_ends_in_bounded_time(kind: str) -> None:
    generator = Generator(kind)
    generator.available = 0
    assert generator.read(4)[0] == TIMEOUT
    assert 0.9 < generator.machine.seconds < 1.5
    assert generator.reads == 0, "an empty FIFO is not read"


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_is_waited_for(kind: str) -> None:
    generator = Generator(kind, [5])
    answers = iter([0] * 1000)
    address = STATUS if kind == "BCM2835" else FIFO_COUNT
    ready = generator.machine.on_read[address]
    generator.machine.on_read[address] = lambda: 0 if next(answers, 1) == 0 else ready()
    assert generator.read(4) == (OK, b"\5\0\0\0")


def test_rng200_has_no_word_before_it_counted_bits() -> None:
    generator = Generator("RNG200", [5])
    generator.bits = 16
    assert generator.read(4)[0] == TIMEOUT
    assert generator.reads == 0
    generator.bits = 17
    assert generator.read(4)[0] == OK


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_that_repeats_once_is_chance(kind: str) -> None:
    generator = Generator(kind, [7, 7, 8, 9])
    assert generator.read(12) == (OK, struct.pack("<III", 7, 8, 9))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stuck", [0, 0xFFFFFFFF, 0x12345678])
def test_a_source_that_is_stuck_is_refused(kind: str, stuck: int) -> None:
    generator = Generator(kind, [1, 2, stuck, stuck, stuck])
    assert generator.read(16)[0] == REPEATS
    assert generator.reads == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_repetition_is_found_over_two_reads(kind: str) -> None:
    generator = Generator(kind, [7, 7, 7])
    assert generator.read(4)[0] == OK
    assert generator.read(4)[0] == REPEATS


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_word_may_be_any(kind: str) -> None:
    assert Generator(kind, [0]).read(4) == (OK, bytes(4))


RESTART = [
    (CTRL, 3 << 13),
    (INT_STATUS, 0xFFFFFFFF),
    (RBG_RESET, 1),
    (RNG_RESET, 1),
    (RNG_RESET, 0),
    (RBG_RESET, 0),
    (THRESHOLD, 0x40000),  # which a reset may have forgotten
    (CTRL, ENABLED),
]


@pytest.mark.parametrize("bit", [LOCKOUT, NIST_FAIL, LOCKOUT | NIST_FAIL])
def test_a_failed_health_test_restarts_rng200_in_order(bit: int) -> None:
    generator = Generator("RNG200", count(1))
    generator.machine.writes.clear()
    generator.health = [bit, 0]
    assert generator.read(4)[0] == OK
    assert generator.machine.writes == RESTART


def test_other_bits_of_the_status_are_no_failure() -> None:
    generator = Generator("RNG200", count(1))
    generator.machine.writes.clear()
    generator.health = [~(LOCKOUT | NIST_FAIL) & 0xFFFFFFFF]
    assert generator.read(64)[0] == OK
    assert generator.machine.writes == []


def test_rng200_is_restarted_once_a_read_and_then_refused() -> None:
    generator = Generator("RNG200", count(1))
    generator.machine.writes.clear()
    generator.health = [NIST_FAIL]
    assert generator.read(4)[0] == UNHEALTHY
    assert generator.machine.writes == RESTART
    assert generator.reads == 0, "what a failing generator gives is not used"
    # A second failure in the same read, words later.
    generator.health = [NIST_FAIL, 0, 0, LOCKOUT]
    generator.machine.writes.clear()
    assert generator.read(400)[0] == UNHEALTHY
    assert generator.machine.writes == RESTART
    # The next read may restart it again.
    generator.health = [LOCKOUT, 0]
    assert generator.read(4)[0] == OK
