# SPDX-License-Identifier: MIT
"""How target tests run code on the board: statements by ask(), an expression by value().

Both run after what they name of the same prelude, below in PRELUDE: compiling all of it would take
longer than most tests. Machine code is assembled when the test runs, by code() of machine_code.py.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import random
import re
import time
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

from machine_code import code

from pimem.testing.board_session import Machine

VA = 0x40_0000_0000  # far from the identity view's addresses
PAGE = 4096
BLOCK = 2 << 20
EPERM, ENOMEM, EFAULT, EBUSY, EEXIST, ERANGE, ETIMEDOUT = 1, 12, 14, 16, 17, 34, 116
TRANSLATION, PERMISSION = "translation fault", "permission fault"

# Of programs at EL0: where memory.user puts them, and how they end.
CODE = 0x40_0000
STACK = 0x4000_0000
ENDLESS = "1: add x0, x0, #1; b 1b"
PC_ALIGNMENT = "misaligned program counter"
TRAPPED, UNDEFINED = "trapped instruction", "undefined instruction"

# refused() tells how a call fails, fields() what its fault says: [address, access, kind, level,
# el]; None where the processor does not say. whole() adds esr, pc and the message. Probe asks the
# processor itself what an access from EL1 would meet: it runs `at s1e1r, x0` (or s1e1w) and
# returns the physical address, None for a fault. code_at() and data_at() make a space with one
# page, and leave it active; tidy() ends that.
PRELUDE = """
import gc, machine, memory, micropython, struct, _memory
from machine import mem8, mem32, mem64
from memory import user
VA, PAGE, BLOCK = 0x4000000000, 4096, 2 << 20
LINEAR = _memory.layout["linear"][0]
FREE = _memory.layout["free"][0]
TEXT = _memory.sections()[0][1]
TEXT_END = TEXT + _memory.sections()[0][3]
RAM = _memory.boot_info()["ram"][0][0] + 0x200000

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

def whole(call, *args, **kw):
    try:
        got = call(*args, **kw)
    except memory.Fault as e:
        assert e.errno == 14 and isinstance(e, OSError) and e.esr != 0
        assert e.pc == user.last.pc if call is user.run else e.pc != 0
        return [e.address, e.access, e.kind, e.level, e.el, e.esr, e.pc, str(e)]
    raise AssertionError("no fault, but " + repr(got))

def fields(call, *args, **kw):
    return whole(call, *args, **kw)[:5]

def read(address):
    return mem64[address]

def write(address):
    mem32[address] = 1

def depth(address):
    # The level at which the walk to the address ends, as the tables have it.
    space = memory.kernel if address >> 63 else memory.identity
    return space.walk(address)[-1].level

def put_code(va, code):
    # Machine code in a space of its own, until tidy().
    global space, frames
    frames = memory.frames.alloc()
    memoryview(frames)[:len(code)] = code
    space = memory.AddressSpace()
    space.map(va, frames, prot="rx")

def code_at(va, code):
    put_code(va, code)
    space.activate()
    memory.sync_code(va, len(code))

def data_at(va, prot):
    # A page in a space of its own, until tidy().
    global space, frames
    frames = memory.frames.alloc()
    space = memory.AddressSpace()
    space.map(va, frames, prot=prot)
    space.activate()

def tidy():
    memory.identity.activate()
    space.close()
    frames.close()

class Probe:
    CODE = {probe}
    def __init__(self):
        self.frame = memory.frames.alloc()
        # By the linear map: a view would need a window.
        at = LINEAR + self.frame.pa
        for i in range(0, len(self.CODE), 4):
            mem32[at + i] = int.from_bytes(self.CODE[i:i + 4], "little")
        self.va = FREE + (1 << 30)
        memory.kernel.map(self.va, self.frame, prot="rx")

    def __call__(self, va, write=False):
        par = memory.call(self.va + (16 if write else 0), va)
        return None if par & 1 else par & 0xFFFFFFFFF000 | va & 0xFFF

    def close(self):
        memory.kernel.unmap(self.va, 4096)
        self.frame.close()
"""
# For tests of pagers: a space, and a pager that notes its calls; and the end of both.
PAGED = """
import sys, uctypes
calls = []
def zero(va, access):
    calls.append((va, access))
    return memory.frames.alloc()
def text(va, access):
    frames = memory.frames.alloc()
    memoryview(frames)[:3] = b'<+>'
    return frames
def view(va, size):
    return memoryview(uctypes.bytearray_at(va, size))
