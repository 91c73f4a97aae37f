# SPDX-License-Identifier: MIT
"""What programs for MicroPython boards are to do with files, and the table of it in docs/files.md.

`python tests/emulator/client_actions.py` writes the table, with the versions that are installed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path

from pimem import DEPS, ROOT

HERE = Path(__file__).parent
PYTHON = [sys.executable]
PYBOARD = DEPS / "micropython" / "tools" / "pyboard.py"
PAGE = ROOT / "docs" / "files.md"
BEGIN, END = "<!-- clients: tests/emulator/client_actions.py -->\n", "<!-- end of clients -->\n"

TEXT = "one line\nand another\n"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()

#: A name, the arguments, and what it then prints. {} is a folder of the host, which has one.txt,
#: tree/two.txt, rom/rommod.py and helper.py; BACK is a file in it that has to be one.txt then.
#: INDEX is an index of packages, which has one with the module packed.
Action = tuple[str, list[str], str]
BACK = "{}/back.txt"
INDEX = "{index}"
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
        ("mip install", ["mip", "install", "--index", INDEX, "packed"], "Done"),
        ("import of the package", ["exec", "import packed"], "packed ran from /lib/packed.py"),
        ("romfs deploy", ["romfs", "deploy", "{}/rom"], "ROMFS image deployed"),
        ("romfs query", ["romfs", "query"], "ROMFS image size"),
        ("import from the ROMFS", ["exec", "import rommod"], "rommod ran from /rom/rommod.mpy"),
        ("soft-reset", ["soft-reset", "ls", ":"], "romfs.img"),
        ("resume", ["exec", "kept = 6", "resume", "eval", "kept * 7"], "42"),
        ("rm of the ROMFS", ["rm", ":romfs.img", ":one.txt", "+", "rm", "-r", ":lib"], ""),
        ("reset", ["reset"], ""),
        ("exec after it", ["exec", "print(6 * 7)"], "42"),
    ],
    "thonny": [
        ("write, list", ["write", "{}/one.txt", "/one.txt", "+", "list", "/"], "one.txt"),
        ("read", ["read", "/one.txt"], "and another"),
        ("rename", ["rename", "/one.txt", "/two.txt", "+", "list", "/"], "two.txt"),
        ("mkdir", ["mkdir", "/made", "+", "list", "/"], "made"),
        ("upload", ["upload", "{}/tree", "/made", "+", "list", "/made"], "two.txt"),
        ("delete", ["delete", "/made", "/two.txt"], ""),
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
        ("mkdir, cp -r", ["mkdir /pyboard/made; cp -r {}/tree /pyboard/made"], ""),
        ("rm, rm -r", ["rm -r /pyboard/made; rm /pyboard/one.txt"], ""),
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
    "thonny": lambda port: [*PYTHON, str(HERE / "thonny_driver.py"), port],
    "adafruit-ampy": lambda port: [program("ampy"), "-p", port],
    "rshell": lambda port: [program("rshell"), "--port", port, "--quiet"],
    "pyboard.py": lambda port: [*PYTHON, str(PYBOARD), "--device", port],
    "mpytool": lambda port: [program("mpytool"), "-f", "-p", port],
}


def program(name: str) -> str:
    """Return a program of the environment that the tests run in."""
    return str(Path(sys.executable).with_name(name))


def table(versions: dict[str, str]) -> str:
    """Return the table: that each action is done is what test_client_files.py asserts."""
    rows = ["| client | version | what it does, on a card and on the RAM disk |", "|---|---|---|"]
    for client, actions in ACTIONS.items():
        done = "; ".join(what for what, _, _ in actions)
        rows.append(f"| {client} | {versions[client]} | {done} |")
    return "\n".join(rows) + "\n"


def of_page() -> str:
    """Return the table that docs/files.md has."""
    return PAGE.read_text().partition(BEGIN)[2].partition(END)[0]


def versions_of_page() -> dict[str, str]:
    rows = [line.split(" | ") for line in of_page().splitlines()[2:]]
    return {row[0].removeprefix("| "): row[1] for row in rows}


def main() -> None:
    versions = {name: importlib.metadata.version(name) for name in ACTIONS if "." not in name}
    versions["pyboard.py"] = "MicroPython's"
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(versions) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
