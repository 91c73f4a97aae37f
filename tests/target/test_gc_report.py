# SPDX-License-Identifier: MIT
"""memory.gc_report() and memory.gc_map(): what is in Python's heap, by area and by type, and what
its last collection took."""

from __future__ import annotations

import json
from typing import Any

import pytest
from on_board import ask, ask_lines, ends_early, run
from test_no_memory import DEVICE, DEVICE_END

from pimem.testing.board_session import Machine

PARTS = ["roots", "mark", "finalisers", "sweep", "areas"]


def report(board: Machine, *lines: str) -> Any:
    """gc_report() after some lines, as JSON says it."""
    return json.loads(run(board, "\n".join(["import gc, json", *lines, "print(json.dumps(r))"])))


def test_areas_and_types_agree_with_the_collector(board: Machine) -> None:
    """What the report makes itself is all that may differ."""
    lines = (
        "gc.collect()",
        "(a, f) = gc.mem_alloc(), _memory.gc_info()[1]",
        "r = memory.gc_report()",
    )
    r = report(board, *lines, "r = [a, f, r]")
    used, free, r = r
    assert sum(area["used"] for area in r["areas"]) == sum(size for _, size in r["types"].values())
    assert abs(sum(area["used"] for area in r["areas"]) - used) < 8000
    assert abs(sum(area["free"] for area in r["areas"]) - free) < 8000
    for area in r["areas"]:
        tables = area["size"] - area["used"] - area["free"]
        assert 0 < tables <= area["size"] // 32
        assert 0 <= area["largest_free"] <= area["free"] and area["objects"] * 64 <= area["used"]
        assert area["start"] % 64 == 0
    assert len({area["start"] for area in r["areas"]}) == len(r["areas"])
    objects = sum(count for count, _ in r["types"].values())
    assert objects == sum(area["objects"] for area in r["areas"])


MADE = """
class Mine:
    pass
def generated():
    yield
def changes(make):
    memory.gc_report() # imports its module
    gc.collect()
    before = memory.gc_report()["types"]
    kept = make()
    gc.collect()
    after = memory.gc_report()["types"]
    return {
        name: (after[name][0] - before.get(name, (0, 0))[0],
               after[name][1] - before.get(name, (0, 0))[1])
        for name in after if after[name] != before.get(name)
    }
"""


@pytest.mark.parametrize(
    ("make", "types"),
    [
        ("[[] for _ in range(1000)]", {"list": (1001, 64 * 1001)}),
        (
            "[bytearray(1000) for _ in range(50)]",
            {"bytearray": (50, 3200), "<plain>": (50, 51200)},
        ),
        ("[Mine() for _ in range(100)]", {"Mine": (100, 6400)}),
        ("[str(i) * 200 for i in range(20)]", {"str": (20, 1280)}),
        ("[0.5 + i for i in range(500)]", {"float": (500, 32000)}),
        ("[type('Made', (), {}) for _ in range(5)]", {"type": (5, 5 * 128)}),
        ("[generated() for _ in range(30)]", {"generator": (30, None)}),
        ("[None] * 4000", {"<data>": (None, 32000)}),
    ],
)
def test_what_was_made_is_counted_by_its_type(
    board: Machine, make: str, types: dict[str, tuple[int | None, int | None]]
) -> None:
    found = ask(board, f"import gc\n{MADE}\nprint(changes(lambda: {make}))")
    for name, (objects, size) in types.items():
        # A few objects are made by the report and the loop themselves.
        assert objects is None or objects <= found[name][0] <= objects + 12
        assert size is None or size <= found[name][1] <= size + 2500


def test_types_beyond_those_that_fit_are_others(board: Machine) -> None:
    """Classes of one name are one entry."""
    types = ask(
        board,
        """
import gc
kept = [[type("Same" if i < 9 else "T%d" % i, (), {})() for _ in range(3)] for i in range(120)]
gc.collect()
print(memory.gc_report()["types"])
""",
    )
    assert sum(name.startswith("T") for name in types) < 61
    assert (
        sum(types[name][0] for name in types if name[0] == "T" and name[1].isdigit())
        + types["<others>"][0]
        + types.get("Same", (0, 0))[0]
        >= 360
    )


def test_the_last_collection_is_told_by_part(board: Machine) -> None:
    r = report(
        board,
        "kept = [(i, i) for i in range(20000)]",
        "gc.collect()",
        "before = memory.gc_report()['collections']",
        "gc.collect()",
        "r = memory.gc_report()",
        "r['collections'] -= before",
    )
    last = r["last"]
    assert sorted(last) == sorted([*PARTS, "pause"])
    assert abs(sum(last[part] for part in PARTS) - last["pause"]) < len(PARTS) * 1000
    assert last["mark"] > 0 and r["collections"] >= 1


