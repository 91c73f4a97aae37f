# SPDX-License-Identifier: MIT
"""Programs at EL0: system calls, faults, limits, and what they cannot reach."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from textwrap import dedent

from rig import Machine

ASSEMBLER = "aarch64-linux-gnu-as"
OBJCOPY = "aarch64-linux-gnu-objcopy"
EPERM, EFAULT, EBUSY, ETIMEDOUT = 1, 14, 16, 110
TRANSLATION, PERMISSION = "translation fault", "permission fault"
TRAPPED, UNDEFINED = "trapped instruction", "undefined instruction"

PRELUDE = """
import gc, machine, memory
from memory import user

def fault(*args, **kw):
    try:
        got = user.run(*args, **kw)
    except memory.Fault as e:
        return [e.address, e.access, e.kind, e.level, e.el]
    return 'no fault, but ' + repr(got)
"""


def code(source: str) -> str:
    """Position independent assembly as a Python bytes literal of its machine code."""
    with tempfile.TemporaryDirectory() as folder:
        obj, raw = Path(folder, "code.o"), Path(folder, "code.bin")
        run = [ASSEMBLER, "-march=armv8-a", "-o", str(obj), "-"]
        subprocess.run(run, input=source + "\n", text=True, check=True)
        subprocess.run([OBJCOPY, "-O", "binary", str(obj), str(raw)], check=True)
        return repr(raw.read_bytes())


HELLO = """
    adr x0, text
    mov x1, #6
    svc #1
    add x0, x0, #1
    svc #0
text:
    .ascii "hello\\n"
"""


def test_hello_through_a_system_call(board: Machine) -> None:
    got = board.eval(
        "(said, calls, r.x0, r.x1, r.call)",
        PRELUDE
        + dedent(
            f"""
            said, calls = "", []
            def answer(number, regs):
                global said
                calls.append(number)
                if number == 0:
                    return user.EXIT
                said += "".join(chr(machine.mem8[regs.x0 + i]) for i in range(regs.x1))
                return 41
            r = user.run({code(HELLO)}, handler=answer)
            """
        ),
    )
    assert got == ["hello\n", [1, 0], 42, 6, 0]
