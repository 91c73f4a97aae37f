# SPDX-License-Identifier: MIT
"""Time: a clock that counts from boot, and delays."""

from typing import TypeAlias

# year, month, day of the month, hour, minute, second, weekday (0: Monday), day of the year
_Date: TypeAlias = tuple[int, int, int, int, int, int, int, int]

def time() -> int:
    """Seconds since the start of the year 1970. The board has no clock that runs without power, so
    it takes the start of the year 2000 for the time when it booted."""

def time_ns() -> int: ...
def sleep(seconds: float, /) -> None: ...
def sleep_ms(ms: int, /) -> None: ...
def sleep_us(us: int, /) -> None: ...
def ticks_ms() -> int:
    """A counter that wraps around: compare its values with ticks_diff()."""

def ticks_us() -> int: ...
def ticks_cpu() -> int:
    """The finest counter there is."""

def ticks_add(ticks: int, delta: int, /) -> int: ...
def ticks_diff(end: int, start: int, /) -> int:
    """From `start` to `end`; negative when `end` is the earlier one."""

def gmtime(seconds: int | None = ..., /) -> _Date: ...
def localtime(seconds: int | None = ..., /) -> _Date: ...
def mktime(date: tuple[int, ...] | list[int], /) -> int:
    """Seconds since the start of the year 1970; OverflowError for a date before it."""
