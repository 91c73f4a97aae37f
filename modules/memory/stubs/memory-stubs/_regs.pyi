# SPDX-License-Identifier: MIT
"""The system registers, decoded."""

from collections.abc import Iterator

class SystemRegisters:
    """The system registers at the moment when they were read. print() shows them decoded."""

    def __getitem__(self, name: str, /) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def fields(self, name: str, /) -> dict[str, int]:
        """The fields of a register by their names in the Arm ARM; empty: it has no fields."""
