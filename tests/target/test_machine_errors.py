# SPDX-License-Identifier: MIT
"""Errors of `machine`, `neopixel`, `random` and `time`: each names the value or the argument, and
what would be right; nothing changes."""

from __future__ import annotations

import pytest
from on_board import DISK

from pimem.board.link import ScriptError
from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused

SETUP = """
import io, machine, os, random, time
from machine import *
from neopixel import NeoPixel
"""
COLOUR = "is not 3 integers in 0 to 255"
SILENT = "memory.report()['missing'] names what boot did not find"


@pytest.fixture
def pi(board: Machine, reset_at_the_end: None) -> Machine:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    board.exec(SETUP)
    return board


# --- NeoPixel ---

COLOURS = (
    ("5", "TypeError"),
    ("None", "TypeError"),
    ("True", "TypeError"),
    ("'red'", "TypeError"),
    ("(x for x in (1, 2, 3))", "TypeError"),
    ("(1, 2, None)", "TypeError"),
    ("(1, 2.0, 3)", "TypeError"),
    ("()", "ValueError"),
    ("(1, 2)", "ValueError"),
    ("(1, 2, 3, 4)", "ValueError"),
    ("b'ab'", "ValueError"),
    ("(1, 256, 3)", "ValueError"),
    ("(1, 2, -1)", "ValueError"),
    ("(1 << 70, 2, 3)", "ValueError"),
)
STRIPS = (
    ("NeoPixel(None, 1)", "TypeError", "a pin is a number, a name or a Pin, not NoneType"),
    ("NeoPixel(99, 1)", "ValueError", "no pin 99"),
    ("NeoPixel(SPI(0), 1)", "TypeError", "not SPI"),
    ("NeoPixel(17, 'a')", "TypeError", "the number of LEDs 'a' is not an integer"),
    ("NeoPixel(17, 1.0)", "TypeError", "the number of LEDs 1.0 is not an integer"),
    ("NeoPixel(17, 1 << 40)", "ValueError", "LEDs 1099511627776 is not in 0 to 16777216"),
    ("NeoPixel(17, 1, 5)", "ValueError", "bpp 5 is not in 3 to 4"),
    ("NeoPixel(17, 1, None)", "TypeError", "bpp None is not an integer"),
    ("NeoPixel(17, 1, timing='x')", "TypeError", "timing 'x' is not an integer"),
    ("NeoPixel(17, 1, timing=(1, 2))", "ValueError", "bitstream timing has 2 items, not 4"),
    ("NeoPixel(17, 1, timing=(1, 2, 3, -1))", "ValueError", "timing -1 is not in 0 to 50000"),
    ("NeoPixel(17, 2)[2]", "IndexError", "LED 2 is not in 0 to 1"),
    ("NeoPixel(17, 2)[-1]", "IndexError", "LED -1 is not in 0 to 1"),
    ("NeoPixel(17, 2)['a']", "TypeError", "LED 'a' is not an integer"),
    ("NeoPixel(17, 2)[0:1]", "TypeError", "LED slice(0, 1, None) is not an integer"),
)


@pytest.mark.parametrize(("colour", "kind"), COLOURS)
def test_a_colour_that_is_none_is_named(pi: Machine, colour: str, kind: str) -> None:
    pi.exec("strip = NeoPixel(17, 2)\nstrip.fill((1, 2, 3))")
    check_refused(pi, f"strip.fill({colour})", kind, COLOUR)
    check_refused(pi, f"strip.__setitem__(1, {colour})", kind, COLOUR)
    assert pi.eval("list(strip.buf)") == [2, 1, 3, 2, 1, 3]


@pytest.mark.parametrize(("call", "kind", "text"), STRIPS, ids=[call for call, *_ in STRIPS])
def test_a_strip_that_cannot_be_is_named(pi: Machine, call: str, kind: str, text: str) -> None:
    check_refused(pi, call, kind, text)


