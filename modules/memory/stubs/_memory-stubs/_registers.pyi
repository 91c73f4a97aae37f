# SPDX-License-Identifier: MIT
"""The registers of a program at EL0, a class of `_memory`."""

from typing import final

from typing_extensions import Buffer

@final
class Registers:
    """The registers of a program. `dN` is the lower half of the 128-bit `qN` as a float."""

    def __init__(self) -> None:
        """All are zero."""

    x0: int
    x1: int
    x2: int
    x3: int
    x4: int
    x5: int
    x6: int
    x7: int
    x8: int
    x9: int
    x10: int
    x11: int
    x12: int
    x13: int
    x14: int
    x15: int
    x16: int
    x17: int
    x18: int
    x19: int
    x20: int
    x21: int
    x22: int
    x23: int
    x24: int
    x25: int
    x26: int
    x27: int
    x28: int
    x29: int
    x30: int
    sp: int
    pc: int
    flags: int
    tpidr: int
    fpcr: int
    fpsr: int
    d0: float
    d1: float
    d2: float
    d3: float
    d4: float
    d5: float
    d6: float
    d7: float
    d8: float
    d9: float
    d10: float
    d11: float
    d12: float
    d13: float
    d14: float
    d15: float
    d16: float
    d17: float
    d18: float
    d19: float
    d20: float
    d21: float
    d22: float
    d23: float
    d24: float
    d25: float
    d26: float
    d27: float
    d28: float
    d29: float
    d30: float
    d31: float
    q0: int
    q1: int
    q2: int
    q3: int
    q4: int
    q5: int
    q6: int
    q7: int
    q8: int
    q9: int
    q10: int
    q11: int
    q12: int
    q13: int
    q14: int
    q15: int
    q16: int
    q17: int
    q18: int
    q19: int
    q20: int
    q21: int
    q22: int
    q23: int
    q24: int
    q25: int
    q26: int
    q27: int
    q28: int
    q29: int
    q30: int
    q31: int
    @property
    def call(self) -> int | None:
        """Number of the system call that stopped the program last; None: something else did."""

    def read(self, address: int, size: int, /) -> bytes:
        """Read memory that the running program can read. OSError(EFAULT) names the address."""

    def write(self, address: int, data: Buffer, /) -> None:
        """Write memory that the program can write: all of `data`, or nothing."""
