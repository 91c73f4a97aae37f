# SPDX-License-Identifier: MIT
"""What the tests of programs at EL0 share: code that runs on the board, and an assembler."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from pimem.testing.board_session import Machine

EPERM, EFAULT, EBUSY, ETIMEDOUT = 1, 14, 16, 116
TRANSLATION, PERMISSION = "translation fault", "permission fault"
PC_ALIGNMENT = "misaligned program counter"
TRAPPED, UNDEFINED = "trapped instruction", "undefined instruction"
CODE = 0x40_0000
STACK = 0x4000_0000
ENDLESS = "1: add x0, x0, #1; b 1b"

# fields() tells how a program ended that should fault: [address, access, kind, level, el].
PRELUDE = """
import gc, machine, memory, micropython
from memory import user

def fields(*args, **kw):
    try:
        got = user.run(*args, **kw)
    except memory.Fault as e:
        assert e.errno == 14 and e.esr != 0 and e.pc == user.last.pc
        return [e.address, e.access, e.kind, e.level, e.el]
    return 'no fault, but ' + repr(got)

def refused(*args, **kw):
    try:
        return repr(user.run(*args, **kw))
    except (OSError, ValueError, TypeError) as e:
        return [type(e).__name__, e.errno if isinstance(e, OSError) else None, str(e.args[-1])]

REPORT = memory.report()
TEXT = REPORT['kernel']['text'][0]
LINEAR = 0xFFFF_0000_0000_0000
RAM = REPORT['ram'][0][0] + 0x200000
"""


@functools.cache
def machine_code(source: str) -> bytes:
    """The machine code of position independent assembly."""
    with tempfile.TemporaryDirectory() as folder:
        compiled, raw = Path(folder, "code.o"), Path(folder, "code.bin")
        assemble = ["aarch64-linux-gnu-as", "-march=armv8-a", "-o", str(compiled), "-"]
        subprocess.run(assemble, input=source + "\n", text=True, check=True)
        copy = ["aarch64-linux-gnu-objcopy", "-O", "binary", str(compiled), str(raw)]
        subprocess.run(copy, check=True)
        return raw.read_bytes()


def code(source: str) -> str:
    """The same as a literal of the Python script that is sent to the board."""
    return repr(machine_code(source))


def start(board: Machine, *lines: str) -> None:
    """Has the board run a script and waits until it has begun: as Link.exec(), without its end."""
    script = "\n".join([PRELUDE, "print('going')", *lines, ""]).encode()
    link = board.link
    link.write(b"\x05A\x01")
    assert link.read_exactly(2) == b"R\x01"
    link.read_exactly(2)
    link.write(script + b"\x04")
    link.read_until(b"going\r\n", total=20)
