# SPDX-License-Identifier: MIT
"""Programs at EL0: how long they run, what is refused, and what they leave behind."""

from __future__ import annotations

import re

import pytest
from machine_code import assemble, code
from on_board import CODE, EBUSY, EFAULT, ENDLESS, EPERM, ETIMEDOUT, STACK, start, value

from pimem.board.link import ScriptError
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.also_raw

# --- limits ---

#: The limit counts time, and the host may stop the emulator for all of it: again until the
#: program took a step.
AFTER_A_STEP = """
def stopped(*program, limit_ms=20):
    for _ in range(200):
        got = refused(user.run, *program, limit_ms=limit_ms)
        if user.last.x0:
            break
    return list(got)
"""


@pytest.mark.parametrize("source", [ENDLESS, "1: add x0, x0, #1; wfi; b 1b"], ids=["busy", "wfi"])
def test_an_endless_program_is_stopped(board: Machine, source: str) -> None:
    got = value(
        board,
        f"stopped({code(source)}) + [user.last.x0 > 0, user.last.pc, user.last.call, "
        "memory.identity.active, memory.check()]",
        AFTER_A_STEP,
    )
    assert got[:2] == ["OSError", ETIMEDOUT]
    assert "20 ms" in got[2] and got[2].endswith(f"0x{got[4]:016x}")
    assert got[3] and CODE <= got[4] < CODE + 12
    assert got[5:] == [None, True, []]


def test_a_stopped_program_goes_on_with_its_registers(board: Machine) -> None:
    source = code("1: add x0, x0, #1; cbz x1, 1b; svc #0")
    got = value(
        board,
        "got",
        f"""{AFTER_A_STEP}
with memory.frames.alloc() as text:
    memoryview(text)[:12] = {source}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    first = stopped(0x8000, space)
    r = user.last
    steps, r.x1 = r.x0, 1
    again = user.run(r.pc, space, registers=r)
    got = [first[1], steps > 0, again is r, r.x0 - steps <= 1, r.call]
    space.close()
""",
    )
    assert got == [ETIMEDOUT, True, True, True, 0]


@pytest.mark.parametrize(
    "line",
    [
        f"user.run({code(ENDLESS)}, limit_ms=100000)",
        f"user.run({code('1: svc #1; b 1b')}, handler=lambda n, r: None, limit_ms=100000)",
        f"user.run({code('svc #1')}, handler=lambda n, r: user.run({code(ENDLESS)}, "
        "limit_ms=100000))",
    ],
    ids=["busy", "calling", "nested"],
)
def test_ctrl_c_stops_a_program(board: Machine, line: str) -> None:
    start(board, line)
    board.link.write(b"\x03")
    text = board.link.read_until(b"\x04>", total=20)
    assert b"KeyboardInterrupt" in text
    assert board.eval("(memory.identity.active, memory.check())", "import memory") == [True, []]


def test_callbacks_run_between_two_visits(board: Machine) -> None:
    got = value(
        board,
        "(r.x0, ran)",
        f"""
ran = []
def answer(number, regs):
    if number == 2:
        return user.EXIT
    micropython.schedule(ran.append, number)
    return len(ran)
r = user.run({code("svc #1; svc #1; svc #1; svc #2")}, handler=answer)
""",
    )
    assert got == [2, [1, 1, 1]]


@pytest.mark.also_raw(False)
def test_ten_thousand_programs_leave_nothing_behind(board: Machine) -> None:
    got = value(
        board,
        "churn()",
        f"""
def ends(n):
    # Each way to end in turn, in a space that stays; every 50th program in one of its own.
    # The host may stop the emulator for seconds: no program is to end by its limit.
    done, patient = 0, dict(handler=answer, limit_ms=60_000)
    for i in range(n):
        if i % 50 == 0:
            done += user.run({code("svc #1; svc #0")}, **patient).x0
        try:
            done += user.run(0x8000 if i % 2 else 0x8008, space, **patient).x0
        except memory.Fault:
            done += 1
    return done

def answer(number, regs):
    return user.EXIT if number == 0 else 1

def churn():
    ends(200)
    gc.collect()
    before = gc.mem_alloc(), memory.frames.stats()['free']
    done = ends(10000)
    gc.collect()
    grown = gc.mem_alloc() - before[0]
    return done, grown, memory.frames.stats()['free'] - before[1], memory.check()

with memory.frames.alloc() as text:
    memoryview(text)[:12] = {code("svc #1; svc #0; udf #0")}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    churn_ = churn()
    space.close()
churn = lambda: churn_
""",
        timeout=120,
    )
    done, grown, frames, problems = got
    assert done == 10_200 and grown <= 1024 and frames == 0 and problems == []