def test_a_strip_takes_what_is_a_colour(pi: Machine) -> None:
    pi.exec("strip = NeoPixel('GPIO17', 3, 4)\nstrip.fill([0, 1, 2, 255])\nstrip[1] = b'abcd'")
    assert pi.eval("[strip[n] for n in range(3)]") == [[0, 1, 2, 255], [*b"abcd"], [0, 1, 2, 255]]
    pi.exec("strip.ORDER = (2, 0, 1, 3)\nstrip[0] = (1, 2, 3, 4)")
    assert pi.eval("[list(strip.buf)[:4], strip[0]]") == [[2, 3, 1, 4], [1, 2, 3, 4]]
    pi.exec("bus = I2C(1)")
    check_refused(pi, "NeoPixel(2, 1)", "OSError", "EBUSY: GPIO2 is in use by I2C(1)")


# --- the clock ---

DATE = "year, month, day, weekday, hour, minute, second, microsecond"
DATES = (
    ("(2031, 2, 28)", "ValueError", f"RTC datetime has 3 items, not 8: {DATE}"),
    ("(2031, 2, 28, 0, 12, 0, 0, 0, 0)", "ValueError", "RTC datetime has 9 items, not 8"),
    ("None", "TypeError", "NoneType"),
    (
        "(2031, 'b', 28, 0, 12, 0, 0, 0)",
        "TypeError",
        "month is an integer in 1 to 12, not str",
    ),
    ("(2031, 2, 2.5, 0, 12, 0, 0, 0)", "TypeError", "RTC day is an integer in 1 to 31, not float"),
    ("(2031, 13, 28, 0, 12, 0, 0, 0)", "ValueError", "RTC month 13 is not in 1 to 12"),
    ("(2031, 2, 30, 0, 12, 0, 0, 0)", "ValueError", "RTC day 30 is not in 1 to 28"),
    ("(2600, 2, 28, 0, 12, 0, 0, 0)", "ValueError", "RTC year 2600 is not in 2000 to 2553"),
    ("(1 << 70, 2, 28, 0, 12, 0, 0, 0)", "OverflowError", "1180591620717411303424"),
)


@pytest.mark.parametrize(("date", "kind", "text"), DATES)
def test_a_date_that_cannot_be_is_named(
    board: Machine, reset_at_the_end: None, date: str, kind: str, text: str
) -> None:
    board.exec(SETUP + "RTC().datetime((2031, 2, 28, 0, 12, 0, 0, 0))")
    check_refused(board, f"RTC().datetime({date})", kind, text)
    assert board.eval("RTC().datetime()[:3]") == [2031, 2, 28]


# --- arguments by name, on each board ---

NAMES = (
    ("WDT(time=1)", "TypeError", "no argument time here: id, timeout"),
    ("WDT(timeout='1')", "TypeError", "timeout is an integer, not str"),
    ("Timer(frequency=1)", "TypeError", "no argument frequency here: mode, freq, period, tick_hz"),
    ("Timer(mode=None)", "TypeError", "mode is an integer, not NoneType"),
    ("SDCard(frq=1)", "TypeError", "no argument frq here: slot, freq"),
    ("SDCard(freq=1.5)", "TypeError", "freq is an integer, not float"),
    ("Timer(**{'per' + 'i': 1})", "TypeError", "no argument peri here"),
    ("random.randrange(5, 1)", "ValueError", "no number from 5 to below 1 in steps of 1"),
    ("random.randrange(1, 5, 0)", "ValueError", "no number from 1 to below 5 in steps of 0"),
    ("random.randint(5, 1)", "ValueError", "no number from 5 to 1"),
    ("time.ticks_diff('a', 1)", "TypeError", "can't convert str to int"),
    ("time.ticks_diff(1, None)", "TypeError", "can't convert NoneType to int"),
    ("time.ticks_add(b'a', 1)", "TypeError", "can't convert bytes to int"),
    ("os.urandom(-1)", "ValueError", "-1"),
    ("io.BytesIO().write(5)", "TypeError", "object with buffer protocol required, not int"),
)
PI_NAMES = (
    ("I2C(1, frq=1)", "TypeError", "no argument frq here: scl, sda, freq, timeout"),
    ("I2C(1, freq='x')", "TypeError", "freq is an integer, not str"),
    ("SPI(0, baud=1)", "TypeError", "no argument baud here: baudrate, polarity, phase"),
    ("SPI(0, polarity='x')", "TypeError", "polarity is an integer in 0 to 1, not str"),
    ("SPI(0, bits=None)", "TypeError", "bits is an integer, not NoneType"),
    ("UART(1, baud=1)", "TypeError", "no argument baud here: baudrate, bits, parity, stop"),
    ("UART(1, rxbuf=b'a')", "TypeError", "rxbuf is an integer in 32 to 65536, not bytes"),
    ("Pin(17, level=1)", "TypeError", "no argument level here: mode, pull, value, drive, alt"),
    ("Pin(17).irq(print, trigger=None)", "TypeError", "trigger is an integer, not NoneType"),
    ("Signal(17, inv=1)", "TypeError", "no argument inv here"),
    ("PWM(18, duty=1)", "TypeError", "no argument duty here: freq, duty_u16, duty_ns, invert"),
    ("PWM(17)", "ValueError", "GPIO17 has no PWM: GPIO12 or 18"),
    ("PWM(None)", "TypeError", "a pin is a number, a name or a Pin, not NoneType"),
    ("SoftSPI(sck=5, mosi=6, miso=13, bits=16)", "ValueError", "bits 16 is not 8"),
    ("time_pulse_us(17, 1, None)", "TypeError", "timeout_us is an integer in 0 to 2147483647"),
    ("bitstream(17, 'a', (1, 1, 1, 1), b'')", "TypeError", "bitstream encoding is an integer"),
    ("bitstream(17, 0, (1, 1, 1, 'a'), b'')", "TypeError", "bitstream timing is an integer in 0"),
    ("bitstream(17, 0, (1, 1, 1, 1), 5)", "TypeError", "buffer protocol required, not int"),
    (
        "SPI(0).readinto(b'abc')",
        "TypeError",
        "writable buffer protocol required, not bytes",
    ),
)


