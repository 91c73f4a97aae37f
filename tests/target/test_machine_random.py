# SPDX-License-Identifier: MIT
"""20,000 random calls of the classes and functions of `machine`: an answer, or an error of the
kinds that the documentation names; no fault, and nothing is left.

Left out is what ends the program or waits as long as it is told: resets, sleeps, WDT, and the bits
of memory. Pins are those of the header.
"""

from __future__ import annotations

import pytest

from pimem.testing.board_session import Machine

CALLS = 20_000
SECONDS = 120.0  # of silence, on a loaded host

PROGRAM = """
import gc, machine, time

state = %d

def below(n):
    global state
    state ^= state << 13 & 0xffffffffffffffff
    state ^= state >> 7
    state ^= state << 17 & 0xffffffffffffffff
    return state %% n

def choose(items):
    return items[below(len(items))]

calls = [0]
def callback(*args):
    calls[0] += 1

LEFT_OUT = ("WDT", "reset", "soft_reset", "bootloader", "deepsleep", "lightsleep", "idle",
    "time_pulse_us", "mem8", "mem16", "mem32", "mem64", "disable_irq", "enable_irq", "SDCard",
    "Partition", "__name__", "__class__", "__dict__")
NAMES = [name for name in dir(machine) if name not in LEFT_OUT
    and callable(getattr(machine, name))]
KEYWORDS = ("id", "mode", "pull", "value", "alt", "freq", "period", "callback", "tick_hz", "hard",
    "scl", "sda", "timeout", "baudrate", "polarity", "phase", "bits", "firstbit", "sck", "mosi",
    "miso", "tx", "rx", "parity", "stop", "rxbuf", "timeout_char", "duty_u16", "duty_ns", "invert",
    "handler", "trigger", "addrsize", "nonsense")
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 17, 18, 19, 27, 100, 1000, 9600, 115200, 400000)
EDGES = (-1, 58, 255, 256, 65535, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32, (1 << 63) - 1,
    1 << 63, 1 << 64, -(1 << 63), -(1 << 70), 1.5, -0.0, float("inf"), float("nan"))
OTHERS = (None, True, False, "", "GPIO17", "GPIO99", "LED", "\\0", b"", b"abc", "J8_11", (),
    (1, 2), (2030, 1, 2, 3, 4, 5, 6, 7), [0] * 8, {}, callback, (400, 850, 800, 450), object,
    Ellipsis)
made = []

def argument():
    kind = below(10)
    if kind < 5:
        return choose(NUMBERS)
    if kind < 6:
        return choose(EDGES)
    if kind < 8 or not made:
        return choose(OTHERS)
    if kind < 9:
        return bytearray(below(40))
    return choose(made)

def target():
    if made and below(3):
        thing = choose(made)
        names = [name for name in dir(thing) if name[0] != "_"]
        return getattr(thing, choose(names)) if names else thing
    return getattr(machine, choose(NAMES))

def end():
    for thing in made:
        if hasattr(thing, "deinit"):
            thing.deinit()
        if hasattr(thing, "irq"):
            try:
                thing.irq(None)
            except (OSError, ValueError, TypeError):
                pass
    made.clear()

answered = refused = 0
for i in range(%d):
    call = target()
    args = [argument() for _ in range(below(4))]
    named = {choose(KEYWORDS): argument() for _ in range(below(3))}
    try:
        got = call(*args, **named) if callable(call) else None
        answered += 1
        if type(got) not in (type(None), int, float, bool, str, bytes, tuple, list):
            made.append(got)
    except (ValueError, TypeError, OverflowError, AttributeError, NotImplementedError):
        refused += 1
    except OSError as error:
        if type(error) is not OSError:
            raise # memory.Fault
        refused += 1
    if i %% 64 == 63:
        end()
end()
print(answered > 1000, refused > 1000, "board answers")
"""


# QEMU has neither UART(2) to (5), nor the AUX block's SPI, nor the firmware's expander.
@pytest.mark.guest_errors(
    r"pl011_\w+: Bad offset.*", r"bcm2835_aux_\w+: .*", r"bcm2835_property: unhandled tag 0x0003.*"
)
@pytest.mark.usefixtures("reset_at_the_end", "clock_kept")
@pytest.mark.parametrize("seed", [1, 0x9E3779B97F4A7C15])
def test_random_calls_leave_nothing(board: Machine, seed: int) -> None:
    printed = board.exec(PROGRAM % (seed, CALLS // 2), SECONDS).splitlines()
    assert printed[-1] == "True True board answers"
