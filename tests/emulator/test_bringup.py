# SPDX-License-Identifier: MIT
"""`pimem bringup`: its file, and the place that it names for a kernel that dies there."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
import tables

from pimem.board import boards, session
from pimem.board.link import Link
from pimem.board.qemu import Qemu, kernel_args
from pimem.bringup.listen import Heard, listen
from pimem.bringup.places import PLACES
from pimem.bringup.verdict import Verdict, judge
from pimem.dev.bench import symbols
from pimem.testing import board_session

#: WFI and a branch back to it, which cost the host nothing; an undefined instruction.
HANG, UNDEFINED = struct.pack("<II", 0xD503207F, 0x17FFFFFF), bytes(4)
FIRST, SILENCE = 30.0, 20.0
AFTER = 0.5  # of silence where core 0 is known to hang
PAGE = 4096
#: The cores that QEMU starts with the kernel wait in a loop of theirs until it calls them, which
#: costs the host a core each: an image that hangs is alone.
ALONE = {"RPI3": "bcm2837", "RPI4": "bcm2838"}
#: How each place is noted: BL to one of these functions, with the place's number in w0, which the
#: compiler may load some instructions earlier (MOVZ).
NOTED_BY = ("early_place", "boot_place")
BL, MOVZ_W0 = 0b100101, 0x52800000


def image(board: str, kind: str = "") -> Path:
    """Return an image of the board, of the `kind` that another target of make builds."""
    folder = board_session.image_folder(boards.load(board))
    path = folder.with_name(folder.name + kind) / "kernel8.img"
    if not path.is_file():
        raise FileNotFoundError(f"no image {path}: `make images bringup-{folder.name}` builds it")
    return path


@cache
def offsets(path: Path) -> dict[int, int]:
    """Return the offset, in an image, of the instruction after each place."""
    at = symbols(path.with_name("firmware.elf"))
    targets = {at[name] - at["_start"] for name in NOTED_BY if name in at}
    data = path.read_bytes()
    found, number = {}, 0
    for index, word in enumerate(struct.unpack(f"<{len(data) // 4}I", data[: len(data) & ~3])):
        if word & 0xFFE0001F == MOVZ_W0:
            number = word >> 5 & 0xFFFF
        elif word >> 26 == BL:
            distance = (word & 0x3FFFFFF ^ 0x2000000) - 0x2000000
            if 4 * (index + distance) in targets:
                found[number] = 4 * (index + 1)
    return {number: offset for number, offset in found.items() if number}


def changed(path: Path, offset: int, code: bytes, folder: Path) -> Path:
    """Make a copy of an image with other instructions at an offset."""
    data = bytearray(path.read_bytes())
    data[offset : offset + len(code)] = code
    copy = folder / "kernel8.img"
    copy.write_bytes(data)
    return copy


def dying(path: Path, place: int, code: bytes, folder: Path) -> Path:
    """Make a copy of an image that executes `code` after a place."""
    return changed(path, offsets(path)[place], code, folder)


def wait_for_hang(machine: Qemu, link: Link, offset: int) -> None:
    """Wait until core 0 is in the loop that is at this offset of the image, mapped or not."""
    said, seen, end = b"", 0, time.monotonic() + 60
    while seen < 2:
        assert time.monotonic() < end, f"it does not come to {offset:#x}: {said!r}"
        said += link.receive()
        pc = tables.registers(machine.registers())["PC"]
        seen = seen + 1 if (pc - offset) % PAGE < len(HANG) else 0
    link.unread_again(said)


def hear(board: str, kernel: Path, hang: int | None = None) -> tuple[Heard, Verdict]:
    """Start an image that crashes, or hangs at an offset."""
    alone = ["-global", f"{ALONE[board]}.enabled-cpus=1"] if board in ALONE else []
    machine = Qemu(boards.load(board), kernel_args(kernel) + alone)
    with session.attach(machine) as opened:
        if hang is not None:
            wait_for_hang(machine, opened.link, hang)
        silence = SILENCE if hang is None else AFTER
        heard = listen(opened.link, first=FIRST, silence=silence)
    return heard, judge(heard)


def bringup(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", "bringup", "--output", "result.json", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize(
    ("board", "kind"),
    [*((board, "") for board in board_session.BOARDS)]
    + [(board, "-bringup") for board in board_session.IMAGES],
)
def test_a_board_that_is_in_order_gets_a_file_of_passed_steps(
    board: str, kind: str, tmp_path: Path
) -> None:
    done = bringup(tmp_path, "--board", board, "--quick", "--kernel", str(image(board, kind)))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    status = {step["name"]: step["status"] for step in result["steps"]}
    without_firmware = "skipped" if board == "QEMU_VIRT" else "passed"
    assert status.pop("clock") == without_firmware
    assert set(status.values()) == {"passed"} and len(status) == 8
    assert "MMU on, Python at EL1" in result["transcript"]
    assert f"[boot {len(PLACES)} of {len(PLACES)}: {PLACES[-1].name}]" in result["transcript"] or (
        kind == ""
    )
    holes = next(step for step in result["steps"] if step["name"] == "probes")["data"]["holes"]
    assert any("Fault" in str(hole["mem32"]) for hole in holes), "no address that does not answer"
    assert result["board"] == board and result["emulated"] and result["port"] is None


@pytest.mark.parametrize("board", board_session.BOARDS)
def test_the_image_passes_each_place_once(board: str) -> None:
    assert sorted(offsets(image(board, "-bringup"))) == list(range(1, len(PLACES) + 1))


@pytest.mark.parametrize("board", board_session.BOARDS)
@pytest.mark.parametrize("place", range(1, len(PLACES) + 1))
@pytest.mark.parametrize("code", [HANG, UNDEFINED], ids=["hangs", "crashes"])
def test_the_place_where_a_bringup_image_dies_is_named(
    board: str, place: int, code: bytes, tmp_path: Path
) -> None:
    kernel = dying(image(board, "-bringup"), place, code, tmp_path)
    hang = offsets(image(board, "-bringup"))[place] if code == HANG else None
    heard, verdict = hear(board, kernel, hang)
    assert verdict.reached == PLACES[place - 1].name
    assert verdict.advice == PLACES[place - 1].stopped
    crashes_at_el1 = code == UNDEFINED and (place > 1 or board == "QEMU_VIRT")
    assert ("crash" in verdict.problem) == (crashes_at_el1 and heard.crash is not None)
    assert bool(heard.crash) == (code == UNDEFINED and place > 1)


@pytest.mark.parametrize("board", board_session.IMAGES)
@pytest.mark.parametrize("place", range(5, len(PLACES) + 1))
def test_the_place_of_a_crash_is_named_by_the_usual_image(
    board: str, place: int, tmp_path: Path
) -> None:
    _, verdict = hear(board, dying(image(board), place, UNDEFINED, tmp_path))
    assert verdict.reached == PLACES[place - 1].name and "crash" in verdict.problem


def test_a_board_that_dies_is_told_with_its_advice_and_an_exit_code(tmp_path: Path) -> None:
    kernel = dying(image("RPI4", "-bringup"), 9, HANG, tmp_path)
    done = bringup(tmp_path, "--kernel", str(kernel), "--silence", "3")
    assert done.returncode == 4
    assert "after 'RAM found': it stopped while it asks the firmware" in done.stderr
    step = json.loads((tmp_path / "result.json").read_text())["steps"][0]
    assert step["status"] == "failed" and step["data"]["place"] == 9


@pytest.mark.parametrize("board", board_session.BOARDS)
def test_an_exception_before_the_mmu_is_on_is_reported(board: str, tmp_path: Path) -> None:
    """An undefined instruction where boot_map_build() begins; QEMU has nothing to object to."""
    kernel = image(board)
    at = symbols(kernel.with_name("firmware.elf"))
    copy = changed(kernel, at["boot_map_build"] - at["_start"], UNDEFINED, tmp_path)
    errors = tmp_path / "errors"
    machine = Qemu(boards.load(board), kernel_args(copy), guest_errors=errors)
    with session.attach(machine) as opened:
        heard = listen(opened.link, first=FIRST, silence=SILENCE)
    assert heard.crash is not None
    assert heard.crash.report["cause"] == "exception before the MMU is on"
    assert heard.crash.report["esr"] == "0x0000000002000000"
    assert errors.read_text() == ""
