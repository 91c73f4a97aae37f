# SPDX-License-Identifier: MIT
"""The buses of the header; machine has their names."""

from typing import Any, Final, final

from . import Pin

class _I2CBus:
    """A bus whose devices have addresses of 7 bits: sensors, clocks, memories.

    OSError(ENODEV): no device has the address, or it does not take a byte. OSError(ETIMEDOUT): a
    line stays low. ValueError: an address, a size or a memory address that cannot be.
    """

    def scan(self) -> list[int]:
        """Return the addresses of the devices that answer, from 0x08 to 0x77."""

    def readfrom(self, addr: int, nbytes: int, stop: bool = True, /) -> bytes:
        """Read bytes from a device."""

    def readfrom_into(self, addr: int, buffer: Any, stop: bool = True, /) -> None:
        """Fill a buffer from a device."""

    def writeto(self, addr: int, buffer: Any, stop: bool = True, /) -> int:
        """Write a buffer to a device; return how many bytes it took."""

    def writevto(self, addr: int, buffers: Any, stop: bool = True, /) -> int:
        """Write a list of buffers to a device, as one transfer."""

    def readfrom_mem(self, addr: int, memaddr: int, nbytes: int, *, addrsize: int = 8) -> bytes:
        """Read from an address in a device: it is written, and the read follows without a STOP."""

    def readfrom_mem_into(
        self, addr: int, memaddr: int, buffer: Any, *, addrsize: int = 8
    ) -> None:
        """Fill a buffer from an address in a device."""

    def writeto_mem(self, addr: int, memaddr: int, buffer: Any, *, addrsize: int = 8) -> None:
        """Write a buffer to an address in a device."""

@final
class I2C(_I2CBus):
    """An I2C master of the SoC: number 0 or 1, on the Raspberry Pi 4 also 3, 4, 5, 6.

    Each has its pins: 1 is on GPIO2 and GPIO3. There is one object of each. A write with
    stop=False is sent with the read that follows; another one is OSError(EOPNOTSUPP).

    ValueError: pins that the bus cannot be on. OSError(EBUSY): another block has a pin.
    """

    def __init__(
        self,
        id: int,
        /,
        *,
        scl: Pin | int | str | None = None,
        sda: Pin | int | str | None = None,
        freq: int = 400000,
        timeout: int = 50000,
    ) -> None: ...
    def init(
        self,
        *,
        scl: Pin | int | str | None = None,
        sda: Pin | int | str | None = None,
        freq: int = 400000,
        timeout: int = 50000,
    ) -> None:
        """Set the bus up; `timeout` is the longest time that it may stand still, in us."""

    def deinit(self) -> None:
        """Switch the block off and give its pins back."""

@final
class SoftI2C(_I2CBus):
    """I2C by software, on any two pins: also for devices that stretch the clock."""

    def __init__(
        self,
        scl: Pin | int | str,
        sda: Pin | int | str,
        *,
        freq: int = 400000,
        timeout: int = 50000,
    ) -> None: ...
    def init(
        self,
        scl: Pin | int | str,
        sda: Pin | int | str,
        *,
        freq: int = 400000,
        timeout: int = 50000,
    ) -> None:
        """Set the bus up; `timeout` is how long a device may hold the clock, in us."""

    def start(self) -> None:
        """Begin a transfer by hand."""

    def stop(self) -> None:
        """End a transfer by hand."""

    def readinto(self, buffer: Any, nack: bool = True, /) -> None:
        """Read the bytes of a buffer by hand; the last one is not acknowledged."""

    def write(self, buffer: Any, /) -> int:
        """Write a buffer by hand; return how many bytes were acknowledged."""

class _SPIBus:
    """A bus that shifts bytes out and in at once. The chip select is a Pin of the program's.

    ValueError: a rate, a mode or a size that cannot be.
    """

    MSB: Final[int]
    LSB: Final[int]
    def deinit(self) -> None:
        """Switch the block off and give its pins back; of SoftSPI it does nothing."""

    def read(self, nbytes: int, write: int = 0, /) -> bytes:
        """Read bytes; send the byte `write` meanwhile."""

    def readinto(self, buffer: Any, write: int = 0, /) -> None:
        """Fill a buffer; send the byte `write` meanwhile."""

    def write(self, buffer: Any, /) -> None:
        """Send a buffer."""

    def write_readinto(self, write_buffer: Any, read_buffer: Any, /) -> None:
        """Send a buffer and fill another one of the same size, which may be the same."""

@final
class SPI(_SPIBus):
    """An SPI master of the SoC: number 0 or 1, on the Raspberry Pi 4 also 3, 4, 5, 6.

    Each has its pins: 0 is on GPIO11 (SCK), GPIO10 (MOSI) and GPIO9 (MISO). There is one object of
    each. Number 1 has phase 0 only.

    ValueError: pins that the bus cannot be on. OSError(EBUSY): another block has a pin.
    OSError(ENODEV): the block does not answer.
    """

    def __init__(
        self,
        id: int,
        baudrate: int = 1000000,
        /,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = ...,
        sck: Pin | int | str | None = None,
        mosi: Pin | int | str | None = None,
        miso: Pin | int | str | None = None,
    ) -> None: ...
    def init(
        self,
        baudrate: int = ...,
        *,
        polarity: int = ...,
        phase: int = ...,
        bits: int = 8,
        firstbit: int = ...,
        sck: Pin | int | str | None = None,
        mosi: Pin | int | str | None = None,
        miso: Pin | int | str | None = None,
    ) -> None:
        """Set the bus up; what is not given stays."""

@final
class SoftSPI(_SPIBus):
    """SPI by software, on any three pins."""

    def __init__(
        self,
        baudrate: int = 500000,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = ...,
        sck: Pin | int | str,
        mosi: Pin | int | str,
        miso: Pin | int | str,
    ) -> None: ...
    def init(
        self,
        baudrate: int = ...,
        polarity: int = ...,
        phase: int = ...,
        *,
        firstbit: int = ...,
        sck: Pin | int | str = ...,
        mosi: Pin | int | str = ...,
        miso: Pin | int | str = ...,
    ) -> None:
        """Set the bus up; what is not given stays."""
