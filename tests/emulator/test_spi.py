# SPDX-License-Identifier: MIT
"""machine.SPI with QEMU's flash memory on the bus of the header."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from buses import PAGED, PAGED_END, SETUP

from pimem.testing import Machine, board_session
from pimem.testing.refusals import check_refused

FLASH = ("-device", "w25q80bl,bus=spi")
# Maker Winbond, type, and 1 << 0x14 bytes.
IDENTITY = [0xEF, 0x40, 0x14]


@pytest.fixture(params=board_session.PIS)
def with_flash(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """QEMU has no chip select between the two: the flash answers one command after each start."""
    with board_session.booted(request.param, extra=FLASH) as machine:
        machine.exec(SETUP)
        yield machine


@pytest.fixture(scope="module", params=board_session.PIS)
def pi(request: pytest.FixtureRequest) -> Iterator[Machine]:
    with board_session.booted(request.param) as machine:
        machine.exec(SETUP)
        yield machine


@pytest.fixture
def bus(pi: Machine) -> Iterator[Machine]:
    pi.exec("bus = SPI(0)")
    yield pi
    pi.exec("bus.deinit()")


def test_a_flash_tells_its_identity(with_flash: Machine) -> None:
    with_flash.exec("""
bus = SPI(0, 1_000_000)
select = Pin(8, Pin.OUT, value=1)
data = bytearray(b"\\x9f\\0\\0\\0")
select.off()
bus.write_readinto(data, data)
select.on()
""")
    assert with_flash.eval("list(data[1:])") == IDENTITY


def test_a_command_and_its_answer_may_be_two_calls(with_flash: Machine) -> None:
    with_flash.exec("bus = SPI(0, 1_000_000)\nbus.write(b'\\x9f')")
    assert with_flash.eval("list(bus.read(3))") == IDENTITY


def test_reads_and_writes_of_every_size_end(bus: Machine) -> None:
    """Without a device the line is low."""
    bus.exec("into = bytearray(b'x' * 300)\nbus.readinto(into, 0x55)")
    assert bus.eval("into == bytes(300)") is True
    assert bus.eval("[bus.write(bytes(n)) for n in (0, 1, 255, 256, 257, 5000)]") == [None] * 6
    assert bus.eval("[len(bus.read(n)) for n in (0, 1, 64, 65, 1000)]") == [0, 1, 64, 65, 1000]
    bus.exec("out = bytes(range(256)) * 2\ninto = bytearray(512)\nbus.write_readinto(out, into)")
    assert bus.eval("into == bytes(512)") is True


def test_a_buffer_whose_page_a_pager_brings(bus: Machine) -> None:
    got = bus.eval(
        "(calls, view[0], view[4095], view[4096])",
        PAGED
        + """
