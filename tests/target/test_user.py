# SPDX-License-Identifier: MIT
"""Programs at EL0: system calls, registers, faults."""

from __future__ import annotations

import layout
import pytest
from machine_code import code
from on_board import (
    CODE,
    ENDLESS,
    PC_ALIGNMENT,
    PERMISSION,
    STACK,
    TRANSLATION,
    UNDEFINED,
    run,
    start,
    value,
)

from pimem.board.link import ScriptError
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.also_raw

# --- system calls ---

HELLO = """
    adr x0, text
    mov x1, #6
    svc #1
    add x0, x0, #1
    svc #0
text:
    .ascii "hello\\n"
"""

ANSWER = """
said, calls = b'', []
def answer(number, regs):
    global said
    calls.append(number)
    if number == 0:
        return user.EXIT
    said += regs.read(regs.x0, regs.x1)
    gc.collect()
    return 41
"""


def test_hello_through_a_system_call(board: Machine) -> None:
    setup = ANSWER + f"r = user.run({code(HELLO)}, handler=answer)"
    got = value(board, "(said.decode(), calls, r.x0, r.x1, r.call, r.pc)", setup)
    assert got == ["hello\n", [1, 0], 42, 6, 0, CODE + 20]


def test_without_a_handler_the_first_system_call_ends_the_program(board: Machine) -> None:
    source = code("add x0, x0, x7; svc #0xffff; udf #0")
    got = value(
        board,
        "(r.x0, r.call, r.pc, r.sp)",
        f"r = user.run({source}, args=(40, 1, 2, 3, 4, 5, 6, (1 << 64) - 38))",
    )
    assert got == [2, 0xFFFF, CODE + 8, STACK]


def test_results_may_be_negative_and_registers_written(board: Machine) -> None:
    source = code("svc #1; mov x9, x0; svc #2; mov x10, x0; svc #3")
    got = value(
        board,
        "(r.x9, r.x10, r.x11)",
        f"""
def answer(number, regs):
    if number == 1:
        return -1
    if number == 2:
        regs.x0, regs.x11 = 1 << 63, 7
        return None
    return user.EXIT
r = user.run({source}, handler=answer)
""",
    )
    assert got == [(1 << 64) - 1, 1 << 63, 7]


def test_what_a_handler_raises_ends_the_program(board: Machine) -> None:
    out = run(
        board,
        f"""
def answer(number, regs):
    raise KeyError(number)
try:
    user.run({code("mov x5, #5; svc #77")}, handler=answer)
except KeyError as e:
    print(e, user.last.x5, user.last.call, memory.identity.active)
def answer(number, regs):
    return 'x'
try:
    user.run({code("svc #78")}, handler=answer)
except TypeError as e:
    print(e, memory.identity.active)
""",
    )
    assert out == "77 5 77 True\nthe handler's result must be an int, not str True\n"


def test_a_handler_runs_another_program(board: Machine) -> None:
    inner = code("add x0, x0, #1; mov x19, #99; fmov d8, #3.0; svc #0")
    outer = code("mov x19, #5; fmov d8, #2.0; svc #1; svc #0")
    got = value(
        board,
        "(r.x0, r.x19, r.d8, depth)",
        f"""
depth = 0
def answer(number, regs):
    global depth
    if number == 0:
        return user.EXIT
    depth += 1
    if depth < 4:
        deeper = user.run({outer}, handler=answer)
        return deeper.x0 + 10
    return user.run({inner}, args=(1,)).x0
r = user.run({outer}, handler=answer)
""",
    )
    assert got == [32, 5, 2.0, 4]


def test_a_handler_may_use_other_spaces_but_not_close_this_one_for_good(board: Machine) -> None:
    out = run(
        board,
        f"""
text = memory.frames.alloc()
memoryview(text)[:8] = {code("svc #1; svc #2")}
space = memory.AddressSpace()
space.map(0x8000, text, prot='rxu')
def answer(number, regs):
    memory.identity.activate()
    return user.EXIT if number == 2 else None
r = user.run(0x8000, space, handler=answer)
print(r.call, memory.identity.active)
def answer(number, regs):
    try:
        space.close()
    except OSError as e:
        print(e.errno)
    memory.identity.activate()
    space.close()
try:
    user.run(0x8000, space, handler=answer)
except ValueError as e:
    print(str(e).endswith('is closed'), memory.identity.active)
text.close()
""",
    )
    assert out == "2 True\n16\nTrue True\n"


def test_the_space_that_was_active_is_active_again(board: Machine) -> None:
    got = value(
        board,
        "got",
        f"""
got = []
with memory.AddressSpace() as mine:
    for program in ({code("svc #0")}, {code("udf #0")}, {code(ENDLESS)}):
        try:
            user.run(program, limit_ms=5)
        except OSError:
            pass
        got.append(mine.active)
mine.close()
got.append(memory.identity.active)
""",
    )
    assert got == [True] * 4


# --- registers ---


def test_a_program_starts_with_nothing_of_the_kernels(board: Machine) -> None:
    source = code(
        "mrs x0, TPIDR_EL0; mrs x1, TPIDRRO_EL0; mrs x2, NZCV; mrs x3, FPCR; mrs x4, FPSR; "
        "orr x0, x0, x1; orr x0, x0, x2; orr x0, x0, x3; orr x0, x0, x4; "
        "mov x1, xzr; mov x2, xzr; mov x3, xzr; mov x4, xzr; svc #0"
    )
    got = value(
        board,
        "[getattr(r, '%s%d' % (kind, i)) for kind, n in (('x', 31), ('q', 32)) for i in range(n)]"
        " + [r.flags, r.fpcr, r.fpsr, r.tpidr, r.pc, r.sp]",
        f"1.5 * len('abc')\nr = user.run({source})",
    )
    assert got == [0] * 67 + [CODE + 14 * 4, STACK]