@pytest.mark.parametrize(("call", "kind", "text"), NAMES, ids=[call for call, *_ in NAMES])
def test_an_argument_is_named(
    board: Machine, reset_at_the_end: None, call: str, kind: str, text: str
) -> None:
    board.exec(SETUP)
    check_refused(board, call, kind, text)


@pytest.mark.emulator
@pytest.mark.parametrize(("call", "kind", "text"), PI_NAMES, ids=[call for call, *_ in PI_NAMES])
def test_an_argument_of_a_bus_is_named(pi: Machine, call: str, kind: str, text: str) -> None:
    check_refused(pi, call, kind, text)


# --- blocks that are not there ---


@pytest.mark.emulator
@pytest.mark.guest_errors(r"pl011_(read|write): Bad offset 0x[68a]24")  # UART(3) to UART(5)
def test_a_block_that_does_not_answer_is_another_error_than_a_wrong_number(pi: Machine) -> None:
    further = [f"{kind}({n})" for kind in ("I2C", "SPI") for n in (3, 4, 6)] + ["UART(2)"]
    for call in further:
        if pi.name == "RPI4":
            check_refused(
                pi, call, "OSError", f"[Errno 19] ENODEV: {call} does not answer: {SILENT}"
            )
        else:
            check_refused(pi, call, "ValueError", call)
    check_refused(pi, "SPI(1)", "OSError", f"[Errno 19] ENODEV: SPI(1) does not answer: {SILENT}")
    more = ", {0}(3), {0}(4), {0}(5), {0}(6)" if pi.name == "RPI4" else ""
    for kind in ("I2C", "SPI"):
        for number in (2, 7, -1):
            text = f"there is no {kind}({number}) here, but {kind}(0), {kind}(1)"
            check_refused(pi, f"{kind}({number})", "ValueError", text + more.format(kind))


def test_a_machine_without_a_block_says_so(board: Machine) -> None:
    if board.name in PIS:
        pytest.skip("a Pi has them")
    board.exec(SETUP)
    check_refused(board, "WDT()", "OSError", "ENODEV: this machine has no watchdog")
    check_refused(board, "SDCard()", "OSError", "ENODEV: this machine has no SD host controller")
    check_refused(board, "Pin(1)", "OSError", "ENODEV: this machine has no pins")


# --- names and texts ---