view = paged_view(8192)
bus.readinto(view)
""",
    )
    bus.exec(PAGED_END)
    assert got == [2, 0, 0, 0]


def test_what_init_is_not_given_stays(pi: Machine) -> None:
    pi.exec("bus = SPI(0, 2_000_000, polarity=1)\nbus.init(baudrate=500_000)")
    assert pi.eval("str(bus)") == (
        "SPI(0, baudrate=500000, polarity=1, phase=0, sck=11, mosi=10, miso=9)"
    )
    pi.exec("SPI(0)")
    assert "baudrate=1000000, polarity=0" in pi.eval("str(bus)")
    pi.exec("bus.deinit()")


# --- pins ---


def test_the_pins_belong_to_the_bus_until_it_is_closed(pi: Machine) -> None:
    pi.exec("bus = SPI(0)")
    assert pi.eval("[str(Pin(n)) for n in (9, 10, 11, 8)]") == [
        "Pin(GPIO9, mode=ALT, alt=ALT0)",
        "Pin(GPIO10, mode=ALT, alt=ALT0)",
        "Pin(GPIO11, mode=ALT, alt=ALT0)",
        "Pin(GPIO8, mode=IN)",
    ]
    busy = "[Errno 16] EBUSY: GPIO{} is in use by SPI(0)"
    assert pi.eval("refused(Pin, 10, Pin.OUT)") == ["OSError", busy.format(10)]
    assert pi.eval("refused(lambda: SoftSPI(sck=5, mosi=6, miso=9))")[1] == busy.format(9)
    pi.exec("bus.deinit()\nbus.deinit()")
    assert pi.eval("[str(bus), str(Pin(10))]") == ["<SPI(0) closed>", "Pin(GPIO10, mode=IN)"]
    assert pi.eval("refused(bus.read, 1)") == ["ValueError", "SPI(0) is closed"]
    pi.exec("bus.init()")
    assert pi.eval("list(bus.read(2))") == [0, 0]
    pi.exec("bus.deinit()")


def test_a_soft_reset_frees_the_pins(pi: Machine) -> None:
    pi.exec("bus = SPI(0)")
    pi.soft_reset()
    pi.exec(SETUP)
    assert pi.eval("str(Pin(11))") == "Pin(GPIO11, mode=IN)"


def test_a_block_without_a_model_is_told_and_leaves_the_pins(pi: Machine) -> None:
    """QEMU has the auxiliary block, but not the SPI in it."""
    kind, text = pi.eval("refused(SPI, 1)")
    assert kind == "OSError" and text.startswith("[Errno 19] ENODEV: SPI(1) does not answer: ")
    assert pi.eval("str(Pin(20, Pin.OUT))") == "Pin(GPIO20, mode=OUT)"
    assert ("SPI(3) to SPI(6)" in pi.eval("memory.report()['missing']")) == (pi.name == "RPI4")


BAD = (
    ("SPI(0, 0)", "ValueError", "baudrate 0 is not in"),
    ("SPI(0, 1 << 30)", "ValueError", "baudrate 1073741824 is not in"),
    ("SPI(0, -1)", "ValueError", "baudrate -1 is not in"),
    ("SPI(0, polarity=2)", "ValueError", "polarity 2 is not in 0 to 1"),
    ("SPI(0, polarity=-1)", "ValueError", "polarity -1 is not in 0 to 1"),
    ("SPI(0, phase=-1)", "ValueError", "phase -1 is not in 0 to 1"),
    ("SPI(0, phase=-2)", "ValueError", "phase -2 is not in 0 to 1"),
    ("SPI(1, phase=1)", "ValueError", "phase 1 is not 0"),
    ("SPI(0, bits=16)", "ValueError", "bits 16 is not 8"),
    ("SPI(0, firstbit=SPI.LSB)", "ValueError", "firstbit 1 is not 0"),
    ("SPI(2)", "ValueError", "there is no SPI(2) here, but SPI(0), SPI(1)"),
    ("SPI(7)", "ValueError", "there is no SPI(7) here"),
    ("SPI(0, sck=5)", "ValueError", "SPI(0) is not on sck=5, but on sck=11, mosi=10, miso=9"),
    ("SPI(0, miso='nowhere')", "ValueError", 'no pin named "nowhere" here'),
    ("SPI(None)", "TypeError", ""),
    ("bus.read(-1)", "ValueError", "size -1 is not in"),
    ("bus.read(1, 256)", "ValueError", "byte 256 is not in 0 to 255"),
    ("bus.readinto(b'')", "TypeError", ""),
    ("bus.write(None)", "TypeError", ""),
    ("bus.write_readinto(b'ab', bytearray(3))", "ValueError", "same length"),
    ("SoftSPI(0, sck=5, mosi=6, miso=7)", "ValueError", "baudrate 0 is not in 1 to 500000"),
    ("SoftSPI(polarity=3, sck=5, mosi=6, miso=7)", "ValueError", "polarity 3 is not in 0 to 1"),
    ("SoftSPI(sck=5)", "ValueError", "sck/mosi/miso"),
    ("SoftSPI(sck=5, mosi=5, miso=7)", "ValueError", "sck=5 is mosi or miso too"),
    ("SoftSPI(sck=5, mosi=6, miso=7).init(1000, 2)", "ValueError", "polarity 2 is not"),
    ("SoftSPI(sck=14, mosi=6, miso=7)", "OSError", "GPIO14 is in use by UART(0), the console"),
)


@pytest.mark.parametrize(("call", "kind", "text"), BAD, ids=[call for call, *_ in BAD])
def test_bad_arguments_are_named(bus: Machine, call: str, kind: str, text: str) -> None:
    check_refused(bus, call, kind, text)
    assert bus.eval("list(bus.read(2))") == [0, 0]


def test_software_is_closed_and_leaves_pins_that_a_block_has(pi: Machine) -> None:
    pi.exec("soft = SoftSPI(sck=11, mosi=10, miso=9)\nbus = SPI(0)")
    busy = ["OSError", "[Errno 16] EBUSY: GPIO11 is in use by SPI(0)"]
    assert pi.eval("refused(soft.write, b'a')") == busy
    pi.exec("bus.deinit()\nsoft.write(b'a')\nsoft.deinit()")
    closed = ["ValueError", "SoftSPI is closed: init() opens it again"]
    assert pi.eval("refused(soft.read, 1)") == closed
    pi.exec("soft.init()\nsoft.read(1)")


def test_software_shifts_on_any_pins(pi: Machine) -> None:
    """QEMU's pins have the levels of their latches: a pin that is MOSI and MISO is a loop."""
    pi.exec("soft = SoftSPI(baudrate=500_000, sck=5, mosi=6, miso=6)")
    pi.exec("data = bytearray(b'loop')\nsoft.write_readinto(data, data)")
    assert pi.eval("data.decode()") == "loop"
