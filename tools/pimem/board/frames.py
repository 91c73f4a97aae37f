# SPDX-License-Identifier: MIT
"""The RAM of a running board as a picture, for the terminal or as SVG, and Python's own heap."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from pimem.board.link import Link
from pimem.exits import Failure

#: Printed in lines, so that no string on the board is as long as the whole list.
SNAPSHOT = """\
import json, memory
_r = memory.report()
print(json.dumps({"board": _r["board"], "model": _r["model"], "ram": _r["ram"]}))
print(json.dumps({"frames": _r["frames"], "owners": _r["owners"], "gc": memory.gc_report()}))
for _each in memory.frames.runs():
    print(json.dumps(_each))
del _r, _each
"""
#: Prints the lines of memory.gc_map(%d), as [address, marks].
HEAP = """\
from memory._gc import rows as _rows
for _each in _rows(memory.gc_report()["areas"], %d)[1]:
    print(json.dumps(_each))
del _rows, _each
"""
#: Prints where the frames of owners are, as [start, end, owner], as far as the tables show it.
PLACES = """\
def _places():
    import json, memory, struct, uctypes, _memory
    owners = {"kernel heap": "kernel heap", "heap": "heaps", "gc": "gc", "view": "frames"}
    def place(pa, size, owner):
        print(json.dumps([pa, pa + size, owner]))
    def tables(pa, level, owner):
        place(pa, 4096, owner)
        if level < 3:
            table = uctypes.bytearray_at(0xffff_0000_0000_0000 + pa, 4096)
            for entry in struct.unpack("<512Q", table):
                if entry & 3 == 3:
                    tables(entry & 0xffff_ffff_f000, level + 1, owner)
    start, end = _memory.boot_info()["image"]
    place(start, -(-end // 4096) * 4096 - start, "image")
    for each in memory.kernel.mappings():
        if each.name in owners:
            place(each.pa, each.end - each.start, owners[each.name])
    if not memory.report()["safe_mode"]:
        tables(memory.kernel.root, 0, "kernel tables")
        tables(memory.identity.root, 0, "identity tables")
_places()
del _places
"""
FRAME = 4096
SILENCE = 15.0
COLUMNS = 60  # of a line of Python's heap
HEAP_TYPES = 8  # shown, the largest
HEAP_PARTS = ("roots", "mark", "finalisers", "sweep", "areas", "pause")
HEAP_COLOURS = {".": "32", "+": "93", "#": "33"}
ROWS = 16
MARKS = {"free": ".", "used": "#", "reserved": "r"}
COLOURS = {"free": "32", "used": "33", "reserved": "90"}
FILLS = {"free": "#cde8cf", "used": "#d9822b", "reserved": "#9aa0a6"}
#: The owners with a colour of their own; all others have the colour of "used".
OWNER_COLOURS = {
    "image": "34",
    "kernel tables": "35",
    "identity tables": "95",
    "kernel heap": "36",
    "heaps": "96",
    "gc": "31",
    "frames": "93",
}
OWNER_FILLS = {
    "image": "#6c8ebf",
    "kernel tables": "#b07aa1",
    "identity tables": "#d4a6c8",
    "kernel heap": "#5aa9a2",
    "heaps": "#9ed4cd",
    "gc": "#e15759",
    "frames": "#edc948",
}


@dataclass(frozen=True)
class Run:
    """Frames [start, end) in bytes, all in one state."""

    start: int
    end: int
    state: str
    name: str | None


@dataclass(frozen=True)
class Place:
    """Frames [start, end) in bytes of one owner."""

    start: int
    end: int
    owner: str


@dataclass(frozen=True)
class Snapshot:
    board: str
    model: str
    frames: dict[str, int]
    owners: dict[str, int]
    gc: dict[str, Any]  # memory.gc_report()
    ram: list[list[int]]
    runs: list[Run]
    places: tuple[Place, ...] = ()
    heap: tuple[tuple[int, str], ...] = ()  # the lines of memory.gc_map()

    def as_json(self) -> str:
        values = vars(self) | {"runs": [[*vars(run).values()] for run in self.runs]}
        del values["places"], values["heap"]  # for pictures
        return json.dumps(values, indent=2)


def parse(text: str) -> Snapshot:
    head, figures, *rest = (json.loads(line) for line in text.splitlines() if line.strip())
    runs = [Run(*each) for each in rest if len(each) == 4]
    places = tuple(Place(*each) for each in rest if len(each) == 3)
    heap = tuple((start, marks) for start, marks in (each for each in rest if len(each) == 2))
    return Snapshot(**head, **figures, runs=runs, places=places, heap=heap)


def take(link: Link) -> Snapshot:
    """Asks the board, which is in the raw REPL."""
    text = link.run(SNAPSHOT + PLACES + HEAP % COLUMNS, silence=SILENCE)
    try:
        return parse(text)
    except (ValueError, TypeError) as exc:
        raise Failure(f"{link.url}: what it says of its frames makes no sense: {exc}") from exc


# In the terminal


def cell_size(bank: list[int], count: int) -> int:
    """Bytes of a cell, whole frames, when a bank is cut into at most `count` cells."""
    return -(-(bank[1] - bank[0]) // (count * FRAME)) * FRAME


def cells(snapshot: Snapshot, bank: list[int], count: int) -> list[str]:
    """Return the states of a bank's cells: anything used makes a cell used, else anything reserved
    reserved."""
    start, end = bank
    step = cell_size(bank, count)
    states = ["free"] * -(-(end - start) // step)
    for state in ("reserved", "used"):
        for run in snapshot.runs:
            low, high = max(run.start, start), min(run.end, end)
            if run.state == state and low < high:
                first, last = (low - start) // step, (high - 1 - start) // step
                states[first : last + 1] = [state] * (last + 1 - first)
    return states


def cell_colours(snapshot: Snapshot, bank: list[int], states: list[str], step: int) -> list[str]:
    """Return a colour for each cell: its state's, or that of the main owner of a used cell."""
    most = [0] * len(states)
    colours = [COLOURS[state] for state in states]
    for place in snapshot.places:
        low, high = max(place.start, bank[0]), min(place.end, bank[1])
        for cell in range((low - bank[0]) // step, -((bank[0] - high) // step)):
            start = bank[0] + cell * step
            size = min(high, start + step) - max(low, start)
            if states[cell] == "used" and size > most[cell]:
                most[cell], colours[cell] = size, OWNER_COLOURS[place.owner]
    return colours


def paint(marks: Sequence[str], colours: list[str] | None) -> str:
    """Return the marks of cells as text; neighbours of one colour share one code."""
    text, last = "", ""
    for number, mark in enumerate(marks):
        if colours and colours[number] != last:
            last = colours[number]
            text += f"\x1b[{last}m"
        text += mark
    return f"{text}\x1b[0m" if colours and text else text


def amount(frames: int) -> str:
    """Return the size of so many frames: below a MiB in KiB, since some owners have one or two."""
    size = frames * FRAME
    return f"{size >> 10} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def bank_lines(snapshot: Snapshot, bank: list[int], width: int, colour: bool) -> Iterator[str]:
    columns = max(16, width - 14)
    states = cells(snapshot, bank, columns * ROWS)
    step = cell_size(bank, columns * ROWS)
    colours = cell_colours(snapshot, bank, states, step) if colour else None
    marks = [MARKS[state] for state in states]
    for at in range(0, len(states), columns):
        row = paint(marks[at : at + columns], colours and colours[at : at + columns])
        yield f"{bank[0] + at * step:012x}  {row}"


def owner_lines(snapshot: Snapshot, width: int, colour: bool) -> Iterator[str]:
    """Bars to the scale of the largest owner, which are the legend of the colours too."""
    largest = max(snapshot.owners.values(), default=1)
    room = max(8, width - 48)
    for name, frames in sorted(snapshot.owners.items(), key=lambda item: -item[1]):
        bar = "=" * max(1, frames * room // largest)
        if colour:
            bar = f"\x1b[{OWNER_COLOURS.get(name, COLOURS['used'])}m{bar}\x1b[0m"
        yield f"  {frames:8} frames {amount(frames):>11}  {name:16} {bar}"


def heap_lines(snapshot: Snapshot, colour: bool) -> Iterator[str]:
    """Draw Python's own heap: each area, then its types and the last collection."""
    areas = snapshot.gc["areas"]
    used, free = (sum(area[key] for area in areas) for key in ("used", "free"))
    largest = max(area["largest_free"] for area in areas)
    yield f"Python's heap: {used} bytes used, {free} free, largest free run {largest}"
    for start, marks in snapshot.heap:
        colours = [HEAP_COLOURS[mark] for mark in marks] if colour else None
        yield f"{start:016x}  {paint(marks, colours)}"
    types = sorted(snapshot.gc["types"].items(), key=lambda item: -item[1][1])
    for name, (objects, size) in types[:HEAP_TYPES]:
        yield f"  {objects:8} objects {size:11} bytes  {name}"
    last = snapshot.gc["last"]
    parts = ", ".join(f"{part} {last[part] / 1000:.0f}" for part in HEAP_PARTS)
    yield f"  {snapshot.gc['collections']} collections, the last in us: {parts}"


def picture(snapshot: Snapshot, width: int, colour: bool) -> list[str]:
    figures = snapshot.frames
    lines = [
        f"{snapshot.model} ({snapshot.board}): {amount(figures['free'])} free, "
        f"{amount(figures['used'])} used, {amount(figures['reserved'])} reserved "
        f"of {amount(figures['total'])}"
    ]
    for bank in snapshot.ram:
        lines += bank_lines(snapshot, bank, width, colour)
    marks = (
        f"{paint(mark, [COLOURS[state]] if colour else None)} {state}"
        for state, mark in MARKS.items()
    )
    lines.append("  ".join(marks))
    lines += owner_lines(snapshot, width, colour)
    lines += heap_lines(snapshot, colour)
    return [line if colour else line[:width] for line in lines]


# As SVG

SVG_WIDTH, SVG_ROW, SVG_LEFT, SVG_TOP = 1000, 18, 120, 40
SVG_ROWS = 32


def rectangles(bank: list[int], run: Run | Place, top: int) -> Iterator[str]:
    """Draw a run or an owner's place as a box in each row it touches, its range as tool tip."""
    start, end = bank
    per_row = -(-(end - start) // SVG_ROWS)
    scale = (SVG_WIDTH - SVG_LEFT - 10) / per_row
    what = f"{run.state} {run.name or ''}" if isinstance(run, Run) else run.owner
    fill = FILLS[run.state] if isinstance(run, Run) else OWNER_FILLS[run.owner]
    tip = escape(f"{run.start:#x}-{run.end:#x} {what}".strip())
    for row in range(SVG_ROWS):
        low = max(run.start, start + row * per_row)
        high = min(run.end, start + (row + 1) * per_row, end)
        if low >= high:
            continue
        x = SVG_LEFT + (low - start - row * per_row) * scale
        yield (
            f'<rect x="{x:.2f}" y="{top + row * SVG_ROW}" '
            f'width="{max((high - low) * scale, 0.4):.2f}" height="{SVG_ROW - 2}" '
            f'fill="{fill}"><title>{tip}</title></rect>'
        )


def labels(bank: list[int], top: int) -> Iterator[str]:
    per_row = -(-(bank[1] - bank[0]) // SVG_ROWS)
    for row in range(0, SVG_ROWS, 4):
        y = top + row * SVG_ROW + 12
        yield f'<text x="10" y="{y}">{bank[0] + row * per_row:012x}</text>'


def svg(snapshot: Snapshot) -> str:
    """Return a self-contained drawing of all banks, and the owners below them."""
    summary = picture(snapshot, 120, colour=False)[0]
    body = [f'<text x="10" y="22">{escape(summary)}</text>']
    top = SVG_TOP
    for bank in snapshot.ram:
        body += labels(bank, top)
        boxes: list[Run | Place] = [*snapshot.runs, *snapshot.places]
        for run in boxes:
            body += rectangles(bank, run, top)
        top += SVG_ROWS * SVG_ROW + 20
    for number, (state, fill) in enumerate(FILLS.items()):
        x = SVG_LEFT + number * 120
        body.append(f'<rect x="{x}" y="{top}" width="14" height="14" fill="{fill}"/>')
        body.append(f'<text x="{x + 20}" y="{top + 12}">{state}</text>')
    for name, frames in sorted(snapshot.owners.items(), key=lambda item: -item[1]):
        top += SVG_ROW
        text = f"{frames} frames ({amount(frames)}): {name}"
        fill = OWNER_FILLS.get(name, FILLS["used"])
        box = f'<rect x="{SVG_LEFT}" y="{top + 9}" width="14" height="14" fill="{fill}"/>'
        body.append(box)
        body.append(f'<text x="{SVG_LEFT + 20}" y="{top + 20}">{escape(text)}</text>')
    size = f'width="{SVG_WIDTH}" height="{top + 40}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace" '
    lines = "\n".join(body)
    return f'{head}font-size="13">\n<rect {size} fill="white"/>\n{lines}\n</svg>\n'
