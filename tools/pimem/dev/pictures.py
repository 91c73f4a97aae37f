# SPDX-License-Identifier: MIT
"""Make the pictures of the tutorial and of an example from a running board.

`python -m pimem.dev.pictures` types the tutorial up to the place of each picture, asks the board
what the picture shows, and writes it beside the page. It also runs examples/memory_map.py, which
draws a picture itself. tests/emulator/test_pictures.py does the same and compares.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimem import ROOT
from pimem.board import frames as frames_view
from pimem.board.frames import Place, Run, Snapshot
from pimem.dev.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Drawing
from pimem.dev.pages import Step, read_blocks
from pimem.dev.retype import Reader, Session, at_a_terminal
from pimem.testing import board_session

TUTORIAL = ROOT / "docs" / "tutorial.md"
MEMORY_MAP = "memory_map.svg"
IMAGE = re.compile(r"^!\[[^]]*\]\((\w+\.svg)\)", re.MULTILINE)
WALK = """\
import json
steps = [[s.table, s.index, s.descriptor, s.pa] for s in space.walk(VA)]
print(json.dumps([address, space.root, steps]))
"""
HALVES = """\
import json, memory
for half in memory.identity, memory.kernel:
    print(json.dumps([[r.start, r.prot, r.memtype, r.name] for r in half.regions()]))
