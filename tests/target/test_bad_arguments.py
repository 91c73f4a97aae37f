# SPDX-License-Identifier: MIT
"""Bad arguments: an exception names the value, nothing changes, and the REPL goes on."""

from __future__ import annotations

from typing import Any

import layout
import pytest
from on_board import EBUSY, EEXIST, EFAULT, ENOMEM, EPERM, ERANGE, ask

from pimem.board.link import ScriptError
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

HUGE = 1 << 70
VA = "0x0000004000000000"
ODD = "0x0000004000000001"

# (call, type of the exception or errno of the OSError, what the message must name)
FRAMES = [
    ("alloc(-1)", "ValueError", "-1"),
    ("alloc(0)", "ValueError", "0"),
    ("alloc(1 << 70)", "ValueError", str(HUGE)),
    ("alloc(-(1 << 70))", "ValueError", str(-HUGE)),
    ("alloc(1 << 63)", ENOMEM, str(1 << 63)),
    ("alloc((1 << 64) - 1)", ENOMEM, str((1 << 64) - 1)),
    ("alloc('4')", "TypeError", "str"),
    ("alloc(4.0)", "TypeError", "float"),
    ("alloc(True)", "TypeError", "bool"),
    ("alloc(None)", "TypeError", "NoneType"),
    ("alloc(1, 2)", "TypeError", "extra"),
    ("alloc(1, size=2)", "TypeError", "no argument size here: count, align"),
    ("alloc(1, align=0)", "ValueError", "0"),
    ("alloc(1, align=3)", "ValueError", "3"),
    ("alloc(1, align=-8)", "ValueError", "-8"),
    ("alloc(1, align=1 << 63)", ENOMEM, str(1 << 63)),
    ("alloc(1, at=5)", "ValueError", "0x0000000000000005"),
    ("alloc(1, at=-4096)", "ValueError", "-4096"),
    ("alloc(1, at=1 << 70)", "ValueError", str(HUGE)),
    ("alloc(1, at=1 << 40)", EFAULT, "0x0000010000000000"),
    ("alloc(1, at=0x4020_1000, align=2)", "ValueError", "at 0x0000000040201000"),
    ("alloc(1, at=4096, align=1 << 63)", "ValueError", "at 0x0000000000001000"),
    ("alloc(4, at=1 << 40, align=1 << 40)", "ValueError", "at 0x0000010000000000"),
    ("alloc(1 << 52, at=1 << 40)", EFAULT, "0x0000010000000000"),
    ("alloc(2, at=1 << 40, below=1 << 40)", ERANGE, "0x0000010000000000"),
    ("alloc(1, below=0)", ENOMEM, "0x0000000000000000"),
    ("alloc(1, below=-1)", "ValueError", "-1"),
    ("reserve(-1, 4096, 'x')", "ValueError", "-1"),
    ("reserve(0, 0, 'x')", "ValueError", "0"),
    ("reserve(0, -5, 'x')", "ValueError", "-5"),
    ("reserve((1 << 64) - 4096, 8192, 'x')", "ValueError", "0xfffffffffffff000"),
    ("reserve(1 << 50, 4096, 'x')", ERANGE, "0x0004000000000000"),
    ("reserve(1 << 40, 4096, 5)", "TypeError", "int"),
    ("reserve(1 << 40, 4096, '')", "ValueError", "''"),
    ("reserve(1 << 40, 4096, 'n' * 32)", "ValueError", "n" * 32),
    ("state(-1)", "ValueError", "-1"),
    ("state('here')", "TypeError", "str"),
    ("reserve(_memory.boot_info()['image'][0], 4096, 'x')", EBUSY, "in use"),
]

HEAPS = [
    ("heap.alloc(0)", "ValueError", "0"),
    ("heap.alloc(-7)", "ValueError", "-7"),
    ("heap.alloc(1 << 70)", "ValueError", str(HUGE)),
    ("heap.alloc((1 << 64) - 1)", ENOMEM, str((1 << 64) - 1)),
    ("heap.alloc(1 << 20)", ENOMEM, str(1 << 20)),
    ("heap.alloc('a')", "TypeError", "str"),
    ("heap.alloc()", "TypeError", "required"),
    ("heap.alloc(8, 0)", "ValueError", "0"),
    ("heap.alloc(8, align=24)", "ValueError", "24"),
    ("heap.alloc(8, align=1 << 20)", "ValueError", str(1 << 20)),
    ("heap.alloc(8, align=-16)", "ValueError", "-16"),
    ("heap.realloc(5, 8)", "TypeError", "int"),
    ("heap.realloc(b, 0)", "ValueError", "0"),
    ("heap.realloc(b, -1)", "ValueError", "-1"),
    ("heap.realloc(b, 1 << 40)", ENOMEM, str(1 << 40)),
    ("heap.contains(-1)", "ValueError", "-1"),
    ("heap.close()", EPERM, "kernel heap"),
    ("Heap()", "TypeError", ""),
    ("Heap(0)", "ValueError", "0"),
    ("Heap(-4096)", "ValueError", "-4096"),
    ("Heap((1 << 30) + 1)", "ValueError", str((1 << 30) + 1)),
    ("Heap(1 << 70)", "ValueError", str(HUGE)),
    ("Heap(None)", "TypeError", "NoneType"),
    ("Frames()", "TypeError", "memory.frames.alloc"),
    ("Block(4)", "TypeError", "alloc()"),
    ("ramdisk(0)", "ValueError", "0"),
    ("ramdisk(-4096)", "ValueError", "-4096"),
    ("ramdisk(1000)", "ValueError", "1000"),
    ("ramdisk(1 << 60)", ENOMEM, str(1 << 60)),
    ("ramdisk('big')", "TypeError", "str"),
]

