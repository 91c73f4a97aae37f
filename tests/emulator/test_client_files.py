# SPDX-License-Identifier: MIT
"""What programs for MicroPython boards do with files, on a card and on the RAM disk: a table.

CLIENT_FILES=all takes every board with and without a card, else one board has a card.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib.metadata
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import client_actions
import pytest
from client_actions import ACTIONS, BACK, COMMANDS, INDEX, TEXT
from test_clients import version
from test_serve import serving

from pimem.card import fat, mbr
from pimem.card.mbr import Partition
from pimem.testing import board_session

MIB = 1 << 20
ALL = os.environ.get("CLIENT_FILES") == "all"
FIRST = Partition(mbr.FAT32_LBA, 8192, 40 * MIB // 512)
SECOND = Partition(mbr.FAT32_LBA, 98304, 40 * MIB // 512)
EPOCH = 1 << 30
MODULE = "print('{} ran from', __file__)\n"
PLACES = [(name, card) for name in board_session.PIS for card in ("card", "RAM disk")]
CHOSEN = PLACES if ALL else [(board_session.PIS[-1], "card")]


def card_with_root(path: Path) -> Path:
    """A card whose first partition is at /sd, and the second one at /."""
    with path.open("wb") as file:
        file.write(mbr.record(1, [FIRST, SECOND]))
        file.truncate(128 * MIB)
    fat.make_filesystem(path, FIRST, label="BOOT", serial=1, epoch=EPOCH)
    fat.make_filesystem(path, SECOND, label="FILES", serial=2, epoch=EPOCH)
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
    for name in ("tree", "rom"):
        (tmp_path / name).mkdir()
    for name in ("one.txt", "tree/two.txt"):
        (tmp_path / name).write_text(TEXT)
    (tmp_path / "helper.py").write_text("print('helper ran')\n")
    (tmp_path / "rom" / "rommod.py").write_text(MODULE.format("rommod"))
    return tmp_path


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An index of packages as mip reads it; the address of its server."""
    root = tmp_path_factory.mktemp("index")
    package = {"v": 1, "version": "1.0", "hashes": [["packed.py", "ab34"]], "deps": []}
    files = {"file/ab/ab34": MODULE.format("packed")}
    files |= {f"package/{kind}/packed/latest.json": json.dumps(package) for kind in ("py", "6")}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


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
def test_files(port: str, client: str, folder: Path, index: str) -> None:
    print(f"{client} {version(client)}")
    wrong = {}
    for what, arguments, expected in ACTIONS[client]:
        filled = [each.replace("{}", str(folder)).replace(INDEX, index) for each in arguments]
        answer = act([*COMMANDS[client](port), *filled], expected, Path(BACK.format(folder)))
        print(f"| {client} | {what} | {'fails' if answer else 'yes'} |")
        if answer:
            wrong[what] = answer
    assert wrong == {}


def test_the_page_has_the_table() -> None:
    told = client_actions.versions_of_page()
    assert client_actions.of_page() == client_actions.table(told)
    for client in set(ACTIONS) - {"pyboard.py"}:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            assert importlib.metadata.version(client) == told[client]
