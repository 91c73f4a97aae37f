# SPDX-License-Identifier: MIT
"""Machine code for the board, assembled when a test runs."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path


@functools.cache
def assemble(source: str) -> bytes:
    """The machine code of position independent assembly."""
    with tempfile.TemporaryDirectory() as folder:
        compiled, raw = Path(folder, "code.o"), Path(folder, "code.bin")
        command = ["aarch64-linux-gnu-as", "-march=armv8-a", "-o", str(compiled), "-"]
        subprocess.run(command, input=source + "\n", text=True, check=True)
        copy = ["aarch64-linux-gnu-objcopy", "-O", "binary", str(compiled), str(raw)]
        subprocess.run(copy, check=True)
        return raw.read_bytes()


def code(source: str) -> str:
    """The same as a literal of the Python script that is sent to the board."""
    return repr(assemble(source))
