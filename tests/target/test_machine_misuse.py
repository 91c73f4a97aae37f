# SPDX-License-Identifier: MIT
"""What programs do wrong with `machine`: each is an error that names the value, whatever the kind
of the object, and nothing changes."""

from __future__ import annotations

import pytest
from on_board import DISK

from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused

#: What a board with something on its header must not be asked.
pytestmark = pytest.mark.emulator

SETUP = """
import io, json, machine, os, select, sys, time
from machine import *

def refused(call, *args):
    try:
        return "not refused", repr(call(*args))
    except Exception as error:
        return type(error).__name__, str(error)
"""


@pytest.fixture
def pi(board: Machine, reset_at_the_end: None) -> Machine:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    board.exec(SETUP)
    return board


STREAMS = ("Pin(17)", "Signal(17)", "I2C(1)", "SPI(0)", "SoftI2C(scl=5, sda=6)")
USES = (
    "print('x', file={})",
    "json.dump([1], {})",
    "json.load({})",
    "select.poll().register({})",
)


@pytest.mark.parametrize("made", STREAMS)
@pytest.mark.parametrize("use", USES)
def test_what_is_no_stream_is_not_used_as_one(pi: Machine, made: str, use: str) -> None:
    got = pi.eval(f"refused(lambda: {use.format(made)})")
    assert got == ["OSError", "stream operation not supported"]


#: A filesystem on a block device in Python.
FAT_ON_DISK = f"""{DISK}
os.VfsFat.mkfs(disk)
fs = os.VfsFat(disk)
"""


def test_a_filesystem_is_no_stream(board: Machine, reset_at_the_end: None) -> None:
    board.exec(SETUP + FAT_ON_DISK)
    for use in USES:
        got = board.eval(f"refused(lambda: {use.format('fs')})")
        assert got == ["OSError", "stream operation not supported"]


@pytest.mark.parametrize("made", ["io.StringIO('abc')", "I2C(1)", "SPI(0)", "sys.stdout"])
def test_a_signal_is_of_a_pin(pi: Machine, made: str) -> None:
    kind, text = pi.eval(f"refused(lambda: Signal({made}))")
    assert kind == "TypeError" and text.startswith("a Signal is of a pin, not of ")


def test_a_signal_takes_a_pin_and_invert(pi: Machine) -> None:
    text = "a Signal of a Pin takes only invert="
    assert pi.eval("refused(lambda: Signal(Pin(17), True))") == ["TypeError", text]
    assert pi.eval("refused(lambda: Signal(Pin(17), value=1))") == ["TypeError", text]
    pi.exec("Pin(17, Pin.OUT, value=0)")
    assert pi.eval("Signal(Signal(Pin(17), invert=True)).value()") == 1


def test_a_class_of_a_pin_is_a_pin(pi: Machine) -> None:
    pi.exec("class Led(Pin):\n    pass\nled = Led(17, Pin.OUT, value=1)")
    assert pi.eval("[Signal(led).value(), str(Pin(led))]") == [1, "Pin(GPIO17, mode=OUT)"]


