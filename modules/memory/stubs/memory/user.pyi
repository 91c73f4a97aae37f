# SPDX-License-Identifier: MIT
"""Programs at EL0: machine code that can reach its own pages and nothing else."""

from collections.abc import Callable, Sequence

from _memory import AddressSpace
from _memory import Registers as Registers
from typing_extensions import Buffer

EXIT: object  # what a handler returns to end the program
CODE: int  # where a program's code begins that is given as bytes
STACK: int  # and where its stack ends
last: Registers | None  # of the program that was run last, however it ended

def run(
    code: int | Buffer,
    space: AddressSpace | None = None,
    *,
    args: Sequence[int] = (),
    handler: Callable[[int, Registers], object] | None = None,
    sp: int | None = None,
    limit_ms: int = 1000,
    registers: Registers | None = None,
) -> Registers:
    """Run a program to its end; return its registers.

    memory.Fault (`el` is 0): it faulted. OSError(ETIMEDOUT): it ran for limit_ms.
    """
