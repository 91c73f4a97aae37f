# SPDX-License-Identifier: MIT
"""machine.PWM: arguments, pins, and what a soft reset leaves. QEMU has no model of the block: the
sequences are in tests/host/test_drivers_pwm.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pimem.board.link import ScriptError
from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused

CLOCKS = {"RPI3": 9_600_000, "RPI4": 27_000_000}  # half of the crystal's
HUGE = 1 << 70


@pytest.fixture
def pwm(board: Machine) -> Iterator[Machine]:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no PWM")
    board.exec("import memory\nfrom machine import PWM, Pin")
    if board.eval("'PWM' in memory.report()['missing']"):
        with pytest.raises(ScriptError, match=r"ENODEV: PWM\(12\) does not answer: .*'missing'"):
            board.exec("PWM(12)")
        pytest.skip("QEMU's raspi4b has nothing where the block is")
    yield board
    board.exec("for n in (12, 13, 18, 19):\n try:\n  PWM(n).deinit()\n except OSError:\n  pass")


def function(board: Machine, pin: int) -> str:
    return board.eval(f"str(Pin({pin}))")


def test_virt_has_no_such_class(board: Machine) -> None:
    assert board.eval("hasattr(machine, 'PWM')", "import machine") is (board.name in PIS)


@pytest.mark.parametrize(("pin", "alt"), [(12, 0), (13, 0), (18, 5), (19, 5)])
def test_a_pin_gets_the_function_of_its_channel_and_is_an_input_afterwards(
    pwm: Machine, pin: int, alt: int
) -> None:
    pwm.exec(f"p = PWM({pin}, freq=2000, duty_u16=99)")
    assert function(pwm, pin) == f"Pin(GPIO{pin}, mode=ALT, alt=ALT{alt})"
    assert pwm.eval("str(p)") == f"PWM({pin}, freq=2000, duty_u16=99)"
    pwm.exec("p.deinit()\np.deinit()")
    assert function(pwm, pin) == f"Pin(GPIO{pin}, mode=IN)"
    assert pwm.eval("str(p)") == f"PWM({pin}, closed)"


def test_a_pin_can_be_named_and_is_one_object(pwm: Machine) -> None:
    assert pwm.eval("PWM(12) is PWM('GPIO12') is PWM(Pin(12))") is True


def test_a_second_object_changes_nothing_but_what_it_names(pwm: Machine) -> None:
    pwm.exec("PWM(13, freq=7, duty_ns=1000, invert=True)")
    assert pwm.eval("str(PWM(13))") == "PWM(13, freq=7, duty_ns=1000, invert=True)"
    assert pwm.eval("str(PWM(13, invert=0))") == "PWM(13, freq=7, duty_ns=1000)"
    pwm.exec("PWM(13).deinit()")
    assert pwm.eval("str(PWM(13))") == "PWM(13, freq=1000, duty_u16=0)", "a new one"


def test_the_two_units_of_duty_agree(pwm: Machine) -> None:
    pwm.exec("p = PWM(12, freq=1000, duty_u16=65535)")
    assert pwm.eval("[p.duty_ns(), p.duty_u16(), p.freq()]") == [1_000_000, 65535, 1000]
    pwm.exec("p.duty_ns(250_000)")
    assert pwm.eval("[p.duty_ns(), p.duty_u16()]") == [250_000, 16384]
    pwm.exec("p.freq(2000)")
    assert pwm.eval("[p.duty_ns(), p.duty_u16()]") == [250_000, 32768], "nanoseconds stay"
    pwm.exec("p.duty_u16(32768)\np.freq(1000)")
    assert pwm.eval("[p.duty_ns(), p.duty_u16()]") == [500_008, 32768], "a part stays a part"


def test_the_frequency_has_limits(pwm: Machine) -> None:
    most = CLOCKS[pwm.name] // 256
    pwm.exec(f"p = PWM(12, freq=1)\np.freq({most})\np.duty_u16(1)")
    for freq in (0, -1, most + 1, 1 << 40):
        check_refused(pwm, f"p.freq({freq})", "ValueError", str(freq), f"1 to {most} Hz")
        check_refused(pwm, f"p.init(freq={freq})", "ValueError", str(freq))
    assert pwm.eval("[p.freq(), p.duty_u16()]") == [most, 1]


@pytest.mark.parametrize(
    ("call", "error", "named"),
    [
        ("PWM()", "TypeError", "argument"),
        ("PWM(12, 1000)", "TypeError", "argument"),
        ("PWM(17)", "ValueError", "GPIO17 has no PWM: GPIO12 or 18"),
        ("PWM(99)", "ValueError", "99"),
        ("PWM(-1)", "ValueError", "-1"),
        ("PWM('GPIO77')", "ValueError", "GPIO77"),
        ("PWM(None)", "TypeError", "NoneType"),
        ("PWM(1 << 70)", "OverflowError", ""),
        ("PWM(12, duty_u16=65536)", "ValueError", "65536"),
        ("PWM(12, duty_u16=-1)", "ValueError", "-1"),
        ("PWM(12, duty_ns=1_000_001)", "ValueError", "1000001 is not in 0 to 1000000"),
        ("PWM(12, duty_ns=-7)", "ValueError", "-7"),
        ("PWM(12, duty_ns=1, duty_u16=1)", "ValueError", "not both"),
        ("PWM(12, freq='1')", "TypeError", "str"),
        ("PWM(12, freq=1.5)", "TypeError", "float"),
        ("PWM(12, duty=1)", "TypeError", "no argument duty here"),
    ],
)
def test_a_bad_argument_is_named_and_the_pin_stays_free(
    pwm: Machine, call: str, error: str, named: str
) -> None:
    check_refused(pwm, call, error, named)
    assert function(pwm, 12) == "Pin(GPIO12, mode=IN)"
    pwm.exec("Pin(12, Pin.OUT, value=0)\nPin(12, Pin.IN)")


def test_a_channel_has_one_pin_and_a_pin_one_user(pwm: Machine) -> None:
    pwm.exec("p = PWM(12, freq=10)")
    check_refused(pwm, "PWM(18)", "OSError", "EBUSY", "PWM0, channel 0", "PWM(12)")
    check_refused(pwm, "Pin(12, Pin.OUT)", "OSError", "EBUSY", "GPIO12", "PWM(12)")
    check_refused(pwm, "Pin(12).on()", "OSError", "EBUSY", "GPIO12", "PWM(12)")
    pwm.exec("PWM(19)")
    pwm.exec("p.deinit()\nPWM(18)")
    check_refused(pwm, "p.init()", "OSError", "EBUSY", "PWM(18)")
    check_refused(pwm, "p.freq(5)", "ValueError", "PWM(12) is closed")
    pwm.exec("Pin(12, Pin.OUT)\nPin(12, Pin.IN)")


def test_a_closed_object_says_so_and_can_be_opened(pwm: Machine) -> None:
    pwm.exec("p = PWM(12)\np.deinit()")
    for call in ("freq()", "freq(1)", "duty_u16()", "duty_u16(1)", "duty_ns()", "duty_ns(1)"):
        check_refused(pwm, f"p.{call}", "ValueError", "PWM(12) is closed: init() opens it again")
    pwm.exec("p.init(freq=9)")
    assert pwm.eval("p.freq()") == 9


def test_a_soft_reset_frees_pins_and_channels(pwm: Machine) -> None:
    pwm.exec("p = PWM(12, freq=3), PWM(13)")
    pwm.soft_reset()
    pwm.exec("from machine import PWM, Pin")
    assert function(pwm, 12) == "Pin(GPIO12, mode=IN)"
    assert pwm.eval("str(PWM(18))") == "PWM(18, freq=1000, duty_u16=0)"
