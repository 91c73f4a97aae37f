# SPDX-License-Identifier: MIT
"""Programs that people use with MicroPython boards, connected to `pimem serve`."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_serve import Server, serving

from pimem import DEPS
from pimem.testing import board_session

SCRIPT = "import sys, memory\nfor n in range(3):\n    print('line', n, sys.platform)\n"
EXPECTED = [f"line {n} rpi-aarch64" for n in range(3)]
HERE = Path(__file__).parent
PYTHON = [sys.executable]
PYBOARD = DEPS / "micropython" / "tools" / "pyboard.py"

Command = Callable[[str, Path], list[str]]
#: The PyPI name of each, and how it runs a script of the host.
CLIENTS: dict[str, Command] = {
    "mpremote": lambda port, script: [
        *PYTHON,
        "-m",
        "mpremote",
        "connect",
        port,
        "run",
        str(script),
    ],
    "thonny": lambda port, script: [*PYTHON, str(HERE / "thonny_driver.py"), port, str(script)],
    "adafruit-ampy": lambda port, script: [program("ampy"), "-p", port, "run", str(script)],
    "rshell": lambda port, script: [
        *(program("rshell"), "--port", port, "--quiet", "repl", "~"),
        f"exec({script.read_text()!r})~",
    ],
    "pyboard.py": lambda port, script: [*PYTHON, str(PYBOARD), "--device", port, str(script)],
    "mpytool": lambda port, script: [program("mpytool"), "-p", port, "run", str(script)],
}


def program(name: str) -> str:
    """Return a program of the environment that the tests run in."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture(scope="module", params=board_session.BOARDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as server:
        yield server


def version(client: str) -> str:
    """Return the version of an installed client; skip where the platform lacks it."""
    if client == "pyboard.py":
        return f"of MicroPython's source, {DEPS.name}"
    try:
        return importlib.metadata.version(client)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{client} is not installed: the extra 'clients' of pyproject.toml has it")


@pytest.mark.parametrize("client", CLIENTS)
def test_it_connects_and_runs_a_script(
    server: Server, client: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("version", version(client))
    print(client, version(client))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = CLIENTS[client](server.places[0], script)
    for _ in range(2):  # what the first leaves must not disturb the second
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr + done.stdout
        lines = [line.strip() for line in done.stdout.splitlines()]
        assert [line for line in lines if line.startswith("line ")] == EXPECTED


def test_thonny_sets_the_clock(server: Server, tmp_path: Path) -> None:
    version("thonny")
    script = tmp_path / "script.py"
    script.write_text("import time\nprint('clock', time.time())\n")
    before = time.time()
    done = subprocess.run(
        CLIENTS["thonny"](server.places[0], script),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    told = re.search(r"^clock (\d+)", done.stdout, re.MULTILINE)
    assert told, done.stdout
    # The board's clock does not run while the emulator is stopped.
    assert before - 60 <= int(told[1]) <= time.time() + 1


#: How each puts a file of the host on the board, and prints it.
COPIES: dict[str, Callable[[str, Path], list[list[str]]]] = {
    "mpremote": lambda port, file: [
        [*PYTHON, "-m", "mpremote", "connect", port, "fs", "cp", str(file), f":/{file.name}"],
        [*PYTHON, "-m", "mpremote", "connect", port, "fs", "cat", f":/{file.name}"],
    ],
    "adafruit-ampy": lambda port, file: [
        [program("ampy"), "-p", port, "put", str(file), f"/{file.name}"],
        [program("ampy"), "-p", port, "get", f"/{file.name}"],
    ],
    "rshell": lambda port, file: [
        [program("rshell"), "--port", port, "--quiet", "cp", str(file), f"/pyboard/{file.name}"],
        [program("rshell"), "--port", port, "--quiet", "cat", f"/pyboard/{file.name}"],
    ],
    "pyboard.py": lambda port, file: [
        [*PYTHON, str(PYBOARD), "--device", port, "-f", "cp", str(file), f":/{file.name}"],
        [*PYTHON, str(PYBOARD), "--device", port, "-f", "cat", f":/{file.name}"],
    ],
}


@pytest.mark.parametrize("client", COPIES)
def test_it_copies_a_file_to_a_board_without_a_card(
    server: Server, client: str, tmp_path: Path
) -> None:
    print(client, version(client))
    lines = [f"line {n} of a file" for n in range(200)]
    file = tmp_path / f"{client.partition('.')[0]}.txt"
    file.write_text("\n".join(lines))
    for command in COPIES[client](server.places[0], file):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr + done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("line ")] == lines