space = memory.AddressSpace()
"""
PAGED_END = """
memory.identity.activate()
space.close()
"""
PROBE = "; ".join(f"at s1e1{access}, x0; isb; mrs x0, par_el1; ret" for access in "rw")


@functools.cache
def statements() -> list[tuple[str, set[str], set[str]]]:
    """Each statement of the prelude, the names that it binds, and all names in it."""
    text = PRELUDE.replace("{probe}", code(PROBE))
    found = []
    for node in ast.parse(text).body:
        source = ast.get_source_segment(text, node)
        assert source
        found.append((source + "\n", bound(node), names_in(source)))
    return found


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement at the top binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {each.asname or each.name for each in node.names}
    return {
        each.id
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def names_in(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w*", text))


def prelude(*scripts: str) -> str:
    """What the scripts name of the prelude, and what that names in turn."""
    wanted = set().union(*map(names_in, scripts))
    known = 0
    while len(wanted) != known:
        known = len(wanted)
        wanted.update(*(uses for _, binds, uses in statements() if binds & wanted))
    return "".join(source for source, binds, _ in statements() if binds & wanted)


def run(board: Machine, script: str, timeout: float | None = None) -> str:
    """Runs statements after the prelude; returns what they print."""
    return board.exec(prelude(script) + dedent(script), timeout)


def value(board: Machine, expression: str, setup: str = "", timeout: float | None = None) -> Any:
    """The value of an expression after the prelude and `setup`; tuples arrive as lists."""
    return board.eval(expression, prelude(expression, setup) + dedent(setup), timeout)


def ask(board: Machine, script: str, timeout: float | None = None) -> Any:
    """Runs statements after the prelude; returns the value of the last line they print."""
    return ast.literal_eval(ask_lines(board, script, timeout)[-1])


def ask_lines(board: Machine, script: str, timeout: float | None = None) -> list[str]:
    """The same, with every line as it was printed."""
    return run(board, script, timeout).strip().splitlines()


def ask_all(board: Machine, script: str) -> list[Any]:
    """The same, with the value of every line."""
    return [ast.literal_eval(line) for line in ask_lines(board, script)]


def start(board: Machine, *lines: str) -> None:
    """Has the board run a script and waits until it has begun: as run(), without its end."""
    script = "\n".join([prelude(*lines), "print('going')", *lines, ""]).encode()
    board.link.paste(script)
    board.link.read_until(b"going\r\n", total=20)


#: Nothing looks for Ctrl-C between the end of a call in C and `ended = True`: if the call does not
#: look either, `ended` is always True.
AGAIN = """
import time
def timed():
    begun = time.ticks_us()
    {call}
    return time.ticks_diff(time.ticks_us(), begun)
whole = min(timed(), timed())
print('going', whole)
try:
    while True:
        ended = False
        begun = time.ticks_us()
        {call}
        ended = True
except KeyboardInterrupt:
    print((ended, time.ticks_diff(time.ticks_us(), begun)))
"""
ATTEMPTS = 40


def ends_early(board: Machine, call: str) -> bool:
    """Press Ctrl-C during a loop of a call that takes milliseconds or more, until it comes in the
    first half of one, which then ends. False if all have come at another place, or the call looks
    at Ctrl-C at its end only, or not at all."""
    link = board.link
    whole = 1 << 62  # microseconds of the fastest call; another process may make any of them slow
    for _ in range(ATTEMPTS):
        link.paste(AGAIN.format(call=call).encode())
        link.read_until(b"going ", total=60)
        whole = min(whole, int(link.read_until(b"\r\n", total=20)))
        time.sleep(random.random() * whole / 1e6)
        link.write(b"\x03")
        ended, took = ast.literal_eval(link.read_until(b"\x04", total=60)[:-1].decode())
        link.read_until(b"\x04>", total=20)
        if not ended and took < whole / 2:
            return True
    return False


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
print((kept, {check}, _memory.active_space().name))
"""


@contextlib.contextmanager
def same_state(board: Machine) -> Iterator[None]:
    """Afterwards nothing is lost, all agree, and the identity view is active."""
    before, _, _ = ask(board, STATE.format(depth=0, check="None"))
    yield
    for depth in COLLECT_DEPTHS:
        after, problems, active = ask(board, STATE.format(depth=depth, check="memory.check()"))
        if after == before:
            break
    assert after == before
    assert (problems, active) == ([], "identity")


#: A block device in Python. `late` is called once, in the next write.
DISK = """
class Disk:
    def __init__(self):
        self.data = bytearray(256 * 512)
        self.late = None

    def readblocks(self, n, buf, offset=0):
        buf[:] = self.data[512 * n + offset:512 * n + offset + len(buf)]

    def writeblocks(self, n, buf, offset=0):
        self.data[512 * n + offset:512 * n + offset + len(buf)] = buf
        if self.late is not None:
            self.late()
            self.late = None

    def ioctl(self, op, argument):
        return {4: 256, 5: 512, 6: 0}.get(op, 0)

disk = Disk()
"""
