# SPDX-License-Identifier: MIT
"""What programs for MicroPython boards do with files, on a card and on the RAM disk: a table.

CLIENT_FILES=all takes every board with and without a card, else one board has a card.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_clients import PYBOARD, PYTHON, program, version
from test_serve import serving

from pimem.card import fat, mbr
from pimem.card.mbr import Partition
from pimem.testing import board_session

MIB = 1 << 20
ALL = os.environ.get("CLIENT_FILES") == "all"
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)
SECOND = Partition(mbr.FAT32_LBA, 8192, 40 * MIB // 512)
EPOCH = 1 << 30
TEXT = "one line\nand another\n"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()

#: A name, the arguments, and what it then prints. {} is a folder of the host, which has one.txt,
#: tree/two.txt and helper.py; BACK is a file in it that has to be one.txt then.
Action = tuple[str, list[str], str]
BACK = "{}/back.txt"
ACTIONS: dict[str, list[Action]] = {
    "mpremote": [
        ("cp to the board", ["cp", "{}/one.txt", ":"], ""),
        ("cp -r", ["cp", "-r", "{}/tree", ":"], ""),
        ("ls", ["ls", ":"], "one.txt"),
        ("tree", ["tree", ":"], "two.txt"),
        ("cat", ["cat", ":tree/two.txt"], "and another"),
        ("sha256sum", ["sha256sum", ":one.txt"], DIGEST),
        ("touch, mkdir, rmdir", ["touch", ":t", "+", "mkdir", ":m", "+", "rmdir", ":m"], ""),
        ("rm, rm -r", ["rm", ":t", "+", "rm", "-r", ":tree"], ""),
        ("cp from the board", ["cp", ":one.txt", BACK], ""),
        ("edit", ["edit", ":one.txt"], ""),
        ("df", ["df"], "/"),
        ("mount and import", ["mount", "{}", "exec", "import helper"], "helper ran"),
        ("soft-reset", ["soft-reset", "ls", ":"], "one.txt"),
        ("resume", ["resume", "ls", ":"], "one.txt"),
    ],
    "adafruit-ampy": [
        ("put", ["put", "{}/one.txt"], ""),
        ("ls", ["ls"], "one.txt"),
        ("get", ["get", "one.txt"], "and another"),
        ("mkdir", ["mkdir", "made"], ""),
        ("rmdir", ["rmdir", "made"], ""),
        ("rm", ["rm", "one.txt"], ""),
    ],
    "rshell": [
        ("cp to the board", ["cp {}/one.txt /pyboard/"], ""),
        ("ls", ["ls /pyboard"], "one.txt"),
        ("cat", ["cat /pyboard/one.txt"], "and another"),
        ("cp from the board", [f"cp /pyboard/one.txt {BACK}"], ""),
        ("rm", ["rm /pyboard/one.txt"], ""),
    ],
    "pyboard.py": [
        ("cp to the board", ["-f", "cp", "{}/one.txt", ":one.txt"], ""),
        ("ls", ["-f", "ls"], "one.txt"),
        ("cat", ["-f", "cat", "one.txt"], "and another"),
        ("mkdir", ["-f", "mkdir", "made"], ""),
        ("rmdir", ["-f", "rmdir", "made"], ""),
        ("rm", ["-f", "rm", "one.txt"], ""),
    ],
    "mpytool": [
        ("cp to the board", ["cp", "{}/one.txt", ":"], ""),
        ("ls", ["ls"], "one.txt"),
        ("cat", ["cat", ":one.txt"], "and another"),
        ("mkdir", ["mkdir", ":made"], ""),
        ("tree", ["tree"], "made"),
        ("cp from the board", ["cp", ":one.txt", BACK], ""),
        ("rm", ["rm", ":made", ":one.txt"], ""),
    ],
}
COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "mpremote": lambda port: [*PYTHON, "-m", "mpremote", "connect", port],
    "adafruit-ampy": lambda port: [program("ampy"), "-p", port],
    "rshell": lambda port: [program("rshell"), "--port", port, "--quiet"],
    "pyboard.py": lambda port: [*PYTHON, str(PYBOARD), "--device", port],
    "mpytool": lambda port: [program("mpytool"), "-f", "-p", port],
}
PLACES = [(name, card) for name in board_session.PIS for card in ("card", "RAM disk")]
CHOSEN = PLACES if ALL else [(board_session.PIS[-1], "card")]


def card_with_root(path: Path) -> Path:
    """A card whose second partition is at / then."""
    with path.open("wb") as file:
        file.write(mbr.record(1, [UNUSED, SECOND]))
        file.truncate(64 * MIB)
    fat.make_filesystem(path, SECOND, label="FILES", serial=1, epoch=EPOCH)
    return path


@pytest.fixture(scope="module", params=CHOSEN, ids=" ".join)
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    name, place = request.param
    options = []
    if place == "card":
        options = ["--card", str(card_with_root(tmp_path_factory.mktemp("card") / "card"))]
    with serving(name, *options) as server:
        yield server.places[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    for name in ("one.txt", "tree/two.txt"):
        (tmp_path / name).write_text(TEXT)
    (tmp_path / "helper.py").write_text("print('helper ran')\n")
    return tmp_path


def act(command: list[str], expected: str, back: Path) -> str:
    """Run a client; return what is wrong, '' where it did what it should."""
    done = subprocess.run(
        command,
        env=os.environ | {"EDITOR": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    if done.returncode or expected not in done.stdout or "Traceback" in said:
        return f"{done.returncode} {said}"
    if str(back) in " ".join(command) and back.read_text() != TEXT:
        return f"{back.name} differs"
    back.unlink(missing_ok=True)
    return ""


@pytest.mark.parametrize("client", ACTIONS)
def test_files(port: str, client: str, folder: Path) -> None:
    print(f"{client} {version(client)}")
    wrong = {}
    for what, arguments, expected in ACTIONS[client]:
        filled = [each.replace("{}", str(folder)) for each in arguments]
        answer = act([*COMMANDS[client](port), *filled], expected, Path(BACK.format(folder)))
        print(f"| {client} | {what} | {'fails' if answer else 'yes'} |")
        if answer:
            wrong[what] = answer
    assert wrong == {}
