# SPDX-License-Identifier: MIT
"""Programs for MicroPython boards, connected to `pimem serve`, do what docs/clients.md says.

CLIENT_FILES=all takes all features on every board, with and without a card. Else one board with a
card has all of them, and the others a few.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import importlib.metadata
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import client_table
import pytest
from clients import (
    BACK,
    CLIENTS,
    FEATURES,
    FILES,
    LINE,
    LOOP,
    PRINT,
    PROGRAMS,
    PUT,
    TEXT,
    Cell,
    Client,
    Step,
    Told,
)
from terminals import Typist
from test_serve import ask, serving

from pimem.board.errors import BoardError
from pimem.board.link import BANNER, Link
from pimem.card import fat, mbr
from pimem.card.mbr import Partition
from pimem.testing import board_session

MIB = 1 << 20
ALL = os.environ.get("CLIENT_FILES") == "all"
FIRST = Partition(mbr.FAT32_LBA, 8192, 40 * MIB // 512)
SECOND = Partition(mbr.FAT32_LBA, 98304, 40 * MIB // 512)
EPOCH = 1 << 30
CARD = "card"
PLACES = [(name, disk) for name in board_session.PIS for disk in (CARD, "RAM disk")]
PLACES.append(("QEMU_VIRT", "RAM disk"))
#: What is chosen of them without CLIENT_FILES=all.
FEW = {
    ("RPI4", CARD): FEATURES,
    ("RPI3", "RAM disk"): (PROGRAMS, PUT, PRINT),
    ("QEMU_VIRT", "RAM disk"): (PROGRAMS, LINE),
}
SECONDS = 100
UNUSUAL = ("LD_PRELOAD", "PYTHONUNBUFFERED")
#: On the board, once: partition 1 has a file, as that of a card that starts a board.
BOOT_FILE = """
import machine, vfs
if any(path == "/sd" for _, path in vfs.mount()):
    part = machine.Partition(machine.SDCard(), 1)
    for readonly in False, True:
        vfs.umount("/sd")
        vfs.mount(part, "/sd", readonly=readonly)
        if not readonly:
            open("/sd/config.txt", "w").close()
"""
#: On the board, before each client: one file.
PREPARE = f"""
import os, vfs
mounted = [path for _, path in vfs.mount()]
def remove(path):
    for name, kind, *_ in os.ilistdir(path):
        if kind != 0x4000:
            os.remove(path + name)
        elif path + name not in mounted:
            remove(path + name + "/")
            os.rmdir(path + name)
remove("/")
with open("/loop.py", "w") as file:
    file.write({LOOP!r})
"""


def card_with_root(path: Path) -> Path:
    """A card whose first partition is at /sd, and the second one at /."""
    with path.open("wb") as file:
        file.write(mbr.record(1, [FIRST, SECOND]))
        file.truncate(128 * MIB)
    fat.make_filesystem(path, FIRST, label="BOOT", serial=1, epoch=EPOCH)
    fat.make_filesystem(path, SECOND, label="FILES", serial=2, epoch=EPOCH)
    return path


@dataclass
class Place:
    """A served board, and what of the features is tried there."""

    port: str
    features: tuple[str, ...]


@pytest.fixture(scope="module", params=PLACES if ALL else FEW, ids=" ".join)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    name, disk = request.param
    options = []
    if disk == CARD:
        options = ["--card", str(card_with_root(tmp_path_factory.mktemp("card") / "card"))]
    with serving(name, *options) as server:
        ask(server.places[0], BOOT_FILE)
        yield Place(server.places[0], FEATURES if ALL else FEW[name, disk])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An index of packages as mip reads it; the address of its server."""
    root = tmp_path_factory.mktemp("index")
    package = {"v": 1, "version": "1.0", "hashes": [["packed.py", "ab34"]], "deps": []}
    files = {"file/ab/ab34": FILES["packed.py"]}
    files |= {f"package/{kind}/packed/latest.json": json.dumps(package) for kind in ("py", "6")}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def version(client: str) -> str:
    """Return the version of an installed client; skip where the platform lacks it."""
    if client == "pyboard.py":
        return "of MicroPython's source"
    try:
        return importlib.metadata.version(client)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{client} is not installed: the extra 'clients' of pyproject.toml has it")


