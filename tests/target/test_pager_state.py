# SPDX-License-Identifier: MIT
"""What a pager changes of the program that it interrupts: nothing."""

from __future__ import annotations

import pytest
from machine_code import assemble, code
from on_board import PAGED, PAGED_END, ask

from pimem.testing.board_session import Machine

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.also_raw]


@pytest.mark.parametrize(
    "source",
    [
        "mvn x2, x1; mov x1, #0; ldr x3, [x0]; mov x0, x2; ret",
        "mvn x1, x1; mov v5.d[1], x1; mov x1, #0; ldr x3, [x0]; mov x0, v5.d[1]; ret",
    ],
    ids=["x2", "v5"],
)
def test_the_collector_sees_the_registers_of_the_fault(board: Machine, source: str) -> None:
    # The object's address is there while the load faults; elsewhere it is only inverted.
    got = ask(
        board,
        PAGED
        + f"""
code = memory.frames.alloc()
memoryview(code)[: {len(assemble(source))}] = {code(source)}
"""
        + """
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
MASK = (1 << 64) - 1
def make():
    global hidden
    thing = [b'alive' * 20, 1234567]
    hidden = ~id(thing) & MASK
def clear(n):
    return clear(n - 1) if n else [0] * 50
def pager(va, access):
    clear(20)
    gc.collect()
    for i in range(3000):
        [b'other' * 20, i]
    return memory.frames.alloc()
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
make()
clear(20)
import uctypes
where = memory.call(CODE, VA, hidden)
r = uctypes.struct(where, {'len': uctypes.UINT64 | 16, 'items': uctypes.UINT64 | 24})
print((r.len, mem64[r.items + 8] >> 1))
"""
        + PAGED_END
        + "code.close()\n",
    )
    assert got == (2, 1234567)


def every_register() -> str:
    """Fills every register, loads from [x0], and returns 0 in x0 if that changed none of them."""
    save = "stp x29, x30, [sp, #-16]!; mov x29, sp; "
    save += "".join(f"stp x{n}, x{n + 1}, [sp, #-16]!; " for n in range(19, 28, 2))
    save += "".join(f"stp d{n}, d{n + 1}, [sp, #-16]!; " for n in range(8, 15, 2))
    fill = "".join(f"add x{n}, x1, #{n}; " for n in range(2, 29))
    fill += "".join(
        f"add x30, x1, #{n + 64}; mov v{n}.d[0], x30; mov v{n}.d[1], x30; " for n in range(32)
    )
    fill += "mov x30, #9; msr fpsr, x30; mov x30, #0xa0000000; msr nzcv, x30; "
    check = "mrs x30, nzcv; lsr x30, x30, #28; sub x30, x30, #10; orr x0, x0, x30; "
    check += "mrs x30, fpsr; sub x30, x30, #9; orr x0, x0, x30; "
    for n in range(2, 29):
        check += f"sub x30, x{n}, x1; sub x30, x30, #{n}; orr x0, x0, x30; "
    for n in range(32):
        for half in range(2):
            check += f"umov x30, v{n}.d[{half}]; sub x30, x30, x1; "
            check += f"sub x30, x30, #{n + 64}; orr x0, x0, x30; "
    restore = "".join(f"ldp d{n}, d{n + 1}, [sp], #16; " for n in range(14, 7, -2))
    restore += "".join(f"ldp x{n}, x{n + 1}, [sp], #16; " for n in range(27, 18, -2))
    return save + fill + "ldr x0, [x0]; " + check + restore + "ldp x29, x30, [sp], #16; ret"


@pytest.mark.parametrize("kind", ["zeros", "watched"])
def test_the_program_does_not_notice_its_pager(board: Machine, kind: str) -> None:
    got = ask(
        board,
        PAGED
        + f"""
program = {code(every_register())}
code = memory.frames.alloc()
memoryview(code)[: len(program)] = program
page = memory.frames.alloc()
def pager(va, access):
    busy(va, access)
    return memory.frames.alloc()
def busy(va, access):
    calls.append(sum(1.0 / (3 + i) for i in range(50)) > 0)
    gc.collect()
if {kind!r} == 'zeros':
    space.reserve(VA, PAGE, 'rw', pager)
else:
    watch = memory.pagers.Watch(space, VA, page, call=busy)
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
space.activate()
print((memory.call(CODE, VA, 1000), calls))
"""
        + PAGED_END
        + "code.close()\npage.close()\n",
    )
    assert got == (0, [True])


def test_memmove_over_lazy_memory_while_garbage_is_collected(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
def pager(va, access):
    calls.append(access)
    gc.collect()
    for i in range(500):
        bytearray(300)
    return memory.frames.alloc()
space.reserve(VA, 16 * PAGE, 'rw', pager)
space.activate()
def source(n):
    return bytes([n & 255]) * (3 * PAGE + 17)
good = True
for n in range(4):
    # The only reference to the source is the one that memmove works with.
    view(VA + n * 4 * PAGE, 3 * PAGE + 17)[:] = source(n + 1)
    good = good and bytes(view(VA + n * 4 * PAGE, 3 * PAGE + 17)) == source(n + 1)
print((good, len(calls), 1.5 * len(calls)))
"""
        + PAGED_END,
    )
    assert got == (True, 16, 24.0)
