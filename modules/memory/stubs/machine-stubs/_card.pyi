# SPDX-License-Identifier: MIT
"""The SD card of the board, classes of `machine`."""

from typing import Any, final

class _Blocks:
    """A block device, with the methods that filesystems use.

    readblocks() and writeblocks() return 0 or a negative errno: -19 (ENODEV) if the card was
    removed or exchanged, -30 (EROFS), -5 (EIO), -22 (EINVAL) beyond the end.
    """

    def readblocks(self, block: int, buffer: Any, offset: int = 0, /) -> int:
        """Fill a buffer from a block on: whole blocks, or with `offset` any number of bytes."""

    def writeblocks(self, block: int, buffer: Any, offset: int = 0, /) -> int:
        """Write a buffer from a block on: whole blocks, or with `offset` any number of bytes."""

    def ioctl(self, operation: int, argument: int, /) -> int | None:
        """The block protocol's other operations: 4 is the number of blocks."""

@final
class SDCard(_Blocks):
    """The SD card of the board. There is one object for a card.

    `freq` is the highest clock in Hz, 25 MHz by default; only some cards support more.

    OSError(ENODEV): no card answers. The object of a card that was exchanged remains unusable.
    """

    def __init__(self, slot: int = 0, *, freq: int = 0) -> None: ...
    @property
    def cid(self) -> bytes:
        """The identification of the card: maker, name, serial number. 16 bytes."""

    @property
    def csd(self) -> bytes:
        """The properties of the card. 16 bytes."""

    def present(self) -> bool:
        """Whether the card is present and answers."""

    def info(self) -> tuple[int, int]:
        """Return the size of the card and the size of a block, in bytes."""

@final
class Partition(_Blocks):
    """A partition of an SD card, 1 to 4, of the table in the first block of the card.

    OSError(ENODEV): there is no such partition, or no table.
    """

    def __init__(self, card: SDCard, number: int, /) -> None: ...
    @property
    def number(self) -> int:
        """Its number, 1 to 4."""

    @property
    def type(self) -> int:
        """Its type in the table: 0x0c is FAT32, 0x83 Linux."""

    @property
    def first(self) -> int:
        """Its first block on the card."""

    @property
    def count(self) -> int:
        """Its number of blocks."""