def test_dir_lists_the_names_of_pins(board: Machine, reset_at_the_end: None) -> None:
    board.exec("from machine import Pin")
    if board.name not in PIS:
        assert board.eval("[dir(Pin.board), dir(Pin.cpu)]") == [["__class__"], ["__class__"]]
        return
    found = board.eval("dir(Pin.board)")
    assert {"J8_3", "J8_40", "SDA", "SCL", "MOSI", "TXD", "PCM_DOUT"} <= set(found)
    assert len(found) == len(set(found)) > 40
    assert board.eval(f"all(isinstance(getattr(Pin.board, n), Pin) for n in {found})") is True
    found = board.eval("dir(Pin.cpu)")
    assert found == [f"GPIO{n}" for n in range({"RPI3": 54, "RPI4": 58}[board.name])]
    assert board.eval(f"[str(getattr(Pin.cpu, n))[4:10] for n in {found[10:20]}]") == found[10:20]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("I2C.init", "init(*, scl=None, sda=None"),
        ("SoftI2C.init", "init(scl, sda, *"),
        ("I2C(1).init", "init(*, scl=None, sda=None"),
        ("SoftI2C(5, 6).init", "init(scl, sda, *"),
        ("SPI.init", "init("),
    ],
)
def test_help_of_a_shared_method_is_that_of_its_class(pi: Machine, name: str, call: str) -> None:
    assert pi.exec(f"help(machine.{name})").startswith(call)


def test_help_of_neopixel_has_no_addresses(board: Machine) -> None:
    text = board.exec("from neopixel import NeoPixel\nhelp(NeoPixel)\nhelp(NeoPixel.fill)")
    assert "LEDs" in text and "  fill -- Set all LEDs to one colour." in text
    assert "0x" not in text


# --- files ---


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_a_directory_with_a_slash_is_renamed(
    board: Machine, reset_at_the_end: None, kind: str
) -> None:
    board.exec(f"{SETUP}{DISK}os.{kind}.mkfs(disk)\nfs = os.{kind}(disk)\nfs.mkdir('/a/')")
    board.exec("fs.rename('/a/', '/b/')\nfs.rename('/b', '/c/')\nfs.rename('/c/', '/d')")
    assert board.eval("[row[0] for row in fs.ilistdir('/')]") == ["d"]
    board.exec("fs.open('/file', 'w').close()")
    for call in ("fs.rename('/file/', '/x')", "fs.rename('/file', '/x/')"):
        check_refused(board, call, "OSError")
    assert board.eval("sorted(row[0] for row in fs.ilistdir('/'))") == ["d", "file"]


# --- odd times ---

#: The finaliser of an open file writes to its device, which is Python code, when a soft reset has
#: begun.
LATE = """
def start():
    try:
        {}
        print("started")
    except Exception:
        print("refused")

os.VfsFat.mkfs(disk)
fs = os.VfsFat(disk)
os.mount(fs, "/disk")
file = open("/disk/file", "w")
file.write("text")
disk.late = start
"""


@pytest.mark.parametrize(
    "call", ["UART(1)", "Timer(callback=print)", "NeoPixel(17, 1)", "PWM(18)"]
)
def test_a_finaliser_opens_nothing(pi: Machine, call: str) -> None:
    pi.exec(DISK + LATE.format(call))
    assert "refused" in pi.soft_reset()
    pi.exec(SETUP)
    pi.exec("for n in (17, 18, 32):\n    Pin(n, Pin.OUT)\n    Pin(n, Pin.IN)")


def test_a_callback_that_closes_and_opens_buses_leaves_them_whole(pi: Machine) -> None:
    pi.exec("""
bus = SPI(0)
calls = 0
def close(t):
    global calls
    calls += 1
    bus.deinit()
    try:
        I2C(1, freq=1)
    except ValueError:
        bus.init()
t = Timer(freq=1000, callback=close)
errors = set()
until = time.ticks_add(time.ticks_ms(), 200)
while time.ticks_diff(until, time.ticks_ms()) > 0 or calls == 0:
    try:
        bus.write(bytes(300))
    except ValueError as error:
        errors.add(str(error))
t.deinit()
bus.deinit()
""")
    assert set(pi.eval("list(errors)")) <= {"SPI(0) is closed"}
    pi.exec("Pin(11, Pin.OUT)\nPin(11, Pin.IN)")


def test_an_object_of_before_a_soft_reset_is_gone(pi: Machine) -> None:
    pi.exec("bus = I2C(1)\nuart = UART(1)")
    pi.soft_reset()
    with pytest.raises(ScriptError, match="NameError"):
        pi.exec("bus.scan()")
    pi.exec(SETUP + "Pin(2, Pin.OUT)\nPin(2, Pin.IN)")
