# SPDX-License-Identifier: MIT
"""The hardware of the board: words of memory, pins, resets, the processor's clock."""

from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol, final, overload

from ._buses import I2C as I2C
from ._buses import SPI as SPI
from ._buses import SoftI2C as SoftI2C
from ._buses import SoftSPI as SoftSPI
from ._card import Partition as Partition
from ._card import SDCard as SDCard
from ._uart import UART as UART

@final
class _Memory:
    """Memory in words of one width. Each access is exactly one load or store of that width.

    ValueError: an address that is not a multiple of the width, a value that does not fit.
    memory.Fault: the tables forbid the access, or nothing answers.
    """

    def __getitem__(self, address: int, /) -> int: ...
    def __setitem__(self, address: int, value: int, /) -> None: ...

mem8: _Memory
"""Memory in words of 8 bits: mem8[address] is one load or store."""
mem16: _Memory
"""Memory in words of 16 bits: mem16[address] is one load or store."""
mem32: _Memory
"""Memory in words of 32 bits: mem32[address] is one load or store."""
mem64: _Memory
"""Memory in words of 64 bits: mem64[address] is one load or store."""

@final
class _Names:
    """Pins by name, as attributes."""

    def __getattr__(self, name: str, /) -> Pin: ...

@final
class _PinIrq:
    """The interrupt of a pin."""

    def __call__(self) -> None:
        """Schedule a call of the handler."""

    def flags(self) -> int:
        """The triggers of the latest event."""

    def trigger(self, trigger: int = ..., /) -> int:
        """The triggers, as they were before this call sets them."""

@final
class Pin:
    """A GPIO of the SoC, by number or name ("GPIO17"), or a named pin of the board ("LED").

    The value is that of the name: a pin that is active low is 1 when its level is low.
    ValueError: this board has no such pin. OSError(ENODEV): the machine has no GPIO controller.
    OSError(EBUSY): the console or a block has the pin; it can be read, not changed.
    """

    IN: Final[int]
    OUT: Final[int]
    OPEN_DRAIN: Final[int]
    ALT: Final[int]
    ALT0: Final[int]
    ALT1: Final[int]
    ALT2: Final[int]
    ALT3: Final[int]
    ALT4: Final[int]
    ALT5: Final[int]
    PULL_UP: Final[int]
    PULL_DOWN: Final[int]
    IRQ_RISING: Final[int]
    IRQ_FALLING: Final[int]
    IRQ_LOW_LEVEL: Final[int]
    IRQ_HIGH_LEVEL: Final[int]
    board: Final[_Names]
    cpu: Final[_Names]
    def __init__(
        self,
        id: int | str | Pin,
        /,
        mode: int | None = None,
        pull: int | None = None,
        *,
        value: object = None,
        alt: int = -1,
    ) -> None: ...
    def init(
        self,
        mode: int | None = None,
        pull: int | None = None,
        *,
        value: object = None,
        alt: int = -1,
    ) -> None:
        """Configure the pin: None leaves the mode and the value as they are."""

    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: object, /) -> None:
        """Read the pin, or set it."""

    @overload
    def __call__(self) -> int: ...
    @overload
    def __call__(self, value: object, /) -> None: ...
    def on(self) -> None:
        """Set the value to 1."""

    def off(self) -> None:
        """Set the value to 0."""

    def high(self) -> None:
        """Set the value to 1."""

    def low(self) -> None:
        """Set the value to 0."""

    def toggle(self) -> None:
        """Invert the value."""

    def irq(
        self,
        handler: Callable[[Pin], object] | None = None,
        trigger: int = ...,
        hard: bool = False,
    ) -> _PinIrq:
        """Call handler(pin) at edges or levels of the pin; None ends that.

        `trigger` is a sum of IRQ_ constants, at first both edges. The call is scheduled: edges
        that come before it add calls, up to 1000; a level calls again when the handler has
        returned.
        Without arguments: the object of the pin's interrupt, unchanged.

        ValueError: a trigger that is none, hard=True, a pin of the expander.
        """

@final
class Timer:
    """A virtual timer: it calls callback(timer) once, or again and again.

    `freq` is in Hz, `period` in units of 1/`tick_hz` seconds; without both it is the one before,
    at first a second. The shortest period is 50 us. A call that is late is made up for, up to
    1000. An exception of the callback is printed, and the timer goes on. Soft reset stops it.

    ValueError: a period out of reach, an id that is not -1, hard=True: callbacks are scheduled.
    RuntimeError: 100 timers run already.
    """

    ONE_SHOT: Final[int]
    PERIODIC: Final[int]
    def __init__(
        self,
        id: int = -1,
        /,
        *,
        mode: int = ...,
        freq: float | None = None,
        period: int | None = None,
        tick_hz: int = 1000,
        callback: Callable[[Timer], object] | None = ...,
        hard: bool = False,
    ) -> None: ...
    def init(
        self,
        *,
        mode: int = ...,
        freq: float | None = None,
        period: int | None = None,
        tick_hz: int = 1000,
        callback: Callable[[Timer], object] | None = ...,
        hard: bool = False,
    ) -> None:
        """Stop the timer, and start it anew with a callback that is not None."""

    def deinit(self) -> None:
        """Stop the timer: no call is made any more."""