BAD = (
    ("Pin(None)", "TypeError", "a pin is a number, a name or a Pin, not NoneType"),
    ("Pin(1 << 70)", "OverflowError", "1180591620717411303424 is not in -2**63 to 2**63-1"),
    ("Pin('J8_1')", "ValueError", 'no pin named "J8_1" here: "LED", "J8_3" to "J8_40"'),
    ("Pin(17, 9)", "ValueError", "pin mode 9 is not in 0 to 3"),
    ("Pin(17, Pin.IN, -1)", "ValueError", "pin pull -1 is not in 1 to 2"),
    ("Pin(17, Pin.ALT)", "ValueError", "Pin.ALT needs alt="),
    ("Pin(17, Pin.OUT, alt=6)", "ValueError", "pin alt 6 is not in 0 to 5"),
    *(
        (call, "ValueError", "is not 2, 4, 6, 8, 10, 12, 14 or 16")
        for drive in (-2, 0, 1, 7, 18, 1 << 32)
        for call in (f"Pin(17).drive({drive})", f"Pin(17, Pin.OUT, drive={drive})")
    ),
    ("Pin(17).drive(None)", "TypeError", "can't convert NoneType to int"),
    ("UART(1, -1)", "ValueError", "baudrate -1 is not in"),
    ("UART(1, 9600, 8, -1)", "ValueError", "parity -1 is not None"),
    ("UART(1, timeout=-1)", "ValueError", "timeout -1 is not in"),
    ("UART(1, tx=5)", "ValueError", "UART(1) is not on tx=5, but on tx=32, rx=33"),
    ("SoftI2C(scl=5, sda=Pin(5))", "ValueError", "scl and sda are both GPIO5"),
    ("machine.enable_irq(-1)", "ValueError", "state -1 is none that disable_irq() returned"),
    ("machine.enable_irq(0)", "ValueError", "state 0 is none"),
    ("os.urandom(1 << 40)", "MemoryError", "allocating 1099511627777 bytes"),
    ("NeoPixel(Pin(17), -1)", "ValueError", "the number of LEDs -1 is not in 0 to 16777216"),
    ("NeoPixel(Pin(17), 1, timing=2)", "ValueError", "timing 2 is not in 0 to 1"),
    ("NeoPixel(Pin(17), 1).fill((0, 256, 0))", "ValueError", "colour (0, 256, 0)"),
    ("WDT(timeout=1 << 64)", "OverflowError", "18446744073709551616 is not in"),
)


@pytest.mark.parametrize(("call", "kind", "text"), BAD, ids=[call for call, *_ in BAD])
def test_bad_arguments_are_named(pi: Machine, call: str, kind: str, text: str) -> None:
    check_refused(pi, f"from neopixel import NeoPixel\n{call}", kind, text)


def test_a_number_of_many_digits_is_not_printed(board: Machine) -> None:
    board.exec(SETUP)
    text = "such a long int is not in -2**63 to 2**63-1"
    assert board.eval("refused(Timer, 1 << 10000)") == ["OverflowError", text]


def test_a_bit_stream_leaves_pins_that_a_block_has(pi: Machine) -> None:
    pi.exec("bus = I2C(1)")
    send = "refused(machine.bitstream, Pin(2), 0, (400, 850, 800, 450), b'a')"
    assert pi.eval(send) == ["OSError", "[Errno 16] EBUSY: GPIO2 is in use by I2C(1)"]
    pi.exec("bus.deinit()")
    assert pi.eval(send) == ["not refused", "None"]


def test_a_poll_tells_of_a_closed_uart_and_goes_on(pi: Machine) -> None:
    pi.exec("u = UART(1)\npoll = select.poll()\npoll.register(u)\nu.deinit()")
    assert pi.eval("[event for _, event in poll.poll(0)]") == [32]  # POLLNVAL


def test_a_task_that_reads_a_closed_uart_ends_alone(pi: Machine) -> None:
    printed = pi.exec("""
import asyncio
async def read(stream):
    try:
        await stream.read(1)
    except ValueError as error:
        print(error)
async def main():
    u = UART(1)
    task = asyncio.create_task(read(asyncio.StreamReader(u)))
    await asyncio.sleep_ms(10)
    u.deinit()
    await task
    print("goes on")
asyncio.run(main())
""")
    assert printed == "UART(1) is closed: init() opens it again\ngoes on\n"


#: The finaliser of an open file writes to its device, which is Python code, when a soft reset has
#: begun. The heap is locked then: nothing is allocated.
LATE = """
def start():
    try:
        {}
        print("started")
    except Exception:
        print("refused")

os.mount(fs, "/disk")
file = open("/disk/file", "w")
file.write("text")
disk.late = start
"""


