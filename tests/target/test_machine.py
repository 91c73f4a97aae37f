# SPDX-License-Identifier: MIT
"""The machine module: memory words of every width, pins, clocks, identity."""

from __future__ import annotations

import layout
import pytest
from socs import soc_of

from pimem.board.link import BoardCrash, ScriptError
from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused

WORD = """\
import memory
from machine import mem8, mem16, mem32, mem64
frame = memory.frames.alloc(1)
pa = frame.pa
"""


def test_words_of_every_width_are_little_endian_views_of_one_memory(board: Machine) -> None:
    board.exec(WORD)
    board.exec("mem64[pa] = 0x8877665544332211")
    assert board.eval("[mem8[pa + n] for n in range(8)]") == [0x11 * n for n in range(1, 9)]
    assert board.eval("[mem16[pa + n] for n in (0, 2, 4, 6)]") == [0x2211, 0x4433, 0x6655, 0x8877]
    assert board.eval("[mem32[pa], mem32[pa + 4]]") == [0x44332211, 0x88776655]
    assert board.eval("mem64[pa]") == 0x8877665544332211


def test_a_store_changes_its_own_width_only(board: Machine) -> None:
    board.exec(WORD)
    board.exec("mem64[pa] = (1 << 64) - 1\nmem8[pa + 1] = 0\nmem16[pa + 2] = 0")
    assert board.eval("mem64[pa]") == 0xFFFFFFFF000000FF
    board.exec("mem32[pa + 4] = 0x12345678")
    assert board.eval("mem64[pa]") == 0x12345678000000FF


def test_physical_linear_and_view_addresses_are_one_memory(board: Machine) -> None:
    board.exec(WORD)
    board.exec("mem32[pa] = 0xcafe\nview = memoryview(frame)")
    assert board.eval(f"[mem32[pa + {layout.LINEAR}], view[0], view[1]]") == [0xCAFE, 0xFE, 0xCA]


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("mem16[pa + 1]", "1"),
        ("mem32[pa + 2]", "2"),
        ("mem64[pa + 4]", "4"),
        (f"mem64[pa + {layout.LINEAR + 1}]", "0xffff"),
        ("mem8[-1]", "-1"),
        ("mem32[1 << 64]", "18446744073709551616"),
        ("mem64[-(1 << 70)]", "-1180591620717411303424"),
        ("mem8.__setitem__(pa, 256)", "256"),
        ("mem16.__setitem__(pa, 1 << 16)", "65536"),
        ("mem32.__setitem__(pa, 1 << 32)", "4294967296"),
        ("mem64.__setitem__(pa, 1 << 64)", "18446744073709551616"),
        ("mem32.__setitem__(pa, -5)", "-5"),
    ],
)
def test_what_cannot_be_an_access_is_a_value_error(
    board: Machine, expression: str, named: str
) -> None:
    if ".__setitem__" in expression:
        word, _, rest = expression.partition(".__setitem__(pa, ")
        expression = f"{word}[pa] = {rest.removesuffix(')')}"
    with pytest.raises(ScriptError) as caught:
        board.exec(WORD + expression)
    last = str(caught.value)
    assert last.startswith("ValueError: ")
    if named.isdigit() and len(named) == 1:  # the address, which is not known here
        pa = board.eval("pa")
        named = f"{pa + int(named):#x}"
    assert named in last
    assert board.exec("print(mem64[pa])") == "0\n"


@pytest.mark.parametrize("expression", ["mem32['a']", "mem32[1.5]", "mem32[None]", "del mem8[pa]"])
def test_wrong_types_are_type_errors(board: Machine, expression: str) -> None:
    with pytest.raises(ScriptError, match="^TypeError: "):
        board.exec(WORD + expression)


def test_device_registers_are_where_the_manuals_put_them(board: Machine) -> None:
    base = soc_of(board.board).uart
    # The PL011's identification registers, PrimeCell ID 0xb105f00d.
    got = board.eval(
        f"[mem32[{base} + 0xff0 + 4 * n] & 0xff for n in range(4)]",
        "from machine import mem32",
    )
    assert got == [0x0D, 0xF0, 0x05, 0xB1]