def test_a_finaliser_is_a_part_of_the_time(board: Machine) -> None:
    """One that runs Python code is followed by another round, which is the same collection."""
    last = ask(
        board,
        f"""
import gc, time
{DEVICE}
def slow():
    time.sleep_ms(30)
def collected():
    use(20)
    device.call = slow
    gc.collect()
    device.call = None
    return memory.gc_report()["last"]
for _ in range(5):
    # A collection that memory asked for may have closed the files before.
    last = collected()
    if last["finalisers"] >= 30_000_000:
        break
{DEVICE_END}
print(last)
""",
    )
    assert last["finalisers"] >= 30_000_000 and last["pause"] >= last["finalisers"]


@pytest.mark.parametrize("width", [1, 20, 64, 200])
def test_the_picture_shows_each_block_once(board: Machine, width: int) -> None:
    lines = ask_lines(
        board,
        f"""
import gc
def every_second(count):
    made = [bytearray(100000) for _ in range(count)]
    return made[::2]
kept = every_second(30)
gc.collect()
memory.gc_map({width})
print(sum([area["used"] + area["free"] for area in memory.gc_report()["areas"]]))
""",
    )
    legend = next(line for line in lines if line.startswith(". free"))
    step = int(legend.split()[-3])
    rows = [line.split() for line in lines[: lines.index(legend)]]
    assert all(len(marks) <= width and set(marks) <= set(".#+") for _, marks in rows)
    cells = sum(len(marks) for _, marks in rows)
    areas = sum(len(marks) < width for _, marks in rows) + 1
    assert (cells - areas - 1) * step <= int(lines[-1]) <= cells * step
    assert cells <= width * 17 * 3
    if width == 200:
        drawn = "".join(marks for _, marks in rows)
        assert drawn.count("#") * step >= 15 * 90000 and drawn.count(".") * step >= 10 * 90000
    assert any(line.startswith("last collection ") for line in lines)
    assert any(line.endswith("<plain>") for line in lines)


def test_a_width_of_nothing_is_refused(board: Machine) -> None:
    found = ask(board, "print([refused(memory.gc_map, width) for width in (0, -5)])")
    assert [kind for kind, _, _ in found] == ["ValueError"] * 2
    assert found[1][2] == "width -5 is not positive"


@pytest.mark.parametrize("call", ["gc_used(-1, 64)", "gc_used(0, 0)", "gc_used(0, 'x')"])
def test_a_range_that_makes_no_sense_is_refused(board: Machine, call: str) -> None:
    (found,) = ask(board, f"print([refused(lambda: _memory.{call})])")
    assert found[0] in ("ValueError", "TypeError")


def test_a_range_outside_of_the_heap_has_nothing_in_use(board: Machine) -> None:
    assert ask(board, "print((_memory.gc_used(4096, 1 << 40), _memory.gc_used(1 << 63, 1)))") == (
        0,
        0,
    )


DAMAGED = """
import gc
kept = [bytearray(100) for _ in range(200)]
gc.collect()
area = [each.start for each in memory.kernel.mappings() if each.name == "gc"][0]
gc.disable()
def damaged(word):
    # Bit n of each of a group's words: used, head, mark, grey, final, plain.
    at = area + 8 * word
    before = machine.mem64[at]
    machine.mem64[at] = ~before & 0xffff_ffff_ffff_ffff
    try:
        _memory.gc_report()
        _memory.gc_used(area, 1 << 21)
    finally:
        machine.mem64[at] = before
for word in (0, 1, 2, 3, 4, 5):
    damaged(word)
gc.enable()
print(memory.check())
"""


def test_damaged_tables_are_reported_on_as_they_look(board: Machine) -> None:
    assert ask(board, DAMAGED) == []


FAKES = """
import array, gc, uctypes
def address(it):
    return id(it) & 0xffff_ffff_ffff_ffff
kind = uctypes.bytearray_at(address(type), 8)
type_of_types = address(type)
# A list's items begin with the word of a type of types: they look like a type with a strange name,
# and what points to them like its objects.
items = array.array('O', [type] * 8)
names = array.array('Q', [type_of_types, 0xffff_ffff_ffff, 0, 0, 0, 0, 0, 0])
words = array.array('O', [0] * 100)
gc.collect()
r = memory.gc_report()
print(sum([size for _, size in r["types"].values()]) == sum([a["used"] for a in r["areas"]]))
"""


def test_memory_that_looks_like_a_type_is_counted(board: Machine) -> None:
    assert ask(board, FAKES) is True


def test_ctrl_c_ends_a_report_of_a_large_heap(board: Machine) -> None:
    small = 100_000 if board.name == "QEMU_VIRT" else 400_000
    run(board, f"import memory, _memory\nkept = [0.5 + i for i in range({small})]")
    assert ends_early(board, "_memory.gc_report()")
    assert ask(board, "kept = None\nprint(memory.check())") == []
