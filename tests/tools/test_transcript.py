# SPDX-License-Identifier: MIT
"""The transcript of a board that prints without end: what is kept of it, and how it is shown."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pimem.testing import transcript
from pimem.testing.transcript import Transcript, attach_transcript

KEPT = 1000
LINE = b"0123456789abcdef\n"


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "KEPT_BYTES", KEPT)


def flood(said: Transcript, lines: int) -> None:
    said(">", b"flood()\x04")
    for _ in range(lines):
        said("<", LINE)
    said(">", b"\x03")
    said("<", b"KeyboardInterrupt:\r\n")


def test_what_is_short_is_whole() -> None:
    said = Transcript()
    flood(said, 2 * KEPT // len(LINE) - 2)
    assert said.is_whole
    assert said.lines()[0] == "> flood()\\x04" and len(said.lines()) == 2 * KEPT // len(LINE) + 1


def test_of_a_flood_the_beginning_and_the_end_are_kept() -> None:
    said = Transcript()
    flood(said, 10 * KEPT)
    lines = said.lines()
    assert lines[0] == "> flood()\\x04" and lines[-2:] == ["> \\x03", "< KeyboardInterrupt:"]
    (gap,) = [line for line in lines if "left out" in line]
    left_out = int(gap.strip("(").split()[0])
    shown = sum(len(line) - len("< ") + 1 for line in lines if line.startswith("< 0123"))
    assert KEPT < shown < 3 * KEPT + 2 * len(LINE)
    assert left_out + shown == pytest.approx(10 * KEPT * len(LINE), abs=2 * len(LINE))


@pytest.mark.parametrize("piece", [LINE, LINE * 10_000], ids=["small pieces", "large pieces"])
def test_the_memory_for_a_flood_is_bounded(piece: bytes) -> None:
    said = Transcript()
    tracemalloc.start()
    for _ in range(3_000_000 // len(piece)):
        said("<", piece)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert not said.is_whole and kept < 100_000


def test_the_next_test_begins_anew() -> None:
    said = Transcript()
    flood(said, 10 * KEPT)
    said.clear()
    said("<", b"quiet\r\n")
    assert said.is_whole and said.lines() == ["< quiet"]


@pytest.mark.parametrize(
    ("lines", "title"), [(1, "all of it in"), (10 * KEPT, "its beginning and end in")]
)
def test_the_report_says_whether_it_is_all(lines: int, title: str, tmp_path: Path) -> None:
    said = Transcript()
    flood(said, lines)
    report = pytest.TestReport("tests/x.py::test_y", ("", 0, ""), {}, "failed", None, "call")
    attach_transcript(report, said, tmp_path)
    assert report.sections[0][0].startswith(f"serial line, {title} {tmp_path}")
    assert report.sections[0][1].endswith("< KeyboardInterrupt:")


def test_of_a_line_without_end_the_report_shows_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "KEPT_BYTES", 10 * transcript.SHOWN_CHARACTERS)
    said = Transcript()
    said("<", b"." * 2 * transcript.SHOWN_CHARACTERS + b"here")
    report = pytest.TestReport("tests/x.py::test_y", ("", 0, ""), {}, "failed", None, "call")
    attach_transcript(report, said, None)
    ((_, shown),) = report.sections
    assert shown.endswith(".here") and len(shown) <= transcript.SHOWN_CHARACTERS
