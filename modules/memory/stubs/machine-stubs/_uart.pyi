# SPDX-License-Identifier: MIT
"""Serial lines."""

from collections.abc import Callable
from typing import Any, Final, Protocol, final

from . import Pin

class _Irq(Protocol):
    def __call__(self) -> None: ...
    def flags(self) -> int: ...
    def trigger(self, trigger: int = ..., /) -> int: ...

@final
class UART:
    """A serial line besides the console: number 1 (mini UART), on the Raspberry Pi 4 also 2 to 5.

    There is one object for each number; UART(id) returns it unchanged if it is open. Number 1 has
    7 or 8 bits, no parity and one stop bit. The receive buffer has `rxbuf` bytes, a power of two.

    ValueError: a number or pins that do not exist, a rate that cannot be generated.
    OSError(EBUSY): a pin has another user; number 0 is the console. OSError(ENODEV): the UART does
    not answer.
    """

    IRQ_RX: Final[int]
    def __init__(
        self,
        id: int,
        baudrate: int = 115200,
        bits: int = 8,
        parity: int | None = None,
        stop: int = 1,
        /,
        *,
        tx: Pin | int | str | None = None,
        rx: Pin | int | str | None = None,
        rxbuf: int = 256,
        timeout: int = 0,
        timeout_char: int = 0,
    ) -> None: ...
    def init(
        self,
        baudrate: int = -1,
        bits: int = -1,
        parity: int | None = -1,
        stop: int = -1,
        *,
        tx: Pin | int | str | None = None,
        rx: Pin | int | str | None = None,
        rxbuf: int = -1,
        timeout: int = -1,
        timeout_char: int = -1,
    ) -> None:
        """Change settings; -1: unchanged. parity: None, 0 (even), 1 (odd). Times are in ms."""

    def deinit(self) -> None:
        """Stop the UART and release its pins. Received bytes are discarded."""

    def any(self) -> int:
        """Return the number of bytes that can be read without waiting."""

    def read(self, nbytes: int = -1, /) -> bytes | None:
        """Read up to `nbytes` bytes, or until the timeout; None if there are none."""

    def readinto(self, buffer: Any, nbytes: int = ..., /) -> int | None:
        """Fill a buffer until the timeout; return the number of bytes, or None."""

    def readline(self, nbytes: int = -1, /) -> bytes | None:
        """Read up to the end of a line, or until the timeout."""

    def write(self, buffer: Any, nbytes: int = ..., offset: int = ..., /) -> int | None:
        """Write a buffer. Waits until the transmitter has accepted all of it."""

    def flush(self) -> None:
        """Wait until all bytes have been sent."""

    def txdone(self) -> bool:
        """Whether all bytes have been sent."""

    def sendbreak(self) -> None:
        """Send a break: a low level that is longer than a byte."""

    def irq(
        self,
        handler: Callable[[UART], object] | None = None,
        trigger: int = 0,
        hard: bool = False,
    ) -> _Irq:
        """Schedule handler(uart) when bytes have arrived (trigger IRQ_RX); 0 disables it."""
