# SPDX-License-Identifier: MIT
"""Ctrl-C ends transfers that take long, and the bus goes on afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buses import SETUP

from pimem.testing import Machine, board_session

GPIO = {"BCM2837": 0x3F20_0000, "BCM2711": 0xFE20_0000}
SET, CLR = 0x1C, 0x28
DEVICES = (
    "tmp105,id=thermometer,bus=i2c-bus.1,address=0x48",
    "at24c-eeprom,bus=i2c-bus.1,address=0x50,rom-size=256",
)


@pytest.fixture(scope="module", params=board_session.PIS)
def pi(request: pytest.FixtureRequest) -> Iterator[Machine]:
    extra = [word for device in DEVICES for word in ("-device", device)]
    extra += ["-serial", "null"]
    with board_session.booted(request.param, extra=extra) as machine:
        machine.exec(SETUP)
        yield machine


def interrupt(pi: Machine, call: str) -> None:
    """Run what does not end by itself, and press Ctrl-C."""
    pi.link.write(f"print('runs'); {call}\x04".encode())
    pi.link.read_until(b"OKruns", silence=60)
    pi.link.write(b"\x03")
    assert b"KeyboardInterrupt" in pi.link.read_until(b"\x04>", silence=60)


@pytest.mark.parametrize(
    "call", ["bus.writeto_mem(0x50, 0, bytes(60000))", "bus.readfrom_mem(0x50, 0, 60000)"]
)
def test_ctrl_c_ends_transfers_of_i2c(pi: Machine, call: str) -> None:
    """One takes a moment only in QEMU: it comes at another byte of one of them each time."""
    pi.exec("bus = I2C(1)\nbus.writeto_mem(0x48, 2, b'\\x11\\x22')")
    for _ in range(5):
        interrupt(pi, f"\nwhile True: {call}")
        assert pi.eval("list(bus.readfrom_mem(0x48, 2, 2))") == [0x11, 0x20], "of another device"
        assert pi.eval("bus.scan()") == [0x48, 0x50]
    pi.exec("bus.deinit()")


def test_ctrl_c_ends_the_wait_for_the_lines_of_i2c(pi: Machine) -> None:
    pi.exec("from machine import mem32\nbus = I2C(1, timeout=1_000_000)\nlines = []")
    pi.exec(f"mem32[{GPIO[pi.board.soc] + CLR}] = 1 << 2")
    interrupt(pi, "\nwhile True:\n try: bus.writeto(0x48, b'x')\n except OSError: lines.append(1)")
    assert pi.eval("str(bus)").startswith("I2C(1, scl=3, sda=2, freq=")
    pi.exec(f"mem32[{GPIO[pi.board.soc] + SET}] = 1 << 2")
    assert pi.eval("bus.scan()") == [0x48, 0x50]
    pi.exec("bus.deinit()")


def test_ctrl_c_ends_a_transfer_of_i2c_by_software_and_releases_the_lines(pi: Machine) -> None:
    pi.exec("soft = SoftI2C(scl=5, sda=6, freq=1, timeout=100_000)")
    interrupt(pi, "\nwhile True:\n try: soft.scan()\n except OSError: pass")
    assert pi.eval("[str(Pin(n)) for n in (5, 6)]") == [
        "Pin(GPIO5, mode=OPEN_DRAIN)",
        "Pin(GPIO6, mode=OPEN_DRAIN)",
    ]


@pytest.mark.parametrize("polarity", [0, 1])
def test_ctrl_c_ends_a_transfer_of_spi_by_software_with_the_clock_at_rest(
    pi: Machine, polarity: int
) -> None:
    pi.exec(f"soft = SoftSPI(baudrate=1, polarity={polarity}, sck=5, mosi=6, miso=6)")
    interrupt(pi, "soft.write(bytes(100))")
    assert pi.eval("Pin(5).value()") == polarity
    pi.exec("soft.init(baudrate=500_000)\ndata = bytearray(b'loop')")
    pi.exec("soft.write_readinto(data, data)")
    assert pi.eval("data.decode()") == "loop"


def test_ctrl_c_ends_a_transfer_of_spi(pi: Machine) -> None:
    pi.exec("bus = SPI(0)\ndata = bytes(1 << 26)")
    interrupt(pi, "\nwhile True: bus.write(data)")
    assert pi.eval("list(bus.read(2))") == [0, 0]
    pi.exec("bus.deinit()\ndel data")


def test_ctrl_c_ends_a_write_to_an_uart(pi: Machine) -> None:
    pi.exec("from machine import UART\nu = UART(1)\ndata = bytes(1 << 26)")
    interrupt(pi, "\nwhile True: u.write(data)")
    assert pi.eval("u.write(b'more')") == 4
    pi.exec("u.deinit()\ndel data")