@final
class RTC:
    """The time of day: an offset to the processor's timer, kept over a soft reset only.

    Until it is set the time begins at the day on which the image was built. time.time() and the
    times of files follow it.
    """

    def __init__(self, id: int = 0, /) -> None: ...
    @overload
    def datetime(self) -> tuple[int, int, int, int, int, int, int, int]: ...
    @overload
    def datetime(self, datetime: tuple[int, int, int, int, int, int, int, int], /) -> None:
        """Read or set (year, month, day, weekday, hour, minute, second, microsecond).

        The weekday is 0 on Mondays; what is set follows from the date. ValueError: a part that
        does not exist, a year that is not in 2000 to 2553.
        """

@final
class WDT:
    """The watchdog: it resets the machine when `timeout` ms pass without feed(). Nothing stops it.

    ValueError: a timeout that is not in 1 to 15999 ms. OSError(ENODEV): the machine has none.
    """

    def __init__(self, id: int = 0, timeout: int = 5000) -> None: ...
    def feed(self) -> None:
        """Begin the timeout anew."""

class _PinLike(Protocol):
    """A Pin, a Signal, or an object of a Python class."""

    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: object, /) -> None: ...

@final
class Signal:
    """A pin whose value may be inverted."""

    @overload
    def __init__(self, pin: _PinLike, /, *, invert: bool = False) -> None: ...
    @overload
    def __init__(
        self,
        id: int | str,
        mode: int | None = None,
        pull: int | None = None,
        /,
        *,
        invert: bool = False,
        value: object = None,
        alt: int = -1,
    ) -> None: ...
    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: object, /) -> None:
        """Read the signal, or set it."""

    @overload
    def __call__(self) -> int: ...
    @overload
    def __call__(self, value: object, /) -> None: ...
    def on(self) -> None:
        """Set the value to 1."""

    def off(self) -> None:
        """Set the value to 0."""

@final
class PWM:
    """Pulses on GPIO12 or GPIO18 (channel 0), GPIO13 or GPIO19 (channel 1): one pin a channel.

    There is one object a pin: PWM(pin) of one that is open returns it as it is. A new one has
    1000 Hz and a duty of 0. After deinit() only init() works.

    ValueError: no such pin, a frequency or duty that cannot be. OSError(EBUSY): another has the
    pin or the channel. OSError(ENODEV): the block does not answer.
    """

    def __init__(
        self,
        pin: int | str | Pin,
        /,
        *,
        freq: int | None = None,
        duty_u16: int | None = None,
        duty_ns: int | None = None,
        invert: bool | None = None,
    ) -> None: ...
    def init(
        self,
        *,
        freq: int | None = None,
        duty_u16: int | None = None,
        duty_ns: int | None = None,
        invert: bool | None = None,
    ) -> None:
        """Change settings; None leaves one as it is. invert: low where it was high."""

    def deinit(self) -> None:
        """Stop the pulses; the pin is an input then."""

    @overload
    def freq(self) -> int: ...
    @overload
    def freq(self, hz: int, /) -> None:
        """The frequency in Hz, 1 to 37500 (Pi 3) or 105468 (Pi 4): read it, or set it."""

    @overload
    def duty_u16(self) -> int: ...
    @overload
    def duty_u16(self, duty: int, /) -> None:
        """The high part of a period, 0 to 65535 (always high): read it, or set it."""

    @overload
    def duty_ns(self) -> int: ...
    @overload
    def duty_ns(self, ns: int, /) -> None:
        """The high part of a period in nanoseconds: read it, or set it."""

PWRON_RESET: Final[int]
HARD_RESET: Final[int]
WDT_RESET: Final[int]
SOFT_RESET: Final[int]
CRASH_RESET: Final[int]

def reset_cause() -> int:
    """Why the machine started, one of the _RESET constants; 0 when it is unknown.

    WDT_RESET: the watchdog. HARD_RESET: machine.reset(). CRASH_RESET: see memory.last_crash().
    """

def reset() -> NoReturn:
    """Reset the machine."""

def soft_reset(_: object = ..., /) -> NoReturn:
    """End Python and start it again, as Ctrl-D does. It is the same function as sys.exit()."""

def bootloader(_: object = ..., /) -> NoReturn:
    """Receive another kernel over the serial line, and start it."""

def unique_id() -> bytes:
    """Serial number, 8 bytes; empty when the machine has none."""

@overload
def freq() -> int: ...
@overload
def freq(hz: int, /) -> None:
    """The processor's clock in Hz: read it, or ask the firmware for another one.

    OSError(ENODEV): the machine has no firmware to ask.
    """

def temperature() -> float:
    """Degrees Celsius of the SoC, as the firmware tells them.

    OSError(ENODEV): the machine has no firmware to ask.
    """

def time_pulse_us(pin: Pin | int | str, level: int, timeout_us: int = 1000000, /) -> int:
    """Measure the next pulse of a level, in microseconds.

    -2: the pulse did not begin in time; -1: it did not end in time.
    """

def bitstream(
    pin: Pin | int | str, encoding: int, timing: tuple[int, int, int, int], data: Any, /
) -> None:
    """Send bytes, most significant bit first, as pulses; `encoding` is 0.

    `timing`: nanoseconds, 50000 at most, of the high and the low level of a 0, then of a 1.
    """

def idle() -> None:
    """Wait for an interrupt, at most 1 ms."""

def lightsleep(ms: int = ..., /) -> None:
    """Sleep for `ms` milliseconds; without an argument until the next interrupt."""

def deepsleep(ms: int = ..., /) -> NoReturn:
    """Sleep, then reset the machine; without an argument switch it off."""

def disable_irq() -> int:
    """Mask interrupts; return the state for enable_irq()."""

def enable_irq(state: int, /) -> None:
    """Restore the interrupt mask that disable_irq() returned."""
