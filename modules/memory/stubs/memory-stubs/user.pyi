# SPDX-License-Identifier: MIT
"""Programs at EL0: machine code that can access its own pages only."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, overload

from _memory import AddressSpace
from _memory import Registers as Registers
from typing_extensions import Buffer

_MaybeNone: TypeAlias = Any
_Handler: TypeAlias = Callable[[int, Registers], object]

EXIT: Final[object]
"""What a handler returns to end the program."""
CODE: Final[int]
"""Where the code of a program begins that is given as bytes."""
STACK: Final[int]
"""Where the stack of such a program ends."""
last: Registers | _MaybeNone
"""The registers of the program that ran last; None before the first one."""

@overload
def run(
    code: Buffer,
    space: None = None,
    *,
    args: Sequence[int] = (),
    handler: _Handler | None = None,
    sp: int | None = None,
    limit_ms: int = 1000,
    registers: Registers | None = None,
) -> Registers: ...
@overload
def run(
    code: int,
    space: AddressSpace,
    *,
    args: Sequence[int] = (),
    handler: _Handler | None = None,
    sp: int | None = None,
    limit_ms: int = 1000,
    registers: Registers | None = None,
) -> Registers:
    """Run a program to its end; return its registers.

    `code` is machine code, which gets a space of its own, or its address in `space`.
    memory.Fault (its `el` is 0): the program faulted. OSError(ETIMEDOUT): it ran for `limit_ms`.
    """
