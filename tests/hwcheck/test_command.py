# SPDX-License-Identifier: MIT
"""pimem hwcheck and pimem run --hardware-check."""

from __future__ import annotations

import gzip
import json
import lzma
import random
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
def test_what_is_no_kernel_is_told(kind: str, machine: str, tmp_path: Path) -> None:
    path = tmp_path / "some.img"
    path.write_bytes(NO_KERNELS[kind])
    done = pimem("hwcheck", "--machine", machine, "--seconds", "0.5", str(path))
    assert done.returncode == 3, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"pimem: {path} is no AArch64 kernel for {machine}, or one that ")
    assert "rule 10-exception-loop: " in done.stdout


def test_an_elf_whose_entry_is_not_mapped_is_told() -> None:
    board = board_session.boards.load("RPI4")
    done = pimem("hwcheck", "--seconds", "0.5", str(board_session.elf(board)))
    assert done.returncode == 3
    assert "which began at 0xffff0080000" in done.stderr


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
