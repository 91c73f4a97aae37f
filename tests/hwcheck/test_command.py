# SPDX-License-Identifier: MIT
"""pimem hwcheck and pimem run --hardware-check."""

from __future__ import annotations

import errno
import gzip
import json
import lzma
import math
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import programs
import pytest
from limits import HANG_SECONDS
from terminals import at_a_terminal, read_until

from pimem import cli
from pimem.board.qemu import Qemu
from pimem.board.terminal import LEAVE
from pimem.commands import hwcheck as hwcheck_command
from pimem.exits import Refusal
from pimem.testing import board_session

PAGE = programs.FOLDER.parents[2] / "docs" / "hwcheck.md"


def pimem(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", *args]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=HANG_SECONDS
    )


def image(bad: int) -> str:
    program = programs.Program("tlbi", bad, frozenset())
    return str(programs.build(program, "RPI3")[0])


def check(*args: str) -> subprocess.CompletedProcess[str]:
    return pimem("hwcheck", "--machine", "raspi3b", "--seconds", "3", *args)


def on_report(monkeypatch: pytest.MonkeyPatch, count: int, react: Callable[[], object]) -> None:
    """React, once, when the machine that runs has so many reports."""
    ended = Qemu.ended

    def look(machine: Qemu) -> str | None:
        found = machine.violations()
        machine._last_violations += found
        if len(found) >= count:
            monkeypatch.setattr(Qemu, "ended", ended)
            react()
        return ended(machine)

    monkeypatch.setattr(Qemu, "ended", look)


class Clock:
    """The time of the command, which is over when somebody says so."""

    sleep = staticmethod(time.sleep)
    over = 0.0

    def end(self) -> None:
        self.over = math.inf

    def monotonic(self) -> float:
        return time.monotonic() + self.over