@pytest.mark.parametrize("call", ["I2C(1)", "SPI(0)"])
def test_nothing_starts_when_a_soft_reset_has_begun(pi: Machine, call: str) -> None:
    pi.exec(FAT_ON_DISK + LATE.format(call))
    assert "refused" in pi.soft_reset()
    pi.exec(SETUP)
    assert pi.eval("[str(Pin(2, Pin.OUT)), str(Pin(11, Pin.OUT))]") == [
        "Pin(GPIO2, mode=OUT)",
        "Pin(GPIO11, mode=OUT)",
    ]


def test_a_pager_that_closes_the_bus_ends_the_transfer(pi: Machine) -> None:
    printed = pi.exec("""
import memory, uctypes
bus = SPI(0)
def close(va, access):
    bus.deinit()
    return memory.frames.alloc()
space = memory.AddressSpace()
space.reserve(1 << 30, 4096, "rw", pager=close)
with space:
    print(refused(bus.write, uctypes.bytearray_at(1 << 30, 600)))
space.close()
""")
    assert printed == "('ValueError', 'SPI(0) is closed')\n"


def test_the_pins_of_the_card_are_its_own(pi: Machine) -> None:
    """On a Pi 3 the card is on GPIO48 to 53; the Pi 4's host controller has pins of its own."""
    got = pi.eval("refused(Pin, 48, Pin.OUT)")
    if pi.name == "RPI3":
        assert got == ["OSError", "[Errno 16] EBUSY: GPIO48 is in use by SDCard(0)"]
        pi.soft_reset()
        pi.exec(SETUP)
        assert pi.eval("str(Pin(48))") == "Pin(GPIO48, mode=ALT, alt=ALT3)"
    else:
        assert got == ["not refused", "Pin(GPIO48, mode=OUT)"]
        pi.exec("Pin(48, Pin.IN)")


def test_the_drive_strength_of_pads_that_do_not_answer_is_an_error(pi: Machine) -> None:
    """QEMU has no pads. The pin stays as it is."""
    pi.exec("Pin(17, Pin.IN)")
    absent = ["OSError", "[Errno 19] ENODEV: the pads do not answer: no drive strength here"]
    for call in ("Pin(17).drive()", "Pin(17).drive(4)", "Pin(17, Pin.OUT, drive=4)"):
        assert pi.eval(f"refused(lambda: {call})") == absent, call
    assert pi.eval("str(Pin(17))") == "Pin(GPIO17, mode=IN)"
    assert pi.eval("refused(lambda: Pin(14).drive(4))") == absent, "shared with the console"
    console = ["OSError", "[Errno 16] EBUSY: GPIO14 is in use by UART(0), the console"]
    assert pi.eval("refused(lambda: Pin(14, drive=4))") == console


def test_the_drive_strength_of_the_cards_group_is_the_cards(pi: Machine) -> None:
    got = pi.eval("refused(lambda: Pin(46).drive(4))")
    if pi.name == "RPI3":
        assert got == ["OSError", "[Errno 16] EBUSY: GPIO48 is in use by SDCard(0)"]
    else:
        assert got[0] == "OSError" and "the pads do not answer" in got[1]


def test_pins_without_known_pads_have_no_drive_strength(pi: Machine) -> None:
    if pi.name == "RPI4":
        for call in ("Pin(54).drive()", "Pin(57).drive(8)", "Pin(54, Pin.OUT, drive=8)"):
            kind, text = pi.eval(f"refused(lambda: {call})")
            assert kind == "ValueError" and "only of GPIO0 to GPIO53" in text
    else:  # the LED of a 3B is on the firmware's expander
        for call in ("Pin('LED').drive()", "Pin('LED').drive(8)", "Pin('LED', Pin.OUT, drive=8)"):
            kind, text = pi.eval(f"refused(lambda: {call})")
            assert kind == "ValueError" and "EXP2" in text