"""
LEVEL_FILLS = (BLUE, GREEN, ORANGE, PURPLE)
OFFSET_FILL = YELLOW


def ask(session: Session, source: str) -> str:
    """Return what a script prints, which is typed at the prompt in one line."""
    lines = session.type(Step(0, [f"exec({source!r})"], []))
    return "\n".join(lines)


# The address, and the walk to it


@dataclass(frozen=True)
class Walk:
    address: int
    root: int
    steps: list[list[int]]  # table, index, descriptor, pa

    @classmethod
    def parse(cls, text: str) -> Walk:
        return cls(*json.loads(text))


def draw_address(text: str) -> str:
    walk = Walk.parse(text)
    drawing = Drawing(920, 178, "A virtual address, cut into four indexes and an offset")
    drawing.text(20, 28, f"virtual address 0x{walk.address:016x}")
    x = 20.0
    fields = [(63, 48, "half", GREY)]
    fields += [(47 - 9 * n, 39 - 9 * n, f"level {n}", LEVEL_FILLS[n]) for n in range(4)]
    for high, low, name, fill in [*fields, (11, 0, "offset", OFFSET_FILL)]:
        count = high - low + 1
        value = walk.address >> low & (1 << count) - 1
        width = 13.5 * count
        middle = x + width / 2
        drawing.text(middle, 58, f"{high} - {low}", ink="dim", anchor="middle")
        drawing.box(x, 66, width - 3, 30, fill)
        drawing.text(middle - 1.5, 86, f"{value:0{count}b}", ink="dark", anchor="middle")
        drawing.text(middle, 116, name, anchor="middle")
        meaning = ("TTBR0" if value == 0 else "TTBR1") if name == "half" else str(value)
        drawing.text(middle, 134, meaning, anchor="middle")
        drawing.text(middle, 158, f"{count} bits", ink="dim", anchor="middle")
        x += width
    return drawing.svg()


TABLE_WIDTH, TABLE_GAP, TABLE_TOP, TABLE_HEIGHT, ENTRY_HEIGHT = 140, 38, 96, 170, 26


def draw_table(drawing: Drawing, level: int, step: list[int]) -> None:
    table, index, descriptor, _ = step
    x = 20 + level * (TABLE_WIDTH + TABLE_GAP)
    y = TABLE_TOP + 40 + 14 * level
    drawing.text(x, TABLE_TOP - 26, f"level {level}")
    drawing.text(x, TABLE_TOP - 8, f"table {table:012x}", ink="dim")
    drawing.frame(x, TABLE_TOP, TABLE_WIDTH, TABLE_HEIGHT)
    drawing.box(x, y, TABLE_WIDTH, ENTRY_HEIGHT, LEVEL_FILLS[level])
    drawing.text(x + TABLE_WIDTH / 2, y + 17, f"{descriptor:016x}", ink="dark", anchor="middle")
    drawing.text(x + 6, y - 6, f"entry {index}")
    start = x + TABLE_WIDTH, y + ENTRY_HEIGHT / 2
    end = x + TABLE_WIDTH + TABLE_GAP
    drawing.arrow(start, (end - 19, start[1]), (end - 19, TABLE_TOP + 6), (end, TABLE_TOP + 6))


def draw_walk(text: str) -> str:
    walk = Walk.parse(text)
    drawing = Drawing(928, 290, "The walk to the address of the example")
    drawing.text(20, 28, f"TTBR0 points to {walk.root:012x}; address 0x{walk.address:016x}")
    drawing.arrow((4, 40), (4, TABLE_TOP + 6), (20, TABLE_TOP + 6))
    for level, step in enumerate(walk.steps):
        draw_table(drawing, level, step)
    x, pa = 20 + 4 * (TABLE_WIDTH + TABLE_GAP), walk.steps[-1][3]
    drawing.text(x, TABLE_TOP - 26, "your page")
    drawing.text(x, TABLE_TOP - 8, f"frame {pa:012x}", ink="dim")
    drawing.frame(x, TABLE_TOP, TABLE_WIDTH, TABLE_HEIGHT)
    drawing.box(x, TABLE_TOP + 40, TABLE_WIDTH, ENTRY_HEIGHT, OFFSET_FILL)
    offset = walk.address & 4095
    drawing.text(x + 70, TABLE_TOP + 57, f"byte {offset}", ink="dark", anchor="middle")
    return drawing.svg()


# The two halves

PROT_FILLS = {"rx": RED, "r": BLUE, "rw": GREEN, "device": ORANGE, "unmapped": GREY}
ROW = 24


def kind_of(prot: str | None, memtype: str | None) -> str:
    return "device" if memtype == "device" else prot or "unmapped"


def draw_half(drawing: Drawing, x: int, title: str, regions: list[list[Any]]) -> None:
    drawing.text(x, 28, title)
    for number, (start, prot, memtype, name) in enumerate(sorted(regions, reverse=True)):
        y = 44 + number * ROW
        kind = kind_of(prot, memtype)
        drawing.text(x, y + 16, f"{start:016x}", ink="dim")
        drawing.box(x + 138, y, 270, ROW - 3, PROT_FILLS[kind])
        drawing.text(x + 146, y + 15, f"{name}, {kind}", ink="dark")


def draw_halves(text: str) -> str:
    lower, upper = (json.loads(line) for line in text.splitlines())
    lower.append([0, None, None, "address 0"])
    height = 44 + max(len(lower), len(upper)) * ROW + 20
    drawing = Drawing(900, height, "The two halves of the address space")
    draw_half(drawing, 20, "lower half, TTBR0: the identity view", lower)
    draw_half(drawing, 470, "upper half, TTBR1: the kernel and Python", upper)
    return drawing.svg()


# RAM

RAM_END = 4 << 20
COLUMNS = 64  # frames in a row of the picture
CELL, CELL_TOP = 12, 44


def owner_fill(place: Run | Place) -> str:
    if isinstance(place, Place):
        return frames_view.OWNER_FILLS[place.owner]
    return frames_view.FILLS[place.state]


def draw_place(drawing: Drawing, place: Run | Place) -> None:
    """Return a box for each row of the picture that the frames are in."""
    name = place.owner if isinstance(place, Place) else place.name or place.state
    tip = f"{place.start:#x}-{place.end:#x} {name}"
    first, end = place.start // frames_view.FRAME, min(place.end, RAM_END) // frames_view.FRAME
    while first < end:
        row, column = divmod(first, COLUMNS)
        count = min(end - first, COLUMNS - column)
        x, y = 130 + column * CELL, CELL_TOP + row * (CELL + 2)
        drawing.box(x, y, count * CELL, CELL, owner_fill(place), tip=tip)
        first += count


def draw_ram(text: str) -> str:
    snapshot = frames_view.parse(text)
    rows = RAM_END // frames_view.FRAME // COLUMNS
    legend = CELL_TOP + rows * (CELL + 2) + 24
    names = sorted(snapshot.owners, key=lambda name: -snapshot.owners[name])
    drawing = Drawing(920, legend + 22 * (len(names) // 4 + 2), "The first 4 MiB of RAM")
    drawing.text(20, 28, "The first 4 MiB of RAM, 64 frames in a row")
    for row in range(0, rows, 4):
        at = row * COLUMNS * frames_view.FRAME
        drawing.text(20, CELL_TOP + row * (CELL + 2) + 11, f"{at:012x}", ink="dim")
    boxes: list[Run | Place] = [*snapshot.runs, *snapshot.places]
    for place in boxes:
        draw_place(drawing, place)
    draw_legend(drawing, legend, snapshot, names)
    return drawing.svg()


def draw_legend(drawing: Drawing, top: int, snapshot: Snapshot, names: list[str]) -> None:
    known = [name for name in names if name in frames_view.OWNER_FILLS]
    entries = [(name, frames_view.OWNER_FILLS[name]) for name in known]
    others = sum(snapshot.owners[name] for name in names if name not in known)
    entries += [("others", frames_view.FILLS["used"])] * bool(others)
    entries += [(state, frames_view.FILLS[state]) for state in ("reserved", "free")]
    for number, (name, fill) in enumerate(entries):
        x, y = 130 + number % 4 * 195, top + number // 4 * 22
        drawing.box(x, y - 11, 14, 14, fill)
        drawing.text(x + 20, y + 1, name)


# All of them


@dataclass(frozen=True)
class Picture:
    question: str  # asked where the page shows the picture, unless `after` says later
    draw: Callable[[str], str]
    #: The picture is of what the page does after it: up to the first block with this text.
    after: str = ""


PICTURES = {
    "halves.svg": Picture(HALVES, draw_halves),
    "ram.svg": Picture(frames_view.SNAPSHOT + frames_view.PLACES, draw_ram),
    "address.svg": Picture(WALK, draw_address, "space.show(VA)"),
    "walk.svg": Picture(WALK, draw_walk),
}


def answer(name: str, board: str) -> str:
    """Type the tutorial up to the place of a picture; return the answer there."""
    picture = PICTURES[name]
    text = TUTORIAL.read_text(encoding="utf-8")
    at = text.index(picture.after) if picture.after else text.index(f"({name})")
    last = text.count("\n", 0, at) + 1
    with tempfile.TemporaryDirectory() as folder, at_a_terminal(board) as session:
        reader = Reader(session, Path(folder))
        for block in read_blocks(TUTORIAL):
            if block.line > last:
                break
            for _ in reader.steps(block):
                pass
        return ask(session, picture.question)


def make(name: str, board: str) -> str:
    return PICTURES[name].draw(answer(name, board))


def memory_map(board: str) -> str:
    """Return the picture that an example draws on the board itself."""
    example = (ROOT / "examples" / "memory_map.py").read_text(encoding="utf-8")
    with board_session.booted(board) as machine:
        machine.exec(example)
        return machine.exec("print(open('/map.svg').read(), end='')")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.pictures", description=__doc__)
    parser.add_argument("--board", default="RPI4")
    parser.add_argument("--folder", type=Path, default=TUTORIAL.parent)
    args = parser.parse_args()
    made = {name: make(name, args.board) for name in PICTURES}
    made[MEMORY_MAP] = memory_map(args.board)
    for name, text in made.items():
        (args.folder / name).write_text(text, encoding="utf-8")
        print(args.folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