@pytest.fixture
def until_reported(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command until the first report, however fast the host is; its exit code."""

    def run(*args: str) -> int:
        clock = Clock()
        monkeypatch.setattr(hwcheck_command, "time", clock)
        on_report(monkeypatch, 1, clock.end)
        return cli.main(["hwcheck", "--seconds", str(HANG_SECONDS), *args])

    return run


def test_a_kernel_that_keeps_the_rules() -> None:
    done = check(image(0))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("; no violations\n")


def test_a_kernel_that_breaks_one(
    until_reported: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert until_reported("--machine", "raspi3b", image(1)) == 1
    told = capsys.readouterr()
    assert told.out.startswith("rule 5c: ") and "tlbi.S:" in told.out
    assert told.err.endswith("; 1 violation\n")


@pytest.mark.parametrize(("bad", "code"), [(0, 130), (1, 1)])
def test_ctrl_c_ends_the_run_with_its_reports(
    bad: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    on_report(monkeypatch, bad, interrupt)
    options = ["--machine", "raspi3b", "--seconds", str(HANG_SECONDS)]
    assert cli.main(["hwcheck", *options, image(bad)]) == code
    told = capsys.readouterr()
    assert told.out.count("rule 5c:") == bad
    assert "pimem: it ran until Ctrl-C; " in told.err


def test_the_same_as_json() -> None:
    done = check("--json", image(1), "--elf", image(1).replace(".img", ".elf"))
    (line,) = done.stdout.splitlines()
    data = json.loads(line)
    assert done.returncode == 1 and data["rule"] == "5c" and data["core"] == 0
    assert any("tlbi.S" in place for place in data["places"].values())


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["no-such"], "no file no-such"),
        ([__file__, "--dtb", "no-tree"], "no file no-tree"),
    ],
)
def test_what_cannot_be_run(args: list[str], text: str) -> None:
    done = pimem("hwcheck", *args)
    assert (done.returncode, done.stderr) == (2, f"pimem: {text}\n")


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_a_time_that_is_none_is_no_clean_run(seconds: str) -> None:
    done = pimem("hwcheck", __file__, f"--seconds={seconds}")
    assert done.returncode == 2
    assert done.stderr.endswith(f"'{seconds}' is no number of seconds above 0\n")


def test_a_kernel_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(b"\x1f\x20\x03\xd5")

    opened = Path.open

    def refuse(path: Path, *options: str) -> IO[bytes] | IO[str]:
        if path == kernel:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Refusal, match=r"cannot read .*kernel8\.img: Permission denied"):
        hwcheck_command.require(kernel)


def random_bytes() -> bytes:
    return random.Random(11).randbytes(100_000)


#: No AArch64 code, though a file of some kind.
NO_KERNELS = {
    "zeros": bytes(100_000),
    "ones": b"\xff" * 100_000,
    "random": random_bytes(),
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + random_bytes(),
    "arm32": bytes.fromhex("0000a0e1") * 8 + random_bytes(),
    "gzip": gzip.compress(random_bytes()),
    "xz": lzma.compress(random_bytes()),
    "runs out": bytes.fromhex("1f2003d5") * 100,
    "leaves": bytes.fromhex("00000017"),
}


@pytest.mark.parametrize("machine", ["raspi3b", "raspi4b", "virt"])
@pytest.mark.parametrize("kind", NO_KERNELS)
def test_what_is_no_kernel_is_told(
    kind: str,
    machine: str,
    tmp_path: Path,
    until_reported: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "some.img"
    path.write_bytes(NO_KERNELS[kind])
    assert until_reported("--machine", machine, str(path)) == 3
    told = capsys.readouterr()
    last = told.err.splitlines()[-1]
    assert last.startswith(f"pimem: {path} is no AArch64 kernel for {machine}, or one that ")
    assert "rule 10-exception-loop: " in told.out


def test_an_elf_whose_entry_is_not_mapped_is_told(
    until_reported: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    board = board_session.boards.load("RPI4")
    assert until_reported(str(board_session.elf(board))) == 3
    assert "which began at 0xffff0080000" in capsys.readouterr().err


@pytest.mark.parametrize("name", board_session.IMAGES)
def test_our_own_kernels_repeat_no_exception(name: str) -> None:
    board = board_session.boards.load(name)
    kernel = str(board_session.kernel(board))
    done = pimem("hwcheck", "--machine", board.machine.partition(",")[0], "--seconds", "3", kernel)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_missing_tlbi_of_the_page(tmp_path: Path) -> None:
    listed = re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    blocks = dict(reversed(listed))  # the first of each kind
    script, shown = blocks["python"], blocks["text"]
    path = tmp_path / "forgot.py"
    path.write_text(script)
    board = board_session.boards.load("RPI4")
    options = ["--kernel", str(board_session.kernel(board)), "--board", "RPI4"]
    done = pimem("run", *options, "--hardware-check", str(path))
    assert (done.returncode, done.stdout) == (1, "0x0\n")
    told = re.findall(r"^.*rule .*$|^  at .*\(.*\)", done.stderr, re.MULTILINE)
    wanted = re.findall(r"^.*rule .*$|^  at .*\(.*\)", shown, re.MULTILINE)
    address = re.compile(r"0xffff[0-9a-f]{12}")  # another build has others
    assert [address.sub("A", line) for line in told] == [address.sub("A", line) for line in wanted]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("raise ValueError(3)", 1),
        ("import sys\nsys.exit(0)", 1),
        ("import sys\nsys.exit(7)", 7),
        ("machine.reset()", 1),
    ],
)
def test_what_a_script_broke_is_told_however_it_ends(end: str, code: int) -> None:
    script = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[0]
    board = board_session.boards.load("RPI4")
    options = ["--kernel", str(board_session.kernel(board)), "--board", "RPI4"]
    done = pimem("run", *options, "--hardware-check", "-", stdin=script + end)
    assert (done.returncode, done.stdout) == (code, "0x0\n")
    assert re.findall(r"rule (\S+):", done.stderr) == ["5b", "5c"]
    assert ("ValueError: 3" in done.stderr) == end.startswith("raise")


def test_a_script_that_keeps_the_rules() -> None:
    board = board_session.boards.load("RPI3")
    options = ["--kernel", str(board_session.kernel(board)), "--board", "RPI3"]
    done = pimem("run", *options, "--hardware-check", "-", stdin="print(6 * 7)")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_what_is_typed_at_the_prompt_is_checked() -> None:
    kernel = str(board_session.kernel(board_session.boards.load("RPI4")))
    options = ["--kernel", kernel, "--board", "RPI4", "--hardware-check"]
    with at_a_terminal("run", *options) as (master, child):
        read_until(master, b">>> ")
        os.write(master, b"import machine, memory as m; a = m.frames.alloc(2); va = 1 << 38\r")
        os.write(master, b"s = m.AddressSpace(); s.map(va, a); s.activate(); machine.mem32[va]\r")
        os.write(master, b"w = s.walk(va)[-1]; p = (0xffff << 48) + w.table + 8 * w.index\r")
        os.write(master, b"machine.mem64[p] += 4096; machine.mem32[va], 'gone'\r")
        read_until(master, b"(0, 'gone')")
        os.write(master, LEAVE)
        read_until(master, b"rule 5c: ")
        assert child.wait(HANG_SECONDS) == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_a_real_board_cannot_be_checked(terminal: bool) -> None:
    told = "pimem: the hardware checker is a part of QEMU: leave --port or it out"
    if terminal:
        with at_a_terminal("run", "--port", "/dev/null", "--hardware-check") as (master, child):
            read_until(master, told.encode())
            assert child.wait(HANG_SECONDS) == 2
        return
    done = pimem("run", "--port", "/dev/null", "--hardware-check", "-")
    assert (done.returncode, done.stderr) == (2, f"{told}\n")
