# SPDX-License-Identifier: MIT
"""The SD card of the board, classes of `machine`."""

from typing import Any, final

class _Blocks:
    """A block device: what filesystems use of it.

    Both answer 0, or a negative errno: -19 (ENODEV) where the card is gone or exchanged, -30
    (EROFS), -5 (EIO), and -22 (EINVAL) beyond the end.
    """

    def readblocks(self, block: int, buffer: Any, offset: int = 0, /) -> int:
        """Fill a buffer from a block on: whole blocks, or from an offset in bytes any number."""

    def writeblocks(self, block: int, buffer: Any, offset: int = 0, /) -> int:
        """Write a buffer from a block on: whole blocks, or from an offset in bytes any number."""

    def ioctl(self, operation: int, argument: int, /) -> int | None:
        """The block protocol's other operations: 4 is the number of blocks."""

@final
class SDCard(_Blocks):
    """The SD card of the board: there is one object of a card.

    `freq` is the highest clock in Hz, 25 MHz at first; above that cards that can use it.

    OSError(ENODEV): no card answers. An object of a card that was exchanged stays without a card.
    """

    def __init__(self, slot: int = 0, *, freq: int = 0) -> None: ...
    @property
    def cid(self) -> bytes:
        """What identifies the card: maker, name, serial number. 16 bytes."""

    @property
    def csd(self) -> bytes:
        """What the card can do. 16 bytes."""

    def present(self) -> bool:
        """Whether the card is there and answers."""

    def info(self) -> tuple[int, int]:
        """The card's size and the size of a block, in bytes."""

@final
class Partition(_Blocks):
    """A partition of an SD card, 1 to 4, by the table in the card's first block.

    OSError(ENODEV): the table has no such partition, or the card no table.
    """

    def __init__(self, card: SDCard, number: int, /) -> None: ...
    @property
    def number(self) -> int:
        """Which one it is, from 1 on."""

    @property
    def type(self) -> int:
        """What the table says that it is: 0x0c is FAT32, 0x83 Linux."""

    @property
    def first(self) -> int:
        """The first of its blocks on the card."""

    @property
    def count(self) -> int:
        """How many blocks it has."""