def test_pins_drive_and_read(board: Machine) -> None:
    if board.name not in PIS:
        with pytest.raises(ScriptError, match="ENODEV|OSError"):
            board.exec("import machine\nmachine.Pin(17)")
        return
    gpio = soc_of(board.board).gpio
    board.exec(
        "from machine import Pin, mem32\np = Pin(17, Pin.OUT)\n"
        f"function = mem32[{gpio} + 4] >> 21 & 7\nassert function == 1, function"
    )
    # The level register follows what is driven.
    assert board.eval(f"[p.value(1), p(), mem32[{gpio} + 0x34] >> 17 & 1]") == [None, 1, 1]
    assert board.eval(f"[p.off(), p.value(), mem32[{gpio} + 0x34] >> 17 & 1]") == [None, 0, 0]
    board.exec(f"p.init(Pin.IN)\nassert mem32[{gpio} + 4] >> 21 & 7 == 0")
    assert board.eval("str(Pin('GPIO17')) == str(p)") is True


@pytest.mark.parametrize(("pin", "named"), [("99", "99"), ("-1", "-1"), ("'GPIO77'", "GPIO77")])
def test_a_pin_that_is_not_there_is_named(board: Machine, pin: str, named: str) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    check_refused(board, f"from machine import Pin\nPin({pin})", "ValueError", named)


def test_there_is_no_pin_behind_the_last(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    count = 58 if board.name == "RPI4" else 54
    assert (
        board.eval(f"str(Pin({count - 1}))[:10]", "from machine import Pin")
        == f"Pin(GPIO{count - 1}"
    )
    for pin in (str(count), f"'GPIO{count}'"):
        with pytest.raises(ScriptError, match=f"ValueError.*{count}"):
            board.exec(f"Pin({pin})")


@pytest.mark.parametrize(
    "change",
    ["Pin(14, Pin.OUT)", "Pin(15, pull=Pin.PULL_UP)", "Pin(14).init(Pin.IN)", "Pin(15).on()"],
)
def test_the_console_keeps_its_pins(board: Machine, change: str) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    pin = "GPIO14" if "14" in change else "GPIO15"
    with pytest.raises(ScriptError, match=rf"EBUSY.*{pin} is in use by UART\(0\), the console"):
        board.exec(f"from machine import Pin\n{change}")
    assert (
        board.eval("str(Pin(14))", "from machine import Pin") == "Pin(GPIO14, mode=ALT, alt=ALT0)"
    )
    assert board.eval("Pin(15).value() in (0, 1)", "from machine import Pin") is True


def test_the_led_has_a_name_on_boards_that_have_one(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    script = "from machine import Pin\nled = Pin('LED', Pin.OUT)\nled.on()\nled.off()"
    serial = board.eval("list(machine.unique_id())", "import machine")
    if board.board.machine == "raspi3b" and not any(serial):
        # The 3B's LED is on an expander behind the firmware, which QEMU does not have. QEMU is
        # known by its serial number of 0, also when the board is an emulated one behind a port.
        with pytest.raises(ScriptError, match="EOPNOTSUPP: the firmware does not know pin"):
            board.exec(script)
    else:
        board.exec(script)


def test_clock_and_serial_number_come_from_the_firmware(board: Machine) -> None:
    if board.name not in PIS:
        assert board.eval("list(machine.unique_id())", "import machine") == []
        with pytest.raises(ScriptError, match="OSError"):
            board.exec("machine.freq()")
        return
    hz, size = board.eval("[machine.freq(), len(machine.unique_id())]", "import machine")
    assert 100_000_000 <= hz <= 3_000_000_000
    assert size == 8


def test_a_clock_out_of_range_is_refused(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no firmware that sets clocks")
    with pytest.raises(ScriptError, match="ValueError: .*-7"):
        board.exec("import machine\nmachine.freq(-7)")


def test_idle_and_sleep_come_back(board: Machine) -> None:
    took = board.eval(
        "nap()",
        """\
import machine, time
def nap():
    start = time.ticks_ms()
    for _ in range(3):
        machine.idle()
    machine.lightsleep(30)
    time.sleep_ms(20)
    time.sleep_us(500)
    return time.ticks_diff(time.ticks_ms(), start)
""",
    )
    assert took >= 50


def test_the_cause_of_the_reset_is_known(board: Machine) -> None:
    names = "[machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET, machine.SOFT_RESET]"
    assert len(set(board.eval(names, "import machine"))) == 4
    # The board has been reset by Ctrl-D before this test.
    assert board.eval("machine.reset_cause() == machine.SOFT_RESET", "import machine") is True


@pytest.mark.emulator
def test_a_reset_by_python_starts_the_machine_anew(fresh: Machine) -> None:
    # The launcher has QEMU stop at a reset, which the link reports.
    with pytest.raises(BoardCrash, match="stopped"):
        fresh.exec("import machine\nmachine.reset()", timeout=20)
    status = fresh.emulated().qmp.execute("query-status")["status"]
    assert status == "shutdown"
