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
    """Memory as words of one width. Each access is exactly one load or store of that width.

    ValueError: an address that is not a multiple of the width, a value that does not fit.
    memory.Fault: the tables forbid the access, or nothing answers.
    """

    def __getitem__(self, address: int, /) -> int: ...
    def __setitem__(self, address: int, value: int, /) -> None: ...

mem8: _Memory
"""Memory as words of 8 bits: mem8[address] is one load or store."""
mem16: _Memory
"""Memory as words of 16 bits: mem16[address] is one load or store."""
mem32: _Memory
"""Memory as words of 32 bits: mem32[address] is one load or store."""
mem64: _Memory
"""Memory as words of 64 bits: mem64[address] is one load or store."""

@final
class _Names:
    """Pins by name, as attributes."""

    def __getattr__(self, name: str, /) -> Pin: ...

@final
class _PinIrq:
    """The interrupt of a pin, as Pin.irq() returns it."""

    def __call__(self) -> None:
        """Schedule a call of the handler, as an event does."""

    def flags(self) -> int:
        """Return the triggers of the latest event."""

    def trigger(self, trigger: int = ..., /) -> int:
        """Return the triggers, and set others if they are given."""

@final
class Pin:
    """A GPIO of the SoC, by number or name ("GPIO17"), or a named pin of the board ("LED").

    The value is logical: an active-low pin has the value 1 when its level is low.
    ValueError: this board has no such pin. OSError(ENODEV): the machine has no GPIO controller.
    OSError(EBUSY): the console or a block has the pin, which can then be read but not changed.
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
        drive: int | None = None,
        alt: int = -1,
    ) -> None: ...
    def init(
        self,
        mode: int | None = None,
        pull: int | None = None,
        *,
        value: object = None,
        drive: int | None = None,
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

    @overload
    def drive(self) -> int: ...
    @overload
    def drive(self, drive: int, /) -> None:
        """Read or set the drive strength, 2 to 16 mA in steps of 2, of the pin's whole group.

        The groups are GPIO0 to 27, 28 to 45, 46 to 53. OSError(ENODEV): the pads do not answer.
        """

    def toggle(self) -> None:
        """Invert the value."""

    def irq(
        self,
        handler: Callable[[Pin], object] | None = None,
        trigger: int = ...,
        hard: bool = False,
    ) -> _PinIrq:
        """Call handler(pin) at edges or levels of the pin; None disables the interrupt.

        `trigger` is a sum of IRQ_ constants; the default is both edges. The call is scheduled.
        Each further edge adds a call, up to 1000; a level is armed again when the handler has
        returned. Without arguments, returns the interrupt object of the pin unchanged.

        ValueError: an invalid trigger, hard=True, a pin of the expander.
        """

@final
class Timer:
    """A virtual timer: it calls callback(timer) once or periodically.

    `freq` is in Hz, `period` in units of 1/`tick_hz` seconds; the default is the previous period,
    or a second. The shortest period is 50 us. Calls are scheduled; up to 1000 late ones are made
    afterwards. An exception in the callback is printed, and the timer continues. Soft reset
    stops it.

    ValueError: a period out of range, an id that is not -1, hard=True.
    RuntimeError: 100 timers are running.
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
        """Stop the timer, and restart it unless the callback is None."""

    def deinit(self) -> None:
        """Stop the timer. Calls that are due are discarded."""

@final
class RTC:
    """The time of day: an offset to the processor's counter, which a reset loses.

    Until it is set, the time starts at the date on which the image was built. A soft reset keeps
    it. time.time() and the dates of files follow it.
    """

    def __init__(self, id: int = 0, /) -> None: ...
    @overload
    def datetime(self) -> tuple[int, int, int, int, int, int, int, int]: ...
    @overload
    def datetime(self, datetime: tuple[int, int, int, int, int, int, int, int], /) -> None:
        """Read or set (year, month, day, weekday, hour, minute, second, microsecond).

        The weekday is 0 on Mondays; it is ignored when set. ValueError: a part out of range, a
        year that is not in 2000 to 2553.
        """

@final
class WDT:
    """The watchdog: it resets the machine after `timeout` ms without feed(). Nothing stops it.

    ValueError: a timeout that is not in 1 to 15999 ms. OSError(ENODEV): there is no watchdog.
    """

    def __init__(self, id: int = 0, timeout: int = 5000) -> None: ...
    def feed(self) -> None:
        """Restart the timeout."""

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
    """Pulses on GPIO12 or GPIO18 (channel 0), GPIO13 or GPIO19 (channel 1): one pin per channel.

    There is one object per pin: PWM(pin) returns it unchanged if it is open. The defaults are
    1000 Hz and a duty of 0. After deinit() only init() works.

    ValueError: a pin without PWM, a frequency or duty out of range. OSError(EBUSY): the pin or
    the channel has another user. OSError(ENODEV): the block does not answer.
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
        """Change settings; None leaves one unchanged. invert: exchange high and low."""

    def deinit(self) -> None:
        """Stop the pulses and make the pin an input."""

    @overload
    def freq(self) -> int: ...
    @overload
    def freq(self, hz: int, /) -> None:
        """The frequency in Hz, 1 to 37500 (Pi 3) or 105468 (Pi 4): read it, or set it."""

    @overload
    def duty_u16(self) -> int: ...
    @overload
    def duty_u16(self, duty: int, /) -> None:
        """The high part of a period, 0 (always low) to 65535 (always high): read or set it."""

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
    """Return why the machine started, one of the _RESET constants; 0 if unknown.

    WDT_RESET: the watchdog. HARD_RESET: machine.reset(). CRASH_RESET: see memory.last_crash().
    """

def reset() -> NoReturn:
    """Reset the machine."""

def soft_reset(_: object = ..., /) -> NoReturn:
    """Restart Python, as Ctrl-D does. This is the same function as sys.exit()."""

def bootloader(_: object = ..., /) -> NoReturn:
    """Receive another kernel over the serial line and start it."""

def unique_id() -> bytes:
    """Return the serial number, 8 bytes; empty if the machine has none."""

@overload
def freq() -> int: ...
@overload
def freq(hz: int, /) -> None:
    """The clock of the processor in Hz: read it, or ask the firmware for another rate.

    ValueError: a rate outside the firmware's limits. OSError(ENODEV): there is no firmware.
    """

def temperature() -> float:
    """Return the temperature of the SoC in degrees Celsius, as measured by the firmware.

    OSError(ENODEV): there is no firmware.
    """

def time_pulse_us(pin: Pin | int | str, level: int, timeout_us: int = 1000000, /) -> int:
    """Wait for a pulse of the level and return its length in microseconds.

    Returns -2 if no pulse started within `timeout_us`, and -1 if it did not end within it.
    """

def bitstream(
    pin: Pin | int | str, encoding: int, timing: tuple[int, int, int, int], data: Any, /
) -> None:
    """Send bytes, most significant bit first, as pulses; `encoding` is 0.

    `timing`: nanoseconds of the high and the low level of a 0, then of a 1; 50000 at most.
    """

def idle() -> None:
    """Wait for an interrupt, at most 1 ms."""

def lightsleep(ms: int = ..., /) -> None:
    """Sleep for `ms` milliseconds, or until the next interrupt. Callbacks run meanwhile."""

def deepsleep(ms: int = ..., /) -> NoReturn:
    """Sleep, then reset the machine; without an argument switch it off."""

def disable_irq() -> int:
    """Mask interrupts; return the state for enable_irq()."""

def enable_irq(state: int, /) -> None:
    """Restore the interrupt mask that disable_irq() returned."""
