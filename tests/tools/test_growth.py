# SPDX-License-Identifier: MIT
"""Downloads by other programs: a moving line on a terminal, nothing in a pipe."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import HANG_SECONDS, wait_for

from pimem import growth
from pimem.card import firmware
from pimem.setup import apt, bootstrap

MB = 1_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def shows(self, pattern: str) -> bool:
        return bool(re.search(pattern, self.getvalue()))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "REDRAW_SECONDS", 0.01)
    monkeypatch.setattr(growth, "QUIET_SECONDS", 0.0)


def test_a_file_that_grows_is_shown_and_the_line_is_left_empty(
    quick: None, tmp_path: Path
) -> None:
    file, terminal = tmp_path / "x.deb", Terminal()
    with growth.shown("setup: x.deb", file, 4 * MB, terminal):
        wait_for(lambda: terminal.shows(r"setup: x.deb:   0 %, 0.0 of 4.0 MB, \d+ s"))
        file.write_bytes(bytes(MB))
        wait_for(lambda: "setup: x.deb:  25 %, 1.0 of 4.0 MB" in terminal.getvalue())
    lines = terminal.getvalue().split("\r")
    assert lines[-1] == "" and lines[-2].strip() == ""
    assert "\n" not in terminal.getvalue()


def test_a_folder_that_grows_is_shown_by_what_it_has_gained(quick: None, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(bytes(5 * MB))
    terminal = Terminal()
    with growth.shown("setup: .venv", tmp_path, 0, terminal):
        wait_for(lambda: terminal.shows(r"setup: .venv: 0.0 MB, \d+ s"))
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "new").write_bytes(bytes(2 * MB))
        wait_for(lambda: "setup: .venv: 2.0 MB" in terminal.getvalue())


def test_in_a_pipe_there_is_nothing(quick: None, tmp_path: Path) -> None:
    pipe = io.StringIO()
    with growth.shown("setup: x", tmp_path, 0, pipe):
        time.sleep(0.1)
    assert pipe.getvalue() == ""


def test_what_is_over_at_once_is_not_shown(tmp_path: Path) -> None:
    terminal = Terminal()
    with growth.shown("setup: x", tmp_path, 0, terminal):
        pass
    assert terminal.getvalue() == ""


def test_one_within_another_shows_nothing_of_its_own(quick: None, tmp_path: Path) -> None:
    terminal = Terminal()
    with (
        growth.shown("outer", tmp_path, 0, terminal),
        growth.shown("inner", tmp_path, 0, terminal),
    ):
        wait_for(lambda: "outer: " in terminal.getvalue())
    assert "inner" not in terminal.getvalue()
    with growth.shown("next", tmp_path, 0, terminal):
        wait_for(lambda: "next: " in terminal.getvalue())


def test_an_exception_ends_it(quick: None, tmp_path: Path) -> None:
    terminal = Terminal()
    with pytest.raises(apt.AptError), growth.shown("setup: x", tmp_path, 0, terminal):
        wait_for(lambda: "setup: x" in terminal.getvalue())
        raise apt.AptError("no network")
    assert terminal.getvalue().endswith("\r")


#: What each download does while the stand-in for its program runs.
DOWNLOADS: dict[str, Callable[[Path], object]] = {
    "setup: x.tar.xz": lambda folder: apt.download("address", "0", folder / "x.tar.xz"),
    "setup: packages": lambda folder: apt.install(["hello"], []),
    "setup: package lists": lambda folder: apt.PrivateLists(
        folder, "deb", ["suite"], machine=False
    ).update(),
    "pimem: firmware": lambda folder: firmware.download(
        firmware.FIRMWARE,
        apt.Package("firmware", "1", "suite", "address", "x.deb", 100, "0"),
        lambda text: None,
    ),
}


@pytest.mark.parametrize("what", DOWNLOADS)
def test_each_download_shows_how_far_it_is(
    what: str, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("pimem.DEPS", tmp_path, raising=False)
    monkeypatch.setattr(apt, "mirror", lambda: "address")

    def call(command: list[str], **options: object) -> str:
        wait_for(lambda: f"\r{what}: " in terminal.getvalue())
        raise apt.AptError("far enough")

    monkeypatch.setattr(apt, "call", call)
    with pytest.raises((apt.AptError, OSError)):
        DOWNLOADS[what](tmp_path)


def test_set_up_is_quiet_in_a_pipe_where_nothing_is_to_do() -> None:
    stamp = bootstrap.venv_folder() / bootstrap.PIN_FILE
    if not stamp.is_file() or stamp.read_text() != bootstrap.venv_pin():
        pytest.skip("set-up has something to do: `make setup`")
    done = subprocess.run(
        [sys.executable, "-m", "pimem", "setup"],
        env=os.environ,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
