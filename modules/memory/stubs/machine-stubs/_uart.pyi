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
    """A serial line beside the console: number 1 (mini UART), on the Raspberry Pi 4 also 2 to 5.

    There is one object of each; UART(id) of one that is open returns it as it is. Number 1 has 7
    or 8 bits, no parity and one stop bit. What comes is kept in `rxbuf` bytes, 256 at first.

    ValueError: no such UART, pins that it cannot be on, a rate that cannot be made.
    OSError(EBUSY): another has a pin, or number 0, the console. OSError(ENODEV): it does not
    answer.
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
        """Change settings; -1: as before. parity: None, 0 (even), 1 (odd); times in ms."""

    def deinit(self) -> None:
        """Stop the UART and give its pins back; what was received is lost."""

    def any(self) -> int:
        """Return how many bytes can be read at once."""

    def read(self, nbytes: int = -1, /) -> bytes | None:
        """Read up to `nbytes`, or what comes until the timeout; None: nothing came."""

    def readinto(self, buffer: Any, nbytes: int = ..., /) -> int | None:
        """Fill a buffer as far as bytes come in time; return how many, or None."""

    def readline(self, nbytes: int = -1, /) -> bytes | None:
        """Read up to the end of a line, or as far as bytes come in time."""

    def write(self, buffer: Any, nbytes: int = ..., offset: int = ..., /) -> int | None:
        """Write a buffer; wait until the transmitter has all of it."""

    def flush(self) -> None:
        """Wait until all that was written has left."""

    def txdone(self) -> bool:
        """Whether all that was written has left."""

    def sendbreak(self) -> None:
        """Keep the line low for longer than a byte."""

    def irq(
        self,
        handler: Callable[[UART], object] | None = None,
        trigger: int = 0,
        hard: bool = False,
    ) -> _Irq:
        """Call handler(uart) from the scheduler when bytes came (trigger IRQ_RX); 0: never."""
