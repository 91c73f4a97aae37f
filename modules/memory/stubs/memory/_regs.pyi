# SPDX-License-Identifier: MIT
"""The system registers, decoded."""

from collections.abc import Iterator

class Registers:
    """System registers as they were when they were read; prints them decoded."""

    def __getitem__(self, name: str, /) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def fields(self, name: str, /) -> dict[str, int]:
        """The fields of one register by the Arm ARM's names; empty where it has none."""
