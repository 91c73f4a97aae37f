# SPDX-License-Identifier: MIT
"""`pimem bringup`: what is made of what a board says, or does not say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fake_board import FakeBoard

from pimem import ROOT
from pimem.board import boards
from pimem.board.errors import BoardCrash
from pimem.board.link import Link
from pimem.bringup import checks
from pimem.bringup.listen import MARK, Heard, listen
from pimem.bringup.places import PLACES
from pimem.bringup.result import FAILED, PASSED, SKIPPED, Result, Step
from pimem.bringup.verdict import judge
from pimem.exits import Refusal

REPORT = (
    b"Raspberry Pi 4 (RPI4), entered at EL2, 4 cores\r\nRAM      0-3c0 960 MiB from mailbox\r\n"
)
PROMPT = b'MicroPython v1 on a board\r\nType "help()"\r\n>>> '


def test_the_places_are_those_of_the_kernel() -> None:
    header = (ROOT / "ports" / "rpi-aarch64" / "boot" / "place.h").read_text()
    names = re.findall(r"^#define PLACE_(\w+) +\((\d+)\)", header, re.MULTILINE)
    assert [int(number) for name, number in names if name != "COUNT"] == [
        number for number, _ in enumerate(PLACES, 1)
    ]
    assert dict(names)["COUNT"] == str(len(PLACES))
    source = (ROOT / "ports" / "rpi-aarch64" / "boot" / "early.c").read_text()
    lines = re.findall(r'"(\[boot [^"]*\])\\r\\n"', source)
    found = [match.groups() for match in map(MARK.fullmatch, lines) if match]
    assert found == [
        (str(number), str(len(PLACES)), place.name) for number, place in enumerate(PLACES, 1)
    ]


@pytest.mark.parametrize(
    ("data", "reached", "problem"),
    [
        (b"", "nothing", "no output"),
        (bytes(range(128, 256)), "unknown", "unreadable output"),
        (b"Raspberry Pi Bootcode\r\nRead File: start4.elf\r\n", "firmware", "no output of the"),
        (b"[boot 4 of 12: page tables]\r\n", "page tables", "switches the MMU"),
        (b"[boot 1 of 12: entry]\r\n[boot 2 of 12: EL1]\r\n[boo", "EL1", "clears .bss"),
        (REPORT, "MicroPython", "after the report's line 'RAM'"),
        (REPORT + b"reserved 00", "MicroPython", "after the report's line 'RAM'"),
        (REPORT + PROMPT[:30], "banner", "before the first prompt"),
        (b"[boot 99 of 99: later]\r\n", "place 99", "does not have"),
    ],
)
def test_what_came_last_tells_how_far_the_board_came(
    data: bytes, reached: str, problem: str
) -> None:
    verdict = judge(Heard(data))
    assert verdict.reached == reached and problem in verdict.problem
    assert not verdict.ok


def test_a_prompt_is_where_boot_ends() -> None:
    assert judge(Heard(REPORT + PROMPT)).ok


def test_safe_mode_is_a_problem_though_the_prompt_is_there() -> None:
    text = REPORT + PROMPT.replace(b">>>", b"Safe mode: the kernel map failed\r\n>>>")
    verdict = judge(Heard(text))
    assert verdict.reached == "prompt" and "the kernel map failed" in verdict.problem


@pytest.mark.parametrize(
    ("report", "reached"),
    [
        ({"cause": "unhandled exception", "place": 6}, "devices"),
        ({"cause": "exception before the MMU is on"}, "entry"),
        ({"cause": "something new"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_crash_is_where_its_report_says(report: dict[str, object], reached: str) -> None:
    verdict = judge(Heard(b"CRASH {}\r\n", BoardCrash("crash", report, "")))
    assert verdict.reached == reached and "crash" in verdict.problem


def test_a_board_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with FakeBoard() as board, Link(board.url) as link:
        heard = listen(link, first=0.5, silence=0.5)
    assert heard.data == b"" and not heard.trouble


def test_listening_ends_at_the_prompt() -> None:
    with FakeBoard() as board, Link(board.url) as link:
        board.boot()
        heard = listen(link, first=10, silence=10)
    assert heard.at_prompt


def test_a_silent_board_ends_the_command_with_4_and_leaves_a_file(
    tmp_path: Path, pimem: object
) -> None:
    kernel, output = tmp_path / "kernel8.img", tmp_path / "result.json"
    kernel.write_bytes(b"image")
    with FakeBoard() as board:
        options = ["--port", board.url, "--kernel", str(kernel), "--output", str(output)]
        done = pimem("bringup", *options, "--first", "0.5")  # type: ignore[operator]
    assert done.returncode == 4
    assert "failed   boot: after 'nothing': no output" in done.stderr
    result = json.loads(output.read_text())
    assert result["port"] == board.url and not result["emulated"]
    assert [step["status"] for step in result["steps"]] == ["failed"]
    assert "uart_2ndstage=1" in result["steps"][0]["meaning"]


class Endless:
    """A line that never falls silent, and its clock."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.now = 0.0

    def receive(self) -> bytes:
        self.now += 0.01
        return self.piece

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("piece", "reached", "problem"),
    [
        (b"\x00\xf8\x80\x9c\xe0", "unknown", "unreadable output"),
        (b"Raspberry Pi Bootcode\r\n", "firmware", "no prompt in 0.3 s of output"),
        (b"[boot 1 of 12: entry]\r\n[boot 2 of 12: EL1]\r\n", "EL1", "no prompt in 0.3 s"),
    ],
    ids=["noise or a wrong baud rate", "firmware without end", "resets without end"],
)
def test_a_line_that_never_falls_silent_is_not_listened_to_for_ever(
    piece: bytes, reached: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Endless(piece)
    monkeypatch.setattr("pimem.bringup.listen.time", line)
    heard = listen(line, first=5, silence=5, longest=0.3)  # type: ignore[arg-type]
    assert line.now < 0.5
    verdict = judge(heard)
    assert verdict.reached == reached and problem in verdict.problem and verdict.advice


def test_a_line_that_hangs_up_is_told() -> None:
    with FakeBoard() as board, Link(board.url) as link:
        board.vanish()
        heard = listen(link, first=5, silence=5)
    assert heard.trouble and judge(heard).problem == heard.trouble


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path, pimem: object) -> None:
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(b"image")
    port = str(tmp_path / "ttyUSB9")
    options = ["--port", port, "--kernel", str(kernel), "--output", str(tmp_path / "r.json")]
    done = pimem("bringup", *options)  # type: ignore[operator]
    assert done.returncode == 4 and "`pimem ports` lists" in done.stderr and port in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_the_file_is_there_after_each_step(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(b"image")
    result = Result(tmp_path / "result.json", board="RPI4", port=None, kernel=kernel)
    for status in (PASSED, FAILED, SKIPPED):
        result.add(Step(status, "", status))
        steps = json.loads(result.path.read_text())["steps"]
        assert steps[-1]["name"] == status
    assert result.failed == [FAILED]


def test_a_file_that_cannot_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(b"image")
    with pytest.raises(Refusal, match="cannot write"):
        Result(tmp_path / "no" / "result.json", board="RPI4", port=None, kernel=kernel)


def test_the_page_explains_each_place_and_each_step() -> None:
    page = (ROOT / "docs" / "hardware-day.md").read_text()
    for number, place in enumerate(PLACES, 1):
        assert f"| {number} | {place.name} | {place.then} | {place.stopped} |" in page
    for step in ("facts", "health", "probes", "code", "programs", "resets", "paste", "clock"):
        assert f"| `{step}` |" in page


def test_the_probes_have_addresses_for_every_board() -> None:
    assert {board.soc for board in boards.load_all()} == set(checks.HOLES)