# `space` maps `f` (4 frames) 'rw' at VA; `x` 'rx' at VA + 2 MiB and 'r' at VA + 8 MiB.
SPACES = [
    ("space.map(VA + 1, f)", "ValueError", ODD),
    ("space.map(-4096, f)", "ValueError", "-4096"),
    ("space.map(1 << 70, f)", "ValueError", str(HUGE)),
    ("space.map(1 << 48, f)", ERANGE, "0x0001000000000000"),
    ("space.map(VA, f)", EEXIST, VA),
    ("space.map(VA - 4096, f)", EEXIST, VA),
    ("space.map(VA + PAGE, x)", EEXIST, "0x0000004000001000"),
    ("space.map(VA + BLOCK * 2, f, 5 * 4096)", "ValueError", "20480"),
    ("space.map(VA + BLOCK * 2, f, 100)", "ValueError", "100"),
    ("space.map(VA + BLOCK * 2, f, prot='rwx')", "ValueError", "rwx"),
    ("space.map(VA + BLOCK * 2, f, prot='')", "ValueError", "''"),
    ("space.map(VA + BLOCK * 2, f, prot=7)", "TypeError", "int"),
    ("space.map(VA + BLOCK * 2, f, memtype='hot')", "ValueError", "hot"),
    ("space.map(VA + BLOCK * 2, f, prot='rx')", EPERM, VA),
    ("space.map(VA + BLOCK * 2, x, prot='rw')", EPERM, "0x0000004000200000"),
    ("space.protect(VA + BLOCK * 4, 4096, 'rw')", EPERM, "0x0000004000200000"),
    ("space.map(VA, None)", "TypeError", "NoneType"),
    ("space.map(VA + BLOCK * 2, 4097, 4096)", "ValueError", "0x0000000000001001"),
    ("space.map(VA + BLOCK * 2, 1 << 52, 4096)", ERANGE, "0x0010000000000000"),
    ("space.unmap(VA + 1, 4096)", "ValueError", ODD),
    ("space.unmap(VA, 0)", "ValueError", "0"),
    ("space.unmap(VA, -4096)", "ValueError", "-4096"),
    ("space.unmap(VA + 16 * PAGE, 4096)", EFAULT, "0x0000004000010000"),
    ("space.unmap(VA, 5 * 4096)", EFAULT, "0x0000004000004000"),
    ("space.protect(VA, 5 * 4096, 'r')", EFAULT, "0x0000004000004000"),
    ("space.protect(VA, 4096, 'wx')", "ValueError", "wx"),
    ("space.translate(-1)", "ValueError", "-1"),
    ("space.translate(VA + BLOCK * 3)", EFAULT, "0x0000004000600000"),
    ("space.walk('a')", "TypeError", "str"),
    ("f.close()", EBUSY, VA),
    ("memory.kernel.close()", EPERM, "kernel"),
    ("memory.identity.close()", EPERM, "identity"),
]

# `text` is the address of the kernel's code, `stack` the thread's stack.
KERNEL = [
    ("kernel.unmap(text, 4096)", EPERM, "text"),
    ("kernel.map(text, f)", EPERM, "text"),
    ("kernel.protect(text, 4096, 'rw')", EPERM, "text"),
    ("kernel.unmap(stack, 4096)", EPERM, "thread stack"),
    ("kernel.unmap(heap.base, 4096)", EPERM, "kernel heap"),
    ("kernel.map(heap.base - 4096, f)", EPERM, "heap guard"),
    ("kernel.map(LINEAR, f)", None, f"{layout.LINEAR:#x}"),
    ("kernel.map(LINEAR + (1 << 47), f)", EPERM, f"{layout.LINEAR + (1 << 47):#x}"),
    ("kernel.map(0x1000, f)", ERANGE, "0x0000000000001000"),
    ("identity.map(1 << 40, _memory.sections()[0][2], 4096, prot='rw')", EPERM, "text"),
    ("identity.map(1 << 40, _memory.sections()[1][2], 4096, prot='rw')", EPERM, "rodata"),
    ("call(2)", "ValueError", "0x0000000000000002"),
    ("call(-4)", "ValueError", "-4"),
    ("call(text, 1, 2, 3, 4, 5, 6, 7, 8, 9)", "TypeError", "9"),
    ("call(text, 1 << 64)", "ValueError", str(1 << 64)),
    ("call(text, 'a')", "TypeError", "str"),
    ("sync_code(0, 4)", EFAULT, "0x0000000000000000"),
    ("sync_code(heap.base, 1 << 21)", EFAULT, "0x"),
    ("sync_code(heap.base, 0)", "ValueError", "0"),
    ("sync_code((1 << 64) - 8, 16)", "ValueError", "0xfffffffffffffff8"),
    ("crash_action('explode')", "ValueError", "explode"),
]

