# SPDX-License-Identifier: MIT
"""mpremote, as it comes from pip, on the pty of a running machine."""

from __future__ import annotations

import datetime
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pimem.testing import board_session


@pytest.fixture(scope="module", params=board_session.BOARDS)
def port(request: pytest.FixtureRequest) -> Iterator[str]:
    """The pty of a machine without a card, used by one test at a time."""
    with board_session.booted(request.param) as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        pty = machine.emulated().pty
        # QEMU looks once a second whether a pty that nothing had open is open again.
        kept_open = os.open(pty, os.O_RDWR | os.O_NOCTTY)
        yield pty
        os.close(kept_open)


def mpremote(port: str, *args: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", port, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.replace("\r\n", "\n")


def test_exec_and_eval(port: str) -> None:
    assert mpremote(port, "exec", "print(sum(range(10)))") == "45\n"
    assert mpremote(port, "eval", "2 ** 100") == f"{2**100}\n"


def test_run_a_script_of_the_host(port: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import memory\nfor n in range(3):\n    print('line', n)\n")
    assert mpremote(port, "run", str(script)) == "line 0\nline 1\nline 2\n"


def test_soft_reset_forgets_names_and_resume_keeps_them(port: str) -> None:
    assert mpremote(port, "exec", "kept = 5", "resume", "eval", "kept") == "5\n"
    assert mpremote(port, "soft-reset", "eval", "'kept' in globals()") == "False\n"


def test_files_go_there_and_come_back(port: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 40
    there, back = tmp_path / "there.bin", tmp_path / "back.bin"
    there.write_bytes(data)
    mpremote(port, "fs", "mkdir", ":/folder")
    mpremote(port, "fs", "cp", str(there), ":/folder/data.bin")
    assert "10240 data.bin" in mpremote(port, "fs", "ls", ":/folder")
    digest = mpremote(port, "fs", "sha256sum", ":/folder/data.bin")
    assert hashlib.sha256(data).hexdigest() in digest
    mpremote(port, "fs", "cp", ":/folder/data.bin", str(back))
    assert back.read_bytes() == data
    mpremote(port, "fs", "rm", ":/folder/data.bin")
    mpremote(port, "fs", "rmdir", ":/folder")
    assert "folder" not in mpremote(port, "fs", "ls", ":/")


def test_an_imported_module_comes_from_the_disk(port: str, tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text("def answer():\n    return 42\n")
    mpremote(port, "fs", "cp", str(module), ":/mine.py")
    assert mpremote(port, "exec", "import mine; print(mine.answer())") == "42\n"


def test_free_space_is_told(port: str) -> None:
    assert "/" in mpremote(port, "df")


def test_the_clock_is_read_and_set(port: str) -> None:
    year = int(mpremote(port, "rtc").split(",")[0].strip("( "))
    assert year >= 2026, "the day on which the image was built, at least"
    before = datetime.datetime.now()
    mpremote(port, "rtc", "--set")
    told = [int(part) for part in mpremote(port, "resume", "rtc").strip("()\n ").split(",")]
    got = datetime.datetime(*told[:3], *told[4:])
    # The board's clock does not run while the emulator is stopped.
    assert before - datetime.timedelta(minutes=1) <= got <= datetime.datetime.now()
    assert told[3] == got.weekday()
    assert mpremote(port, "soft-reset", "eval", "__import__('time').localtime()[0]") == (
        f"{got.year}\n"
    )