def leave_running(port: str, source: str) -> None:
    with Link(port, silence=20) as link:
        link.enter_raw_repl()
        link.paste(source.encode())


def stop_all(port: str) -> None:
    with Link(port, silence=20) as link, link.in_raw_repl():
        link.soft_reset()


def wait_for_restart(port: str) -> None:
    """Read until the board's greeting; it was printed already where nothing comes."""
    with contextlib.suppress(BoardError), Link(port, silence=5) as link:
        link.read_until(BANNER)


def is_true(port: str, expression: str) -> bool:
    return ask(port, f"import machine, os, time\nprint(bool({expression}))") == "True\n"


@dataclass
class Trial:
    """One client at one board."""

    client: Client
    port: str
    folder: Path
    index: str

    def environment(self) -> dict[str, str]:
        """Return that of a user, whose editor changes nothing: no sanitiser, output buffered."""
        kept = os.environ.items() - {(name, os.environ.get(name)) for name in UNUSUAL}
        return dict(kept) | {"EDITOR": "true", "TZ": "UTC"}

    def command(self, words: str) -> list[str]:
        places = {"PORT": self.port, "INDEX": self.index}
        return [places.get(word, word) for word in (*self.client.start, *shlex.split(words))]

    def run(self, step: Step) -> tuple[int, str]:
        """Run a client to its end; return its exit code and what it printed."""
        command = self.command(step.words)
        if step.typed:
            typist = Typist(command, self.folder, self.environment())
            went = typist.act(">>> ", step.typed, step.leave)
            return (0 if went else -1), typist.said.decode(errors="replace")
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                said = "".join(child.communicate(timeout=SECONDS))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # it may have a child at the port
        return child.returncode, said

    def take(self, step: Step) -> str:
        """Take a step; return what is wrong, '' where it did what it should."""
        back, begin = self.folder / BACK, time.time()
        if step.before:
            ask(self.port, f"import machine\n{step.before}")
        if step.running:
            leave_running(self.port, step.running)
        code, said = self.run(step)
        if code != step.code or step.shows not in said:
            return f"{code} {said}"
        if BACK in step.words and back.read_text() != TEXT:
            return f"{back.name} differs"
        if step.restarts:
            wait_for_restart(self.port)
        if step.after and not is_true(self.port, step.after.replace("NOW", str(int(begin)))):
            return f"not so: {step.after}"
        if step.running:
            stop_all(self.port)
        return ""

    def of_cell(self, cell: Cell) -> str:
        steps = cell if isinstance(cell, tuple) else (cell,)
        taken = (self.take(each.step if isinstance(each, Told) else each) for each in steps)
        return next((wrong for wrong in taken if wrong), "")


@pytest.mark.parametrize("name", CLIENTS)
def test_the_table_is_so(place: Place, name: str, folder: Path, index: str) -> None:
    print(f"{name} {version(name)}")
    ask(place.port, PREPARE)
    trial = Trial(CLIENTS[name], place.port, folder, index)
    wrong = {}
    for feature in place.features:
        if cell := trial.client.can.get(feature):
            begin = time.monotonic()
            answer = trial.of_cell(cell)
            seconds = time.monotonic() - begin
            print(f"| {feature} | {'fails' if answer else 'passed'} | {seconds:.1f} s")
            if answer:
                wrong[feature] = answer
    assert wrong == {}


def test_every_feature_of_a_client_has_a_row() -> None:
    rows = set(FEATURES)
    assert len(rows) == len(FEATURES)
    assert {feature for client in CLIENTS.values() for feature in client.can} == rows


def test_the_page_has_the_table() -> None:
    told = client_table.versions_of_page()
    assert client_table.of_page() == client_table.table(told)
    for name in set(CLIENTS) - {"pyboard.py"}:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            assert importlib.metadata.version(name) == told[name]
