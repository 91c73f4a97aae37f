# SPDX-License-Identifier: MIT
"""Whatever can be written and overrun lies between unmapped pages: what runs out of it faults."""

from __future__ import annotations

from on_board import TRANSLATION, ask, value

from pimem.testing.board_session import Machine

#: Areas of Python's heap, views and heaps come and go: some of each for the test.
SOME = """
keep = [bytearray(200_000) for _ in range(8)] + [[i] for i in range(20_000)]
frames = [memory.frames.alloc(n) for n in (1, 3, 600)]
views = [memoryview(f) for f in frames]
heaps = [memory.Heap(1 << 16), memory.Heap(4096 * 3)]
"""
#: [name, start, end] of everything in the kernel half that can be written. The parts of an area
#: are runs of frames. The linear map is every frame's other address, and devices are no memory.
WRITABLE = """
def writable():
    found = []
    for m in memory.kernel.mappings():
        if "w" not in m.prot or m.memtype != "normal" or m.name == "linear map":
            continue
        if found and found[-1][0] == m.name and found[-1][2] == m.start:
            found[-1][2] = m.end
        else:
            found.append([m.name, m.start, m.end])
    return found
def is_mapped(va):
    try:
        memory.kernel.translate(va)
        return True
    except OSError:
        return memory.kernel.walk(va)[-1].descriptor & 1 == 1
"""
SECTIONS = {
    *("data", "crash record", "first arena"),
    *("thread stack", "exception stack", "emergency stack"),
}
AREAS = {"gc", "view", "kernel heap", "heap"}


def test_both_sides_are_unmapped(board: Machine) -> None:
    script = (
        SOME + WRITABLE + "print([w + [is_mapped(w[1] - 1), is_mapped(w[2])] for w in writable()])"
    )
    found = ask(board, script)
    assert {name for name, *_ in found} >= SECTIONS | AREAS
    assert [each for each in found if each[3] or each[4]] == []
    sizes = {name: end - start for name, start, end, *_ in found}
    assert all(start % 4096 == end % 4096 == 0 for _, start, end, *_ in found)
    assert sizes["emergency stack"] >= 0x2000 and sizes["first arena"] == 96 << 10


def test_one_byte_past_an_end_faults(board: Machine) -> None:
    script = f"""
{SOME + WRITABLE}
def step(address):
    mem8[address] = 0
wrong = []
for name, start, end in writable():
    for address in (end, start - 1):
        if fields(step, address) != [address, "write", {TRANSLATION!r}, depth(address), 1]:
            wrong.append([name, address])
print(wrong)
"""
    assert ask(board, script) == []
    assert board.eval("memory.check()", "import memory") == []


def test_python_starts_in_the_window_of_the_collector(board: Machine) -> None:
    setup = "import uctypes\nfirst = _memory.layout['gc'][0]\n"
    start, end = value(
        board,
        "[(s[1], s[1] + s[3]) for s in _memory.sections() if s[0] == 'first arena'][0]",
        setup,
    )
    window, size = value(board, "_memory.layout['gc']", setup)
    assert window < start < end < window + size


def test_soft_resets_keep_the_guards(board: Machine) -> None:
    board.soft_reset()
    script = (
        SOME
        + WRITABLE
        + "print([w for w in writable() if is_mapped(w[1] - 1) or is_mapped(w[2])])"
    )
    assert ask(board, script) == []
