# SPDX-License-Identifier: MIT
"""pimem hwcheck and pimem run --hardware-check."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import programs
import pytest

from pimem.testing import board_session

PAGE = programs.FOLDER.parents[2] / "docs" / "hwcheck.md"


def pimem(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", *args]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)


def image(bad: int) -> str:
    program = programs.Program("tlbi", bad, frozenset())
    return str(programs.build(program, "RPI3")[0])


def check(*args: str) -> subprocess.CompletedProcess[str]:
    return pimem("hwcheck", "--machine", "raspi3b", "--seconds", "3", *args)


def test_a_kernel_that_keeps_the_rules() -> None:
    done = check(image(0))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith("; no violations\n")


def test_a_kernel_that_breaks_one() -> None:
    done = check(image(1))
    assert done.returncode == 1
    assert done.stdout.startswith("rule 5c: ") and "tlbi.S:" in done.stdout
    assert done.stderr.endswith("; 1 violation\n")


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
        ([__file__, "--seconds", "0"], "--seconds 0 is not positive"),
    ],
)
def test_what_cannot_be_run(args: list[str], text: str) -> None:
    done = pimem("hwcheck", *args)
    assert (done.returncode, done.stderr) == (2, f"pimem: {text}\n")


def test_the_missing_tlbi_of_the_page(tmp_path: Path) -> None:
    blocks = dict(re.findall(r"^```(\w*)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))
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


def test_a_script_that_keeps_the_rules() -> None:
    board = board_session.boards.load("RPI3")
    options = ["--kernel", str(board_session.kernel(board)), "--board", "RPI3"]
    done = pimem("run", *options, "--hardware-check", "-", stdin="print(6 * 7)")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


def test_a_real_board_cannot_be_checked() -> None:
    done = pimem("run", "--port", "/dev/null", "--hardware-check", "-")
    assert done.returncode == 2
    assert done.stderr == (
        "pimem: the hardware checker is a part of QEMU: leave --port or it out\n"
    )
