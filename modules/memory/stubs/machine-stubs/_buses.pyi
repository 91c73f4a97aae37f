# SPDX-License-Identifier: MIT
"""The buses of the header; machine has their names."""

from typing import Any, Final, final

from . import Pin

class _I2CBus:
    """A bus whose devices have addresses of 7 bits: sensors, clocks, memories.

    OSError(ENODEV): no device acknowledges the address or a byte. OSError(ETIMEDOUT): no progress,
    for example because a line stays low. ValueError: an address, size or memory address out of
    range.
    """

    def scan(self) -> list[int]:
        """Return the addresses of the devices that answer, from 0x08 to 0x77."""

    def readfrom(self, addr: int, nbytes: int, stop: bool = True, /) -> bytes:
        """Read bytes from a device."""

    def readfrom_into(self, addr: int, buffer: Any, stop: bool = True, /) -> None:
        """Fill a buffer from a device."""

    def writeto(self, addr: int, buffer: Any, stop: bool = True, /) -> int:
        """Write a buffer to a device; return the number of acknowledged bytes."""

    def writevto(self, addr: int, buffers: Any, stop: bool = True, /) -> int:
        """Write a list of buffers to a device in one transfer."""

    def readfrom_mem(self, addr: int, memaddr: int, nbytes: int, *, addrsize: int = 8) -> bytes:
        """Write a memory address to a device, and read after a repeated START."""

    def readfrom_mem_into(
        self, addr: int, memaddr: int, buffer: Any, *, addrsize: int = 8
    ) -> None:
        """Fill a buffer from a memory address of a device."""

    def writeto_mem(self, addr: int, memaddr: int, buffer: Any, *, addrsize: int = 8) -> None:
        """Write a buffer to a memory address of a device."""

@final
class I2C(_I2CBus):
    """An I2C master of the SoC: number 0 or 1, on the Raspberry Pi 4 also 3, 4, 5, 6.

    Each has its own pins: number 1 has GPIO2 and GPIO3. There is one object for each number. A
    write with stop=False is sent with the read that follows it; other uses of stop=False are
    OSError(EOPNOTSUPP).

    ValueError: a number or pins that the bus does not have, `freq` or `timeout` out of range.
    OSError(EBUSY): a pin has another user. OSError(ENODEV): the block does not answer.
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
        """Configure the bus. `timeout` is the longest time without progress, in us."""

    def deinit(self) -> None:
        """Disable the block and release its pins."""

@final
class SoftI2C(_I2CBus):
    """I2C in software, on any two pins, also for devices that stretch the clock."""

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
        """Configure the bus. `timeout` is how long a device may hold SCL low, in us."""

    def start(self) -> None:
        """Send a START condition."""

    def stop(self) -> None:
        """Send a STOP condition."""

    def readinto(self, buffer: Any, nack: bool = True, /) -> None:
        """Fill a buffer. The last byte is not acknowledged, unless `nack` is false."""

    def write(self, buffer: Any, /) -> int:
        """Write a buffer; return the number of acknowledged bytes."""

class _SPIBus:
    """A bus that sends and receives bytes simultaneously. The program's own Pin selects the chip.

    ValueError: a rate, mode or size out of range.
    """

    MSB: Final[int]
    LSB: Final[int]
    def deinit(self) -> None:
        """Disable the block and release its pins. No effect for SoftSPI."""

    def read(self, nbytes: int, write: int = 0, /) -> bytes:
        """Read bytes while sending the byte `write`."""

    def readinto(self, buffer: Any, write: int = 0, /) -> None:
        """Fill a buffer while sending the byte `write`."""

    def write(self, buffer: Any, /) -> None:
        """Send a buffer."""

    def write_readinto(self, write_buffer: Any, read_buffer: Any, /) -> None:
        """Send a buffer and fill another of the same size, or the same one."""

@final
class SPI(_SPIBus):
    """An SPI master of the SoC: number 0 or 1, on the Raspberry Pi 4 also 3, 4, 5, 6.

    Each has its own pins: number 0 has GPIO11 (SCK), GPIO10 (MOSI) and GPIO9 (MISO). There is one
    object for each number. Number 1 has phase 0 only.

    ValueError: a number or pins that the bus does not have. OSError(EBUSY): a pin has another
    user. OSError(ENODEV): the block does not answer.
    """

    def __init__(
        self,
        id: int,
        /,
        baudrate: int = 1000000,
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
        """Configure the bus. Settings that are not given stay unchanged."""

@final
class SoftSPI(_SPIBus):
    """SPI in software, on any three pins."""

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
        """Configure the bus. Settings that are not given stay unchanged."""
