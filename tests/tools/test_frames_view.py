# SPDX-License-Identifier: MIT
"""The picture of frames, from figures that are made up."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pimem.board import frames as frames_view
from pimem.board.frames import FRAME, Place, Run, Snapshot
from pimem.commands.frames import draw

MIB = 1 << 20


GC: dict[str, Any] = {
    "types": {"list": [2, 128], "<plain>": [1, 4096]},
    "collections": 3,
    "areas": [
        {"start": 4096, "size": 8192, "used": 4096, "free": 3072, "largest_free": 64},
        {"start": 65536, "size": 8192, "used": 128, "free": 7000, "largest_free": 1024},
    ],
    "last": dict.fromkeys(("areas", "finalisers"), 0)
    | {"sweep": 1000, "mark": 3000, "pause": 5000, "roots": 1400},
}


def snapshot(runs: list[Run], banks: list[list[int]] | None = None) -> Snapshot:
    count = {state: 0 for state in ("free", "used", "reserved")}
    for run in runs:
        count[run.state] += (run.end - run.start) // FRAME
    ram = banks or [[runs[0].start, runs[-1].end]]
    frames = count | {"total": sum(count.values())}
    owners = {"image": count["used"]} if count["used"] else {}
    return Snapshot("TEST", "Test board <1>", frames, owners, GC, ram, runs)


TWO = snapshot([Run(0, MIB, "used", None), Run(MIB, 64 * MIB, "free", None)])


def test_one_used_frame_shows_however_small_it_is_in_the_picture() -> None:
    runs = [Run(0, 32 * MIB, "free", None), Run(32 * MIB, 32 * MIB + FRAME, "used", None)]
    runs.append(Run(32 * MIB + FRAME, 64 * MIB, "free", None))
    states = frames_view.cells(snapshot(runs), [0, 64 * MIB], 64)
    assert states == ["free"] * 32 + ["used"] + ["free"] * 31


def test_used_wins_over_reserved_and_reserved_over_free() -> None:
    runs = [Run(0, FRAME, "reserved", "stub"), Run(FRAME, 2 * FRAME, "used", None)]
    runs += [Run(2 * FRAME, 3 * FRAME, "reserved", "x"), Run(3 * FRAME, 4 * FRAME, "free", None)]
    assert frames_view.cells(snapshot(runs), [0, 4 * FRAME], 2) == ["used", "reserved"]


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=30),
    states=st.lists(st.sampled_from(["free", "used", "reserved"]), min_size=30, max_size=30),
    count=st.integers(1, 500),
)
@settings(max_examples=60, deadline=None)
def test_cells_agree_with_a_frame_by_frame_count(
    lengths: list[int], states: list[str], count: int
) -> None:
    runs, frames = [], []
    for length, state in zip(lengths, states, strict=False):
        start = len(frames) * FRAME
        frames += [state] * length
        runs.append(Run(start, len(frames) * FRAME, state, None))
    bank = [0, len(frames) * FRAME]
    step = frames_view.cell_size(bank, count) // FRAME
    expected = []
    for at in range(0, len(frames), step):
        inside = set(frames[at : at + step])
        expected.append(next(each for each in ("used", "reserved", "free") if each in inside))
    assert frames_view.cells(snapshot(runs), bank, count) == expected
    assert len(expected) <= count


def test_the_text_fits_its_width_and_has_no_colours() -> None:
    lines = frames_view.picture(TWO, 80, colour=False)
    assert max(map(len, lines)) <= 80
    assert (
        lines[0]
        == ("Test board <1> (TEST): 63.0 MiB free, 1.0 MiB used, 0 KiB reserved of 64.0 MiB"[:80])
    )
    assert re.match(r"000000000000  #+\.+$", lines[1])
    assert not any("\x1b" in line for line in lines)
    assert any("256 frames" in line and "image" in line for line in lines)


def test_colours_only_add_colours() -> None:
    plain = frames_view.picture(TWO, 100, colour=False)
    colourful = frames_view.picture(TWO, 100, colour=True)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in colourful] == plain
    assert any("\x1b[33m#" in line for line in colourful)


def test_every_bank_is_drawn() -> None:
    runs = [*TWO.runs, Run(1 << 32, (1 << 32) + 64 * MIB, "free", None)]
    two_banks = snapshot(runs, [[0, 64 * MIB], [1 << 32, (1 << 32) + 64 * MIB]])
    assert any(
        line.startswith("000100000000") for line in frames_view.picture(two_banks, 80, False)
    )


def test_the_drawing_is_sound_xml_with_every_run_in_it() -> None:
    runs = [replace(TWO.runs[0], state="reserved", name="a < b & c"), TWO.runs[1]]
    text = frames_view.svg(snapshot(runs))
    root = ElementTree.fromstring(text)
    titles = [each.text for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "0x0-0x100000 reserved a < b & c" in titles
    assert "0x100000-0x4000000 free" in titles


def test_boxes_cover_the_bank_once() -> None:
    """The widths of all boxes of a bank add up to its rows."""
    root = ElementTree.fromstring(frames_view.svg(TWO))
    boxes = [
        each
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
        if each.find("{http://www.w3.org/2000/svg}title") is not None
    ]
    width = sum(float(box.get("width", "0")) for box in boxes)
    full = (frames_view.SVG_WIDTH - frames_view.SVG_LEFT - 10) * frames_view.SVG_ROWS
    assert width == pytest.approx(full, rel=0.01)


def test_what_the_board_says_is_read_and_given_back() -> None:
    head = {"board": "B", "model": "M", "ram": [[0, 8192]]}
    figures = {"frames": {"free": 1, "used": 1, "reserved": 0, "total": 2}, "owners": {"x": 1}}
    figures["gc"] = GC
    runs = [[0, 4096, "used", None], [4096, 8192, "free", None]]
    text = "\r\n".join(json.dumps(each) for each in (head, figures, *runs, [4096, ".+#"]))
    parsed = frames_view.parse(text)
    assert parsed.heap == ((4096, ".+#"),)
    assert json.loads(parsed.as_json()) == head | figures | {"runs": runs}


OWNED = replace(
    TWO, places=(Place(0, MIB // 2, "image"), Place(MIB // 2, MIB, "gc")), owners={"gc": 128}
)


def test_owners_have_colours_of_their_own_and_the_bars_are_the_legend() -> None:
    lines = frames_view.picture(OWNED, 120, colour=True)
    assert "\x1b[34m#" in lines[1] and "\x1b[31m#" in lines[1]
    assert any("gc" in line and "\x1b[31m=" in line for line in lines)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in lines] == frames_view.picture(
        OWNED, 120, colour=False
    )


def test_a_cell_has_the_colour_of_the_owner_who_has_most_of_it() -> None:
    places = Place(0, FRAME, "image"), Place(FRAME, 4 * FRAME, "gc")
    shared = snapshot([Run(0, 8 * FRAME, "used", None)])
    colours = frames_view.cell_colours(
        replace(shared, places=places), [0, 8 * FRAME], ["used"] * 2, 4 * FRAME
    )
    assert colours == [frames_view.OWNER_COLOURS["gc"], frames_view.COLOURS["used"]]


def test_the_drawing_tells_owners_apart() -> None:
    text = frames_view.svg(OWNED)
    assert "0x0-0x80000 image" in text and frames_view.OWNER_FILLS["image"] in text


def test_pythons_heap_is_drawn_with_its_types_and_the_last_collection() -> None:
    heap = replace(TWO, heap=((0xFFFF00A000205F40, "##+.."), (0xFFFF00A000305F40, "..")))
    lines = frames_view.picture(heap, 120, colour=False)
    assert lines[-6:] == [
        "Python's heap: 4224 bytes used, 10072 free, largest free run 1024",
        "ffff00a000205f40  ##+..",
        "ffff00a000305f40  ..",
        "         1 objects        4096 bytes  <plain>",
        "         2 objects         128 bytes  list",
        "  3 collections, the last in us: roots 1, mark 3, finalisers 0, sweep 1, areas 0, "
        "pause 5",
    ]
    coloured = frames_view.picture(heap, 120, colour=True)
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in coloured] == lines
    assert "\x1b[33m##\x1b[93m+\x1b[32m.." in coloured[-5]


@pytest.mark.parametrize(
    ("live", "variable", "coloured"),
    [(True, None, True), (True, "1", False), (False, None, False)],
    ids=["terminal", "NO_COLOR", "pipe"],
)
def test_colours_are_for_terminals_and_can_be_switched_off(
    live: bool,
    variable: str | None,
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if variable:
        monkeypatch.setenv("NO_COLOR", variable)
    draw(OWNED, live)
    assert ("\x1b[34m" in capsys.readouterr().out) is coloured
