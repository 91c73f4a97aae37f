# SPDX-License-Identifier: MIT
"""Run a script through Thonny's back end, which is given the commands that its window sends.

thonny_driver.py PORT SCRIPT: what the script prints goes to stdout.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from thonny.common import ToplevelCommand, parse_message, serialize_message

BACKEND = "thonny.plugins.micropython.bare_metal_backend"
SETTINGS = {"clean": True, "interrupt_on_connect": True, "local_rtc": False, "cwd": None}


def messages(backend: subprocess.Popen[str]) -> Iterator[object]:
    """Yield the messages of the back end; a message may have several lines."""
    assert backend.stdout
    for line in backend.stdout:
        if line.startswith("\x02"):
            count = int(line[1 : line.index(" ")])
            rest = (backend.stdout.readline() for _ in range(count - 1))
            yield parse_message(line + "".join(rest))


def drive(backend: subprocess.Popen[str], source: str) -> None:
    """Send the script when the board is at its prompt; print its output."""
    assert backend.stdin
    prompts = 0
    for message in messages(backend):
        kind = message.event_type
        if kind == "ToplevelResponse":
            prompts += 1
            if prompts == 2:
                return
            command = ToplevelCommand("execute_source", source=source)
            backend.stdin.write(serialize_message(command) + "\n")
            backend.stdin.flush()
        elif kind == "ProgramOutput" and prompts == 1:
            file = sys.stdout if message.stream_name == "stdout" else sys.stderr
            print(message.data, end="", file=file)
        elif kind == "ProgramOutput":
            print(message.data, end="", file=sys.stderr)
    sys.exit("the back end ended")


def main(port: str, script: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", BACKEND, repr({**SETTINGS, "port": port})]
        with subprocess.Popen(
            command,
            env=os.environ | {"THONNY_USER_DIR": folder, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as backend:
            try:
                drive(backend, Path(script).read_text(encoding="utf-8"))
            finally:
                backend.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