def test_every_register_goes_in_and_comes_back(board: Machine) -> None:
    step = "".join(f"add x{i}, x{i}, #1; " for i in range(31))
    step += "".join(f"add v{i}.2d, v{i}.2d, v{i}.2d; " for i in range(32))
    got = value(
        board,
        "got",
        f"""
def numbers(base, shift):
    names = ['x%d' % i for i in range(31)], ['q%d' % i for i in range(32)]
    return [(n, base + i) for i, n in enumerate(names[0])] + [
        (n, (base + i << shift) + i) for i, n in enumerate(names[1])]
r = memory.user.Registers()
for name, value in numbers(1 << 40, 64):
    setattr(r, name, value)
r.flags, r.tpidr, r.fpcr, r.fpsr = 0b1010, 0x1234, 3 << 22, 1
same = user.run({code(step + "svc #1")}, registers=r, sp=0x3fff0000)
got = [same is r, r.flags, r.tpidr, r.fpcr, r.fpsr, r.sp]
got.append([n for n, v in numbers(1 << 40, 64) if n[0] == 'x' and getattr(r, n) != v + 1])
got.append([n for n, v in numbers(1 << 40, 64) if n[0] == 'q' and getattr(r, n) != v * 2])
one = 1.0
got.append(one / 10.0)
""",
    )
    assert got[:6] == [True, 0b1010, 0x1234, 3 << 22, 1, 0x3FFF_0000]
    assert got[6:8] == [[], []]
    assert got[8] == 0.1


def test_floating_point_is_kept_on_both_sides(board: Machine) -> None:
    # The program rounds towards zero and fills every register; the kernel goes on as before.
    fill = "".join(f"fmov d{i}, #-1.0; " for i in range(8, 32))
    source = code(
        "mov x0, #0xc00000; msr FPCR, x0; fmov d0, #1.0; fmov d1, #10.0; "
        f"{fill} svc #1; fdiv d0, d0, d1; fadd d8, d8, d31; svc #0"
    )
    got = value(
        board,
        "(r.d0, r.d8, r.d31, kernel, before == after)",
        f"""
def work(x):
    for i in range(50):
        x = x * 1.0000001 + i / 7.0
    return x
kernel, one = [], 1.0
def answer(number, regs):
    kernel.append(one / 10.0)
    work(2.5)
    return user.EXIT if number == 0 else None
before = work(1.25)
r = user.run({source}, handler=answer)
after = work(1.25)
""",
    )
    assert got[0] < 0.1 and 0.1 - got[0] < 1e-16  # one unit in the last place less
    assert got[1:] == [-2.0, -1.0, [0.1, 0.1], True]


def test_interrupts_do_not_disturb_a_program(board: Machine) -> None:
    # Sums 1 to n in two ways while bytes arrive; what they say is read afterwards.
    source = code(
        "fmov d1, #1.0; 1: add x1, x1, x0; scvtf d0, x0; fadd d2, d2, d0; "
        "subs x0, x0, #1; b.ne 1b; svc #0"
    )
    count = 3_000_000
    start(
        board,
        f"r = user.run({source}, args=({count},), limit_ms=60000)",
        "import sys; print(r.x1, r.d2 == r.x1, len(sys.stdin.read(200)))",
    )
    for _ in range(20):
        board.link.write(b"0123456789")
    out = board.link.read_until(b"\x04>", total=60).decode()
    assert out.split("\x04")[0].split() == [str(count * (count + 1) // 2), "True", "200"]


# --- faults ---


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("ldr x1, [x0]", [0, "read", TRANSLATION, None]),
        ("str x1, [x0, #8]", [8, "write", TRANSLATION, None]),
        ("adr x0, .; str x1, [x0]", [CODE, "write", PERMISSION, 3]),
        ("sub sp, sp, #16; mov x0, sp; br x0", [STACK - 16, "execute", PERMISSION, 3]),
        ("br x0", [0, "execute", TRANSLATION, None]),
        ("adr x0, .; add x0, x0, #2; br x0", [CODE + 2, "execute", PC_ALIGNMENT, None]),
        ("mov x0, #1 << 48; ldr x0, [x0]", [1 << 48, "read", TRANSLATION, 0]),
        ("udf #0", [None, None, UNDEFINED, None]),
        ("brk #7", [None, None, "breakpoint", None]),
    ],
)
def test_a_fault_ends_the_program(board: Machine, source: str, expected: list) -> None:
    got = value(board, f"fields(user.run, {code(source)}) + [memory.identity.active]")
    if expected[2] == TRANSLATION and expected[3] is None:
        expected = [*expected[:3], got[3]]  # the level depends on what is mapped nearby
    assert got == [*expected, 0, True]


def test_the_message_says_where_it_comes_from(board: Machine) -> None:
    program = code("ldr x0, [x0]")
    with pytest.raises(ScriptError) as caught:
        run(board, f"user.run({program}, args=(TEXT,))")
    assert caught.value.traceback.splitlines()[-1] == (
        f"memory.Fault: read from {layout.IMAGE + 0x80000:#x}: permission fault at level 3, "
        "from a lower exception level (the kernel's half), pc 0x0000000000400000"
    )
