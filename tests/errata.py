# SPDX-License-Identifier: MIT
"""Code sequences that two errata of the Cortex-A53 turn into wrong results, in a disassembly.

The conditions are those of Arm's Software Developers Errata Notice for the Cortex-A53, as far as
the instructions alone tell: an address that depends on registers counts as the bad one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

ZERO = 31  # as a register number: XZR
PAGE_ENDS = (0xFF8, 0xFFC)

Code = list[tuple[int, int]]  # (address, word)


def code_of(listing: str) -> Code:
    """The instructions of `objdump -d`, without literal pools."""
    found = re.findall(r"^\s*([0-9a-f]+):\t([0-9a-f]{8})\s+\t(\S+)", listing, re.MULTILINE)
    return [(int(at, 16), int(word, 16)) for at, word, name in found if name[0] != "."]


def field(word: int, low: int, size: int = 5) -> int:
    return word >> low & (1 << size) - 1


def is_memory(word: int) -> bool:
    """A load, store or prefetch, of general or vector registers."""
    return word & 0x0A00_0000 == 0x0800_0000


def is_pair(word: int) -> bool:
    exclusive = field(word, 24, 6) == 8
    return field(word, 27, 3) == 5 or bool(exclusive and field(word, 21, 1))


def loaded(word: int) -> set[int]:
    """The general registers that a load writes, its base for the next access apart."""
    if field(word, 26, 1):
        return set()
    literal = field(word, 27, 3) == 3 and not field(word, 24, 1)
    exclusive = field(word, 24, 6) == 8
    if literal:
        return {field(word, 0)}
    if is_pair(word) or exclusive:
        if not field(word, 22, 1):
            return set()
        return {field(word, 0), field(word, 10)} if is_pair(word) else {field(word, 0)}
    return {field(word, 0)} if field(word, 22, 2) else set()


def is_long_multiply_add(word: int) -> bool:
    """MADD and its kin with a 64-bit sum; with XZR as the addend it is a multiplication."""
    return (
        word & 0xFF00_0000 == 0x9B00_0000 and field(word, 21, 2) != 2 and field(word, 10) != ZERO
    )


def erratum_835769(code: Code) -> Iterator[int]:
    """Addresses of a multiply-accumulate right behind an access that it does not depend on."""
    for (at, first), (after, second) in pairwise(code):
        if after != at + 4 or not (is_memory(first) and is_long_multiply_add(second)):
            continue
        if not loaded(first) & {field(second, low) for low in (5, 10, 16)}:
            yield after


def is_access_by(word: int, base: int) -> bool:
    """A load or store with an unsigned offset from register `base`."""
    return word & 0x3B00_0000 == 0x3900_0000 and field(word, 5) == base


#: B and BL; CBZ, CBNZ, TBZ and TBNZ; B.cond; BR, BLR and RET: mask and value.
BRANCHES = (
    (0x7C00_0000, 0x1400_0000),
    (0x7C00_0000, 0x3400_0000),
    (0xFE00_0000, 0x5400_0000),
    (0xFE00_0000, 0xD600_0000),
)


def is_branch(word: int) -> bool:
    return any(word & mask == value for mask, value in BRANCHES)


def erratum_843419(code: Code) -> Iterator[int]:
    """Addresses of an ADRP at the end of a page, an access after it that does not load a pair,
    and one by the ADRP's register as the third or fourth instruction."""
    words = dict(code)
    for at, word in code:
        if at & 0xFFF not in PAGE_ENDS or word & 0x9F00_0000 != 0x9000_0000:
            continue
        second, third, fourth = (words.get(at + n, 0) for n in (4, 8, 12))
        base = field(word, 0)
        if not is_memory(second) or base in loaded(second):
            continue
        if is_pair(second) and field(second, 22, 1):
            continue
        if is_access_by(third, base) or (not is_branch(third) and is_access_by(fourth, base)):
            yield at


def named(addresses: Iterable[int]) -> list[str]:
    return [f"{address:#x}" for address in addresses]
