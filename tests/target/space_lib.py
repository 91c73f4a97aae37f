# SPDX-License-Identifier: MIT
"""What the tests of address spaces share: code that runs on the board, and how it answers."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest

VA = 0x40_0000_0000  # far from the identity view's addresses
PAGE = 4096
BLOCK = 2 << 20
EPERM, ENOMEM, EFAULT, EBUSY, EEXIST, ERANGE = 1, 12, 14, 16, 17, 34

# refused() tells how a call fails. hardware() asks the processor itself what an access from EL1
# would meet: it runs `at s1e1r, x0` (or s1e1w) and returns the physical address, None for a fault.
PRELUDE = """
import gc, machine, memory, _memory
VA, PAGE, BLOCK = 0x4000000000, 4096, 2 << 20
LINEAR = _memory.layout["linear"][0]
FREE = _memory.layout["free"][0]

def owned(name):
    return _memory.owners().get(name, 0)

def free():
    # Python's own heap may have grown meanwhile.
    return _memory.frames_stats()["free"] + owned("gc")

def refused(call, *args, **kw):
    try:
        return "not refused", None, repr(call(*args, **kw))
    except (OSError, ValueError, TypeError) as e:
        errno = e.errno if isinstance(e, OSError) else None
        return type(e).__name__, errno, str(e.args[-1])

class Probe:
    def __init__(self):
        self.frame = memory.frames.alloc()
        at = LINEAR + self.frame.pa
        for i, access in enumerate((0xD5087800, 0xD5087820)):
            code = access, 0xD5033FDF, 0xD5387400, 0xD65F03C0
            for j, word in enumerate(code):
                machine.mem32[at + i * 16 + j * 4] = word
        self.va = FREE + (1 << 30)
        memory.kernel.map(self.va, self.frame, prot="rx")

    def __call__(self, va, write=False):
        par = memory.call(self.va + (16 if write else 0), va)
        return None if par & 1 else par & 0xFFFFFFFFF000 | va & 0xFFF

    def close(self):
        memory.kernel.unmap(self.va, 4096)
        self.frame.close()
"""


def ask(board: Any, code: str) -> Any:
    """Runs `code` after the prelude; returns the value of the last line it prints."""
    output = board.exec(PRELUDE + dedent(code)).strip()
    return ast.literal_eval(output.splitlines()[-1])


def ask_lines(board: Any, code: str) -> list[str]:
    """The same, with every line as it was printed."""
    return board.exec(PRELUDE + dedent(code)).strip().splitlines()


def ask_all(board: Any, code: str) -> list[Any]:
    """The same, with the value of every line."""
    return [ast.literal_eval(line) for line in ask_lines(board, code)]


def names(text: str, *values: int | str) -> bool:
    """Whether a message names each value, addresses as 64 bits in hexadecimal."""
    return all((f"0x{v:016x}" if isinstance(v, int) else v) in text for v in values)


# The collector takes any word on the stack for a pointer. What earlier calls have left there is
# not the same at every depth.
COLLECT_DEPTHS = (0, 7, 40)
STATE = """
def collect(depth):
    collect(depth - 1) if depth else gc.collect()
collect({depth})
owners = _memory.owners()
# Python's own heap may have grown, and its tables with it.
kept = {{k: v for k, v in owners.items() if k not in ("gc", "kernel tables")}}
print((kept, memory.check(), _memory.active_space().name))
"""


@contextlib.contextmanager
def same_state(board: Any) -> Iterator[None]:
    """Afterwards nothing is lost, all agree, and the identity view is active."""
    before, _, _ = ask(board, STATE.format(depth=0))
    yield
    for depth in COLLECT_DEPTHS:
        after, problems, active = ask(board, STATE.format(depth=depth))
        if after == before:
            break
    assert after == before
    assert (problems, active) == ([], "identity")


@pytest.fixture
def nothing_left(board: Any) -> Iterator[None]:
    """Each test gives back every frame it took, and leaves everything sound."""
    with same_state(board):
        yield