# --- refused ---


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("0x8000", ["TypeError", None, "32768"]),
        ("'svc'", ["TypeError", None, "'svc'"]),
        ("b''", ["ValueError", None, "0"]),
        ("b'1234', memory.identity", ["TypeError", None, "bytes"]),
        ("-4, memory.identity", ["ValueError", None, "-4"]),
        ("0x8000, 5", ["TypeError", None, "int"]),
        ("0x8000, memory.kernel", ["OSError", EPERM, "kernel"]),
        ("SVC, args=range(9)", ["TypeError", None, ""]),
        ("SVC, args=(0,) * 9", ["TypeError", None, "9"]),
        ("SVC, args=(1 << 64,)", ["ValueError", None, "18446744073709551616"]),
        ("SVC, args=(1.5,)", ["TypeError", None, "float"]),
        ("SVC, sp=0x1008", ["ValueError", None, "0x0000000000001008"]),
        ("SVC, limit_ms=0", ["ValueError", None, "0"]),
        ("SVC, limit_ms=1 << 40", ["ValueError", None, str(1 << 40)]),
        ("SVC, handler=5", ["TypeError", None, "int"]),
        ("SVC, registers=5", ["TypeError", None, "int"]),
    ],
)
def test_bad_arguments_are_named(board: Machine, call: str, expected: list) -> None:
    got = value(board, f"refused(user.run, {call})", f"SVC = {code('svc #0')}\n")
    assert got[:2] == expected[:2] and expected[2] in got[2]


def test_a_closed_space_and_registers_in_use_are_refused(board: Machine) -> None:
    got = value(
        board,
        "got",
        f"""
SVC = {code("svc #0")}
got = []
space = memory.AddressSpace()
space.close()
got.append(refused(user.run, 0x8000, space))
def answer(number, regs):
    regs.x1 = 3
    got.append(refused(user.run, SVC, args=(0, 9), registers=regs))
    got.append(regs.x1)
    return user.EXIT
user.run(SVC, handler=answer)
state = machine.disable_irq()
got.append(refused(user.run, SVC))
machine.enable_irq(state)
""",
    )
    assert got[0][0] == "ValueError" and "closed" in got[0][2]
    assert got[1][:2] == ["OSError", EBUSY]
    assert got[2] == 3
    assert got[3][:2] == ["OSError", EPERM] and "interrupts" in got[3][2]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("None", "TypeError: code must be machine code, or its address and a space, not None"),
        ("1.5", "TypeError: code must be machine code, or its address and a space, not 1.5"),
        ("0x8000", "TypeError: code must be machine code, or its address and a space, not 32768"),
        ("b''", "ValueError: code has 0 bytes"),
        ("SVC, args=5", "TypeError: args must be a tuple or a list, not int"),
        ("SVC, args={1}", "TypeError: args must be a tuple or a list, not set"),
        ("SVC, args=range(9)", "TypeError: args must be a tuple or a list, not range"),
        ("SVC, args=[0] * 9", "TypeError: 9 arguments do not fit x0 to x7"),
    ],
)
def test_what_is_no_program_is_refused_by_its_name(
    board: Machine, call: str, expected: str
) -> None:
    with pytest.raises(ScriptError, match=re.escape(expected)):
        board.exec(f"from memory import user\nSVC = {code('svc #0')}\nuser.run({call})\n")
    assert board.eval("user.last is None", "from memory import user")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("regs.x31 = 0", "AttributeError"),
        ("regs.x00", "AttributeError"),
        ("regs.q32", "AttributeError"),
        ("regs.call = 5", "AttributeError"),
        ("regs.x5 = -1", "ValueError: x5 -1"),
        ("regs.x5 = 1 << 64", "ValueError: x5"),
        ("regs.q5 = 1 << 128", "ValueError: q5"),
        ("regs.q5 = -1", "ValueError: q5"),
        ("regs.q5 = 1.0", "TypeError: q5"),
        ("regs.d5 = 'x'", "TypeError"),
        ("regs.flags = 16", "ValueError: flags 0x10"),
        ("regs.pc = None", "TypeError: pc"),
        ("regs.read(0, 1)", "ValueError: no program"),
        ("regs.write(0, b'')", "ValueError: no program"),
    ],
)
def test_registers_refuse_what_they_cannot_hold(board: Machine, line: str, expected: str) -> None:
    with pytest.raises(ScriptError, match=expected):
        board.exec(f"import memory\nregs = memory.user.Registers()\n{line}\n")


