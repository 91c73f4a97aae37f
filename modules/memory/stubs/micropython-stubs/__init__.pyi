# SPDX-License-Identifier: MIT
"""Control of the interpreter."""

from collections.abc import Callable
from typing import TypeVar, final, overload

from typing_extensions import Buffer

_T = TypeVar("_T")

def const(value: _T, /) -> _T:
    """Mark a constant: the compiler puts its value where the name is used."""

@overload
def opt_level() -> int: ...
@overload
def opt_level(level: int, /) -> None:
    """The level of optimisation for what is compiled from now on."""

def mem_info(verbose: object = ..., /) -> None:
    """Print the state of Python's heap and stack; with an argument also a map of the heap."""

def qstr_info(verbose: object = ..., /) -> None:
    """Print how much memory interned strings take; with an argument also the strings."""

def stack_use() -> int:
    """Bytes of the stack that are in use."""

def heap_lock() -> None:
    """Make every allocation raise MemoryError until heap_unlock()."""

def heap_unlock() -> None: ...
def kbd_intr(character: int, /) -> None:
    """The character that raises KeyboardInterrupt; 3 is Ctrl-C, -1 switches this off."""

def schedule(function: Callable[[_T], object], argument: _T, /) -> None:
    """Have the interpreter call function(argument) soon. RuntimeError: the queue is full."""

def alloc_emergency_exception_buf(size: int, /) -> None:
    """Reserve memory for exceptions that are raised while no memory can be allocated."""

@final
class RingIO:
    """A queue of bytes in a buffer of fixed size."""

    def __init__(self, size_or_buffer: int | Buffer, /) -> None: ...
    def any(self) -> int:
        """Bytes that can be read."""

    def read(self, size: int = ..., /) -> bytes | None: ...
    def readline(self, size: int = ..., /) -> bytes | None: ...
    def readinto(self, buffer: Buffer, size: int = ..., /) -> int | None: ...
    def write(self, data: Buffer, size: int = ..., offset: int = ..., /) -> int | None: ...
    def close(self) -> None: ...