SETUP = """
heap, kernel, identity = memory.heap, memory.kernel, memory.identity
Heap, Frames, Block, ramdisk = memory.Heap, memory.Frames, memory.Block, _memory.ramdisk
alloc, reserve, state = memory.frames.alloc, memory.frames.reserve, memory.frames.state
call, sync_code, crash_action = memory.call, memory.sync_code, memory.crash_action
text, stack = (
    next(start for name, start, *_ in _memory.sections() if name == wanted)
    for wanted in ('text', 'thread stack'))
f, x, b, space = alloc(4), alloc(1), heap.alloc(64), memory.AddressSpace()
space.map(VA, f)
space.map(VA + BLOCK, x, prot="rx")
space.map(VA + BLOCK * 4, x, prot="r")

def counts():
    gc.collect()
    used = {k: v for k, v in memory.frames.owners().items() if k not in ("gc", "kernel tables")}
    return used, heap.stats()["free"], space.mappings() == mappings, bytes(b) == content

mappings, content = space.mappings(), bytes(b)
before = counts()
"""

CLEANUP = """
print((answers, before == counts(), memory.check(), 6 * 7))
space.close()
f.close()
x.close()
b.close()
space = f = x = b = mappings = None
"""


@pytest.mark.parametrize(
    "cases", [FRAMES, HEAPS, SPACES, KERNEL], ids=["frames", "heaps", "spaces", "kernel"]
)
def test_a_bad_call_is_refused_by_name(board: Machine, cases: list[tuple[str, Any, str]]) -> None:
    calls = "".join(f"answers.append(refused(lambda: {call}))\n" for call, _, _ in cases)
    answers, unchanged, problems, alive = ask(board, SETUP + "answers = []\n" + calls + CLEANUP)
    wrong = []
    for (call, error, name), (kind, errno, message) in zip(cases, answers, strict=True):
        expected = (error, None) if isinstance(error, str) else ("OSError", error or errno)
        if (kind, errno) != expected or name not in message:
            wrong.append(f"{call}: {kind} {errno} {message!r}, not {expected} naming {name!r}")
    assert not wrong, "\n".join(wrong)
    assert unchanged and problems == [] and alive == 42


def test_everything_refuses_use_after_close_and_closes_twice(board: Machine) -> None:
    answers, closed = ask(
        board,
        """
        f, b, h, s = (memory.frames.alloc(), memory.heap.alloc(8), memory.Heap(65536),
                      memory.AddressSpace())
        for thing in (f, b, h, s):
            thing.close()
            thing.close()
        calls = (lambda: f.pa, lambda: memoryview(f), lambda: b.address, lambda: memoryview(b),
                 lambda: h.alloc(1), h.stats, lambda: s.map(VA, 0, 4096), s.activate,
                 lambda: s.unmap(VA, 4096), lambda: s.translate(VA), s.mappings)
        answers = [refused(call) for call in calls]
        with memory.frames.alloc() as f:
            f.close()
        closed = repr(f)
        print((answers, closed))
        """,
    )
    assert "closed" in closed
    for kind, _, message in answers:
        assert kind == "ValueError" and "closed" in message


def test_the_repl_goes_on_after_a_refused_call(board: Machine) -> None:
    board.link.leave_raw_repl()
    board.link.write(b"import memory\r")
    board.link.read_until(b">>> ")
    board.link.write(b"memory.frames.alloc(-3)\r")
    said = board.link.read_until(b"\n>>> ")
    assert b"ValueError: count -3 is negative" in said
    board.link.write(b"print(memory.frames.alloc().count + 41)\r")
    board.link.read_until(b"\n42\r\n")
    board.link.enter_raw_repl()


@pytest.mark.parametrize(
    "owner",
    ["memory.frames.alloc()", "memory.Heap(65536).alloc(4096)"],
    ids=["Frames", "Block of a Heap"],
)
def test_a_view_used_after_its_owner_closed_is_a_fault_that_names_the_address(
    fresh: Machine, owner: str
) -> None:
    address = ask(
        fresh,
        f"""
        from uctypes import addressof
        owner = {owner}
        gc.collect()
        view = memoryview(owner)
        view[5] = 1
        print(addressof(view))
        owner.close()
        gc.collect()
        """,
    )
    with pytest.raises(ScriptError, match=f"memory.Fault: write to {address + 5:#018x}"):
        fresh.exec("view[5] = 2\nprint('not reached')")
