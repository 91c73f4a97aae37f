# SPDX-License-Identifier: MIT
"""Ctrl-D: everything Python owned comes back, and the kernel's own stays."""

from __future__ import annotations

import layout
import pytest

from pimem.testing.board_session import Machine

RESETS = 10

# One of everything that owns memory, alive and in use when the reset comes.
ALIVE = """\
import gc, memory
frames = memory.frames.alloc(300)
view = memoryview(frames)
view[5] = 6
held = memory.frames.alloc(16)
space = memory.AddressSpace()
space.map(0x4000000000, held)
space.map(0x4000200000, frames, prot='r')
other = memory.AddressSpace()
other.map(0x10000000, memory.frames.alloc(8))
space.activate()
block = memory.heap.alloc(5000)
heap = memory.Heap(256 << 10)
piece = heap.alloc(1000)
big = bytearray(64 << 20)
big[-1] = 1
print(memory.frames.stats()['free'])
"""


def test_free_frames_are_the_same_after_each_of_ten_resets(fresh: Machine) -> None:
    first = fresh.free_frames()
    after = []
    for _ in range(RESETS):
        inside = int(fresh.exec(ALIVE))
        assert inside < first - (64 << 20) // 4096, "the script owns what it claims to"
        printed = fresh.soft_reset()
        assert "leaked" not in printed
        after.append(fresh.free_frames())
    assert set(after) == {after[0]}
    assert after[0] >= first
    assert fresh.eval("memory.check()", "import memory") == []


def test_tables_heap_and_report_are_those_of_before(board: Machine) -> None:
    keys = ("ttbr0", "ttbr1", "heap", "kernel", "reserved", "ram")
    expression = f"[memory.report()[key] for key in {keys!r}]"
    before = board.eval(expression, "import memory")
    board.exec(ALIVE)
    board.soft_reset()
    assert board.eval(expression, "import memory") == before


def test_the_identity_space_is_active_again_and_whole(board: Machine) -> None:
    mappings = "[tuple(m) for m in memory.identity.mappings()]"
    before = board.eval(mappings, "import memory")
    board.exec(
        """\
import memory
frame = memory.frames.alloc(1)
memory.identity.map(0x7000000000, frame)
start = memory.identity.mappings()[-2].start
space = memory.AddressSpace()
space.activate()
"""
    )
    board.soft_reset()
    assert board.eval("memory.identity.active", "import memory") is True
    assert board.eval(mappings, "import memory") == before


def test_an_edited_identity_space_is_put_right(board: Machine) -> None:
    pa = board.eval("frame.pa", "import memory\nframe = memory.frames.alloc(1)")
    board.exec(f"memory.identity.unmap({pa:#x}, 4096)")
    with_hole = f"import memory\nmemory.identity.translate({pa:#x})"
    board.exec(f"try:\n    memory.identity.translate({pa})\n    raise SystemError\n"
               "except OSError:\n    pass")  # fmt: skip
    board.soft_reset()
    board.exec(with_hole)


def test_user_mappings_of_the_kernel_half_are_gone(board: Machine) -> None:
    free = layout.FREE
    board.exec(
        f"import memory\nf = memory.frames.alloc(4)\nmemory.kernel.map({free:#x}, f)\n"
        f"from machine import mem32\nmem32[{free:#x}] = 7\nassert mem32[{free:#x}] == 7"
    )
    board.soft_reset()
    names = board.eval(f"[m.start for m in memory.kernel.mappings() if m.start == {free}]",
                       "import memory")  # fmt: skip
    assert names == []


def test_blocks_left_in_the_kernel_heap_are_freed(board: Machine) -> None:
    free = "memory.heap.stats()['free']"
    before = board.eval(free, "import memory")
    board.exec("blocks = [memory.heap.alloc(100 * n) for n in range(1, 40)]")
    assert board.eval(free, "import memory") < before
    board.soft_reset()
    assert board.eval(free, "import memory") == before
    assert board.eval("memory.heap.check()", "import memory") == []