def test_a_handler_reads_and_writes_what_the_program_could(board: Machine) -> None:
    got = value(
        board,
        "got",
        f"""
got = []
def attempt(f, *args):
    try:
        got.append(repr(f(*args)))
    except (OSError, ValueError) as e:
        got.append([e.errno if isinstance(e, OSError) else None, str(e.args[-1])])
def answer(number, regs):
    attempt(regs.read, regs.pc - 4, 4)
    attempt(regs.write, user.STACK - 8, b'12345678')
    attempt(regs.read, user.STACK - 8, 8)
    attempt(regs.read, 0, 0)
    attempt(regs.read, user.STACK - 8, 9)
    attempt(regs.write, user.STACK - 4, b'abcdef')
    attempt(regs.read, user.STACK - 8, 8)
    attempt(regs.write, regs.pc, b'1')
    attempt(regs.read, TEXT, 4)
    attempt(regs.read, 0, 4)
    attempt(regs.read, regs.pc, 1 << 40)
    return user.EXIT
user.run({code("svc #1")}, handler=answer)
""",
    )
    svc = assemble("svc #1")
    assert got[:4] == [repr(svc), "None", repr(b"12345678"), "b''"]
    assert [g[0] for g in got[4:6]] == [EFAULT] * 2 and got[6] == repr(b"12345678")
    assert [g[0] for g in got[7:]] == [EFAULT, EFAULT, EFAULT, None]
    assert f"0x{STACK:016x}" in got[4][1] and f"0x{CODE + 4:016x}" in got[7][1]


def test_a_soft_reset_in_a_handler_leaves_nothing(board: Machine) -> None:
    start(
        board,
        "def answer(number, regs):\n    machine.soft_reset()",
        f"user.run({code('svc #1')}, handler=answer)",
    )
    text = board.link.read_until(b"raw REPL; CTRL-B to exit\r\n>", total=20)
    assert b"leaked" not in text
    got = value(board, "(memory.identity.active, user.last, memory.check())")
    assert got == [True, None, []]
    assert value(board, "r.x0", f"r = user.run({code('mov x0, #7; svc #0')})") == 7


# Each would start no program: the program before is still the last one.
REFUSED = [
    "registers=5",
    "args=range(9)",
    "args=('x',)",
    "sp=1",
    "sp=-8",
    "handler=1",
    "limit_ms=-1",
    "limit_ms=1 << 40",
    "space=memory.kernel",
    "space=5",
]


@pytest.mark.parametrize("argument", [*REFUSED, "registers=running"])
def test_a_refused_call_leaves_the_last_program_as_it_was(board: Machine, argument: str) -> None:
    got = value(
        board,
        "[got[0], got[2], user.last is first, user.last.x0]",
        f"""
first = user.run({code("mov x0, #7; svc #0")})
running = user.Registers()
got = []
def answer(number, registers):
    global first
    first = user.last
    got.extend(refused(user.run, {code("svc #0")}, {argument}))
    return user.EXIT
if {"running" in argument}:
    user.run({code("mov x0, #7; svc #1")}, registers=running, handler=answer)
else:
    got = refused(user.run, {code("svc #0")}, {argument})
""",
    )
    assert got[0] in ("TypeError", "ValueError", "OSError"), got
    assert got[2:] == [True, 7], got


def test_code_that_is_refused_leaves_the_last_program_as_it_was(board: Machine) -> None:
    got = value(
        board,
        "[refused(user.run, c)[0] for c in (5, 'text', None)] + [user.last is first]",
        f"first = user.run({code('svc #0')})",
    )
    assert got == ["TypeError", "TypeError", "TypeError", True]


def test_a_program_with_an_odd_stack_pointer_goes_on(board: Machine) -> None:
    source = code("mov x1, #0x1001; mov sp, x1; svc #1; mov x0, sp; svc #2")
    got = value(
        board,
        "[stopped, again.x0, again.call, refused(user.run, 0x8000, space, sp=0x1001)]",
        f"""
with memory.frames.alloc() as text:
    memoryview(text)[:20] = {source}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    r = user.run(0x8000, space)
    stopped = r.sp
    again = user.run(r.pc, space, registers=r)
    space.close()
space = memory.AddressSpace()
""",
    )
    assert got[:3] == [0x1001, 0x1001, 2]
    assert got[3] == ["ValueError", None, "sp 0x0000000000001001 is not a multiple of 16"]
