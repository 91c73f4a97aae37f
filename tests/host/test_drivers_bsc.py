# SPDX-License-Identifier: MIT
"""The I2C driver on a played controller: what the bus sees, and what if it stands still."""

import functools
import itertools
from collections import deque

import bsc_fake
import hardware
import pytest
from bsc_fake import CLKT, DEL, DIV, DLEN, FIFO, I2CEN, READ, ST, A, Bsc, C, S
from hypothesis import given
from hypothesis import strategies as st

OK, NACK, TIMEOUT, SHORT, ABSENT, GIVEN_UP = range(6)
lib = functools.cache(hardware.build)


def bus(**devices: bytes) -> Bsc:
    made = Bsc(lib(), {int(name[1:], 16): answer for name, answer in devices.items()})
    assert made.start()[0] == OK
    return made


@pytest.mark.parametrize(
    ("core", "wanted", "divider", "rate"),
    [
        (250_000_000, 100_000, 2500, 100_000),
        (250_000_000, 400_000, 626, 399_361),  # 625, and dividers are even
        (500_000_000, 1_000_000, 500, 1_000_000),
        (250_000_000, 250_000_000, 2, 125_000_000),
        (250_000_000, 1000, 0xFFFE, 3814),
    ],
)
def test_the_rate_is_the_highest_that_is_not_above(core, wanted, divider, rate):
    made = Bsc(lib())
    assert made.start(core, wanted) == (OK, rate)
    registers = made.machine.registers
    assert registers[DIV] == divider
    falling, rising = registers[DEL] >> 16, registers[DEL] & 0xFFFF
    assert (falling, rising) == (max(divider // 16, 1), max(divider // 4, 1))


def test_the_blocks_own_limit_of_a_stretched_clock_is_in_clocks():
    made = Bsc(lib())
    made.driver.timeout_us = 1000
    made.start(hz=100_000)
    assert made.machine.registers[CLKT] == 101
    made.driver.timeout_us = 1_000_000
    made.start(hz=100_000)
    assert made.machine.registers[CLKT] == 0, (
        "more than its register holds: the driver's limit is left"
    )


def test_a_block_that_keeps_nothing_is_absent():
    made = Bsc(lib())
    made.machine.on_read[DIV] = lambda: 0
    assert made.start()[0] == ABSENT


def test_a_write_is_told_in_the_manuals_order():
    made = bus(x48=b"")
    made.machine.writes.clear()
    assert made.write(0x48, b"\x01\x02") == OK
    assert made.machine.writes == [
        (C, 0x30),
        (S, 0x302),
        (A, 0x48),
        (DLEN, 2),
        (C, I2CEN | ST),
        (FIFO, 1),
        (FIFO, 2),
        (C, 0x30),
        (S, 0x302),
    ]
    assert made.bus == [("start", 0x48, "write"), 1, 2, "stop"]


def test_an_empty_write_asks_for_a_device():
    made = bus(x48=b"")
    assert (made.write(0x48, b""), made.write(0x49, b"")) == (OK, NACK)
    assert made.bus == [("start", 0x48, "write"), "stop", ("start", 0x49, "write"), "stop"]


@given(st.binary(min_size=1, max_size=200))
def test_bytes_come_as_they_were_sent(data):
    made = bus(x50=data)
    assert made.write(0x50, data) == OK
    assert made.bus[1:-1] == list(data)
    assert made.read(0x50, len(data)) == (OK, data)


@given(st.binary(min_size=1, max_size=70), st.integers(1, 70))
def test_a_read_follows_a_write_without_a_stop(out, size):
    answer = bytes(range(size))
    made = bus(x68=answer)
    made.driver.timeout_us = 1000
    assert made.write_read(0x68, out, size) == (OK, answer)
    first, second = ("start", 0x68, "write"), ("restart", 0x68, "read")
    assert made.bus == [first, *out, second, *answer, "stop"]
    assert made.masked[-1] and not made.masked[-2], "an interrupt there would make it a STOP"
    assert not made.machine.fake.masked


def test_the_read_is_told_while_the_last_byte_is_on_its_way():
    made = bus(x68=b"ab")
    made.machine.writes.clear()
    made.write_read(0x68, b"\x05", 2)
    told = [(FIFO, 5), (S, 2), (A, 0x68), (DLEN, 2), (C, I2CEN | ST | READ)]
    at = made.machine.writes.index((FIFO, 5))
    assert made.machine.writes[at : at + len(told)] == told


def test_without_a_byte_to_write_it_is_a_read():
    made = bus(x68=b"ab")
    assert made.write_read(0x68, b"", 2) == (OK, b"ab")
    assert made.bus[0] == ("start", 0x68, "read")


def no_trace(made: Bsc) -> None:
    """The next transfer goes as if nothing had been."""
    made.gives_up = 0
    made.held, made.stretched, made.refused, made.cut = "", False, -1, -1
    assert not made.active and not made.machine.fake.masked
    assert made.machine.registers[C] & (I2CEN | ST) == 0, "the block is left on"
    made.bus.clear()
    assert made.write(0x48, b"\x07") == OK
    assert made.bus == [("start", 0x48, "write"), 7, "stop"]


MOVES = {
    "write": lambda made, device: made.write(device, bytes(range(40))),
    "read": lambda made, device: made.read(device, 40)[0],
    "write_read": lambda made, device: made.write_read(device, b"\x01\x02", 4)[0],
}


@pytest.mark.parametrize("move", MOVES)
def test_no_device_is_a_nack_and_leaves_no_trace(move):
    made = bus(x48=b"")
    assert MOVES[move](made, 0x20) == NACK
    assert made.bus[1:] == ["stop"], "it is off before it has sent STOP"
    no_trace(made)


def test_the_wait_for_a_stop_that_does_not_come_is_short():
    """QEMU's block says nothing but ERR."""
    made = bus(x48=b"")
    made.machine.on_read[S] = lambda: 0x155
    before = made.machine.seconds
    assert made.write(0x20, b"x") == NACK
    assert made.machine.seconds - before < 0.0001


@pytest.mark.parametrize("size", [1, 2, 15, 16, 17, 40])
def test_bytes_of_the_write_are_not_taken_for_those_of_the_read(size):
    """They are in the FIFO when the block is told of the read."""
    made = bus(x68=b"answer")
    made.driver.timeout_us = 1000
    made.pace = 5
    assert made.write_read(0x68, bytes(range(100, 100 + size)), 6) == (OK, b"answer")


@pytest.mark.parametrize("asked", [1, 4, 9, 20])
@pytest.mark.parametrize("move", MOVES)
def test_a_transfer_that_is_given_up_leaves_no_trace(move, asked):
    made = bus(x48=bytes(60))
    made.pace, made.gives_up = 5, asked
    result = MOVES[move](made, 0x48)
    assert result == (GIVEN_UP if made.questions == asked else OK)
    no_trace(made)


def test_a_read_that_is_given_up_ends_with_nack_and_stop():
    made = bus(x48=bytes(60))
    made.pace, made.gives_up = 5, 12
    assert made.read(0x48, 60)[0] == GIVEN_UP
    assert made.bus[-2:] == ["nack", "stop"] and len(made.bus) < 60


def test_a_write_that_is_given_up_is_not_fed_any_more():
    made = bus(x48=b"")
    made.pace, made.gives_up = 5, 12
    assert made.write(0x48, bytes(60)) == GIVEN_UP
    assert made.bus[-1] == "cut" and len(made.bus) < 60
    assert made.fifo == deque()


@pytest.mark.parametrize(("move", "held"), list(itertools.product(MOVES, ["start", "byte"])))
def test_a_bus_that_stands_still_is_left_after_the_time(move, held):
    made = bus(x48=b"")
    made.held = held
    before = made.machine.seconds
    assert MOVES[move](made, 0x48) == TIMEOUT
    assert 0.049 < made.machine.seconds - before < 0.12
    no_trace(made)


@pytest.mark.parametrize("move", MOVES)
def test_a_clock_that_is_stretched_too_long_is_no_missing_device(move):
    made = bus(x48=b"")
    made.stretched = True
    assert MOVES[move](made, 0x48) == TIMEOUT
    no_trace(made)


def test_a_bus_that_nothing_moves_is_no_missing_device_even_if_the_block_tells_of_both():
    made = bus()
    made.stretched = True
    status = made.machine.on_read[S]
    made.machine.on_read[S] = lambda: status() | bsc_fake.ERR
    assert made.write(0x20, b"") == TIMEOUT


@pytest.mark.parametrize("masked", [0, 1])
@pytest.mark.parametrize("device", [0x48, 0x20])
def test_the_interrupt_mask_is_as_before(device, masked):
    made = bus(x48=b"abc")
    made.machine.fake.masked = masked
    made.write_read(device, b"\x01\x02", 3)
    assert made.machine.fake.masked == masked


@pytest.mark.parametrize("number", [0, 1, 20])
def test_a_byte_that_is_not_taken_is_a_nack(number):
    made = bus(x48=b"")
    made.refused = number
    assert made.write(0x48, bytes(40)) == NACK
    no_trace(made)


def test_a_read_that_ends_early_is_told():
    made = bus(x48=b"abc")
    made.cut = 2
    assert made.read(0x48, 3)[0] == SHORT
    no_trace(made)


def test_what_an_earlier_transfer_left_is_forgotten():
    """Of the firmware, or of a program before a soft reset."""
    made = bus(x48=b"")
    made.events = 0x302
    made.fifo.extend(b"old")
    assert made.write(0x48, b"\x01") == OK
    assert made.bus[1:-1] == [1]


def test_a_slow_bus_has_time_for_each_byte():
    """The limit is that of a time without progress: a transfer may take longer."""
    data = bytes(range(200))
    made = bus(x48=data)
    made.machine.fake.step = 54_000_000 // 2000  # half a millisecond at each look at the clock
    made.pace = 2
    assert made.write(0x48, data) == OK
    assert made.read(0x48, 200) == (OK, data)
    assert made.machine.seconds > 4 * made.driver.timeout_us / 1e6


def test_bytes_in_the_fifo_take_their_time():
    """After the last byte was moved into the FIFO, nothing moves until the FIFO is empty."""
    made = bus(x48=b"")
    made.driver.timeout_us = 200
    made.machine.fake.step = 54 * 90  # a byte of 100 kHz, 90 us, at each look at the clock
    assert made.write(0x48, bytes(range(12))) == OK
    assert made.machine.seconds > 4 * made.driver.timeout_us / 1e6


def test_a_stopped_block_is_off():
    made = bus(x48=b"")
    lib().bsc_stop(bsc_fake.ctypes.byref(made.driver))
    assert made.machine.registers[C] == 0