def test_a_ramdisk_survives_and_gives_its_frames_back_when_closed(board: Machine) -> None:
    before = board.free_frames()
    board.exec("import memory, vfs\ndisk = memory.ramdisk(1 << 20)\nvfs.VfsFat.mkfs(disk)")
    board.exec("vfs.mount(disk, '/d')\nopen('/d/note.txt', 'w').write('still here' * 10000)")
    board.soft_reset()
    board.exec("import memory, vfs\nvfs.mount(memory.ramdisk(), '/d')")
    assert board.exec("print(open('/d/note.txt').read(10))") == "still here\n"
    assert before - board.free_frames() >= 25
    board.exec("vfs.umount('/d')\nmemory.ramdisk().close()")
    assert board.free_frames() >= before


def test_what_is_at_the_root_survives(board: Machine) -> None:
    board.exec("open('/note.txt', 'w').write('still here')")
    board.soft_reset()
    assert board.exec("print(open('/note.txt').read())") == "still here\n"
    board.exec("import os\nos.remove('/note.txt')")


def test_a_root_that_is_formatted_anew_is_mounted_as_what_it_is(board: Machine) -> None:
    again = "import vfs, _memory\nvfs.umount('/')\nvfs.{}.mkfs(_memory.root_disk())"
    board.exec(again.format("VfsLfs2"))
    try:
        board.soft_reset()
        assert board.eval("type(vfs.mount()[0][0]).__name__", "import vfs") == "VfsLfs2"
    finally:
        board.exec("import _memory\n_memory.root_disk().close()")
        board.soft_reset()
    assert board.eval("[str(fs) for fs, _ in vfs.mount()]", "import vfs") == ["<VfsFat>"]


def test_boot_py_and_main_py_run_from_the_ram_disk(board: Machine) -> None:
    board.exec(
        "open('/boot.py', 'w').write('print(\"boot.py ran\")')\n"
        "open('/main.py', 'w').write('print(\"main.py ran\")')"
    )
    try:
        assert "boot.py ran" in board.soft_reset()  # raw mode: main.py does not run
        board.link.leave_raw_repl()
        board.link.write(b"\x04")
        printed = board.link.read_until(b"MicroPython v")
        assert b"boot.py ran" in printed and b"main.py ran" in printed
        board.link.enter_raw_repl()
    finally:
        board.exec("import os\nos.remove('/boot.py')\nos.remove('/main.py')")


@pytest.mark.parametrize("text", ["raise SystemExit", "import sys; sys.exit()"])
def test_leaving_a_script_is_a_soft_reset_too(board: Machine, text: str) -> None:
    board.exec("import memory\nkept = memory.frames.alloc(50)")
    board.link.leave_raw_repl()
    board.link.write(text.encode() + b"\r")
    board.link.read_until(b"MPY: soft reboot")
    board.link.read_until(b">>> ")
    board.link.enter_raw_repl()
    assert board.exec("print('kept' in globals())") == "False\n"


MASKED = """
import machine, memory
machine.disable_irq()
{code}
print(memory.regs()["daif"] & 1 << 7)
"""
MASK_ALL = """
frame = memory.frames.alloc()
memoryview(frame)[:8] = b"\\xdf\\x4f\\x03\\xd5\\xc0\\x03\\x5f\\xd6"  # msr DAIFSet, #15; ret
with memory.AddressSpace() as space:
    space.map(0x4000000000, frame, prot="rx")
    memory.call(0x4000000000)
space.close()
frame.close()
"""


@pytest.mark.parametrize("code", ["", MASK_ALL], ids=["by Python", "by machine code"])
def test_a_program_that_leaves_interrupts_masked(board: Machine, code: str) -> None:
    """The console is read all the same, and a soft reset ends it."""
    before = board.eval("memory.regs()['daif']", "import memory")
    assert board.exec(MASKED.format(code=code)) == "128\n"
    assert board.exec("print('x' * 500)") == "x" * 500 + "\n"
    board.soft_reset()
    assert board.eval("memory.regs()['daif']", "import memory") == before
