# SPDX-License-Identifier: MIT
"""The SPI drivers on played masters: rates and modes, the order of the registers, what is lost."""

import functools

import hardware
import pytest
import spi_fake
from hypothesis import given
from hypothesis import strategies as st
from spi_fake import CLK, CNTL0, CNTL1, CS, DLEN, ENABLES, FIFO, IO, TA, AuxSpi, Spi0

OK, TIMEOUT, ABSENT = range(3)
lib = functools.cache(hardware.build)
BOTH = [Spi0, AuxSpi]


def started(kind, hz=1_000_000):
    made = kind(lib())
    made.machine.registers[ENABLES] = 1  # the mini UART's, which stays
    assert made.start(hz)[0] == OK
    return made


@pytest.mark.parametrize(
    ("core", "wanted", "divider", "rate"),
    [
        (250_000_000, 1_000_000, 250, 1_000_000),
        (250_000_000, 400_000, 626, 399_361),  # 625, and dividers are even
        (500_000_000, 125_000_000, 4, 125_000_000),
        (250_000_000, 250_000_000, 2, 125_000_000),
        (250_000_000, 1, 0, 3814),  # 0 means 65536
    ],
)
def test_spi0_runs_at_the_highest_rate_that_is_not_above(core, wanted, divider, rate):
    made = Spi0(lib())
    assert made.start(wanted, core) == (OK, rate)
    assert made.machine.registers[CLK] == divider


@pytest.mark.parametrize(
    ("core", "wanted", "speed", "rate"),
    [
        (250_000_000, 1_000_000, 124, 1_000_000),
        (250_000_000, 400_000, 312, 399_361),
        (500_000_000, 250_000_000, 0, 250_000_000),
        (250_000_000, 1, 4095, 30517),
    ],
)
def test_spi1_runs_at_the_highest_rate_that_is_not_above(core, wanted, speed, rate):
    made = AuxSpi(lib())
    assert made.start(wanted, core) == (OK, rate)
    assert made.machine.registers[CNTL0] >> 20 == speed


@pytest.mark.parametrize(("polarity", "phase"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_spi0_has_four_modes_and_no_chip_select(polarity, phase):
    made = Spi0(lib())
    made.start(1_000_000, 250_000_000, polarity, phase)
    made.transfer(b"x")
    assert made.machine.registers[CS] & 0x8F == 3 | phase << 2 | polarity << 3


@pytest.mark.parametrize(("polarity", "edges"), [(0, 0x400), (1, 0x180)])
def test_spi1_samples_at_the_first_edge(polarity, edges):
    """CPOL 0: in at the rising edge, out at the falling one; CPOL 1: the other way round."""
    made = AuxSpi(lib())
    made.start(1_000_000, 250_000_000, polarity, False)
    control = made.machine.registers[CNTL0]
    assert control & 0x580 == edges
    assert control & 0xFFFFF & ~0x580 == 7 << 17 & 0xFFFFF | 1 << 14 | 1 << 11 | 1 << 6
    assert made.machine.registers[CNTL1] == 2


def test_spi0_is_told_in_the_manuals_order():
    made = started(Spi0)
    made.machine.writes.clear()
    assert made.transfer(b"\x01\x02") == (OK, b"\x01\x02")
    assert made.machine.writes == [
        (CS, 0x33),
        (DLEN, 2),
        (CS, 0x83),
        (FIFO, 1),
        (FIFO, 2),
        (CS, 0x33),
    ]


def test_spi1_is_switched_on_before_its_registers_are_written():
    made = AuxSpi(lib())
    made.start(1_000_000)
    assert made.machine.writes[0] == (ENABLES, 2)
    control = made.machine.registers[CNTL0]
    assert made.machine.written(CNTL0) == [(CNTL0, control | 1 << 9), (CNTL0, control)]


def test_spi1_leaves_the_mini_uart_alone():
    made = started(AuxSpi)
    assert made.machine.registers[ENABLES] == 3
    made.stop()
    assert made.machine.registers[ENABLES] == 1


def test_entries_of_spi1_have_three_bytes_at_the_top_and_hold_the_select():
    made = started(AuxSpi)
    made.machine.writes.clear()
    assert made.transfer(b"\x01\x02\x03\x04") == (OK, b"\x01\x02\x03\x04")
    assert made.machine.written(IO, spi_fake.TXHOLD) == [
        (spi_fake.TXHOLD, 0x18010203),
        (IO, 0x08040000),
    ]
    made.transfer(b"\x05\x06")
    assert made.machine.writes[-3] == (IO, 0x10050600)


@pytest.mark.parametrize("kind", BOTH)
@given(data=st.binary(max_size=300))
def test_bytes_come_back_as_they_were_sent(kind, data):
    made = started(kind)
    assert made.transfer(data) == (OK, data)
    assert bytes(made.line) == data and made.lost == 0
    assert made.transfer(data, keep=False) == (OK, b"")


@pytest.mark.parametrize("kind", BOTH)
def test_nothing_is_lost_when_the_driver_is_late(kind):
    """The masters go on while an interrupt is served: they have no more than they can keep."""
    made = started(kind)
    status = made.status

    def several() -> int:
        for _ in range(100):
            status()
        return status()

    made.machine.on_read[CS if kind is Spi0 else spi_fake.STAT] = several
    data = bytes(range(256))
    assert made.transfer(data) == (OK, data) and made.lost == 0


@pytest.mark.parametrize("kind", BOTH)
def test_what_an_earlier_transfer_left_is_forgotten(kind):
    made = started(kind)
    made.received.append(0xEE)
    made.to_send.append(0x08EE0000 if kind is AuxSpi else 0xEE)
    assert made.transfer(b"\x01") == (OK, b"\x01")
    assert made.line == [1]


@pytest.mark.parametrize("kind", BOTH)
def test_a_master_that_stands_still_is_left_after_the_time(kind):
    made = started(kind)
    made.stuck = True
    before = made.machine.seconds
    assert made.transfer(bytes(100))[0] == TIMEOUT
    assert 0.09 < made.machine.seconds - before < 0.25
    made.stuck = False
    assert made.transfer(b"\x07") == (OK, b"\x07"), "it goes on as if nothing had been"


def test_spi0_is_not_left_before_it_has_sent_all():
    made = started(Spi0)
    made.never_done = True
    assert made.transfer(b"\x01")[0] == TIMEOUT
    assert not made.active


def test_spi0_is_idle_between_transfers_and_off_at_the_end():
    made = started(Spi0)
    made.transfer(b"\x01")
    assert not made.machine.registers[CS] & TA
    made.stop()
    assert made.machine.registers[CS] & ~0x30 == 0


def test_a_long_transfer_has_the_longest_length():
    made = started(Spi0)
    made.stuck = True
    made.transfer(bytes(70_000))
    assert made.machine.registers[DLEN] == 0xFFFF


@pytest.mark.parametrize(("kind", "register"), [(Spi0, CLK), (AuxSpi, CNTL0)])
def test_a_master_that_keeps_nothing_is_absent(kind, register):
    made = kind(lib())
    made.machine.on_read[register] = lambda: 0
    assert made.start(1_000_000)[0] == ABSENT
