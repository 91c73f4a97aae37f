# SPDX-License-Identifier: MIT
"""Programs at EL0: system calls, faults, limits, and what they cannot reach."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

import pytest
from rig import Machine

from pimem.link import ScriptError

EPERM, EFAULT, EBUSY, ETIMEDOUT = 1, 14, 16, 116
TRANSLATION, PERMISSION = "translation fault", "permission fault"
PC_ALIGNMENT = "misaligned program counter"
TRAPPED, UNDEFINED = "trapped instruction", "undefined instruction"
CODE = 0x40_0000
STACK = 0x4000_0000
ENDLESS = "1: add x0, x0, #1; b 1b"

# fields() tells how a program ended that should fault: [address, access, kind, level, el].
PRELUDE = """
import gc, machine, memory, micropython
from memory import user

def fields(*args, **kw):
    try:
        got = user.run(*args, **kw)
    except memory.Fault as e:
        assert e.errno == 14 and e.esr != 0 and e.pc == user.last.pc
        return [e.address, e.access, e.kind, e.level, e.el]
    return 'no fault, but ' + repr(got)

def refused(*args, **kw):
    try:
        return repr(user.run(*args, **kw))
    except (OSError, ValueError, TypeError) as e:
        return [type(e).__name__, e.errno if isinstance(e, OSError) else None, str(e.args[-1])]

REPORT = memory.report()
TEXT = REPORT['kernel']['text'][0]
LINEAR = 0xFFFF_0000_0000_0000
RAM = REPORT['ram'][0][0] + 0x200000
"""


@functools.cache
def machine_code(source: str) -> bytes:
    """The machine code of position independent assembly."""
    with tempfile.TemporaryDirectory() as folder:
        compiled, raw = Path(folder, "code.o"), Path(folder, "code.bin")
        assemble = ["aarch64-linux-gnu-as", "-march=armv8-a", "-o", str(compiled), "-"]
        subprocess.run(assemble, input=source + "\n", text=True, check=True)
        copy = ["aarch64-linux-gnu-objcopy", "-O", "binary", str(compiled), str(raw)]
        subprocess.run(copy, check=True)
        return raw.read_bytes()


def code(source: str) -> str:
    """The same as a literal of the Python script that is sent to the board."""
    return repr(machine_code(source))


def start(board: Machine, *lines: str) -> None:
    """Has the board run a script and waits until it has begun: as Link.exec(), without its end."""
    script = "\n".join([PRELUDE, "print('going')", *lines, ""]).encode()
    link = board.link
    link.write(b"\x05A\x01")
    assert link.read_exactly(2) == b"R\x01"
    link.read_exactly(2)
    link.write(script + b"\x04")
    link.read_until(b"going\r\n", total=20)


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
    setup = PRELUDE + ANSWER + f"r = user.run({code(HELLO)}, handler=answer)"
    got = board.eval("(said.decode(), calls, r.x0, r.x1, r.call, r.pc)", setup)
    assert got == ["hello\n", [1, 0], 42, 6, 0, CODE + 20]


def test_without_a_handler_the_first_system_call_ends_the_program(board: Machine) -> None:
    source = code("add x0, x0, x7; svc #0xffff; udf #0")
    got = board.eval(
        "(r.x0, r.call, r.pc, r.sp)",
        PRELUDE + f"r = user.run({source}, args=(40, 1, 2, 3, 4, 5, 6, (1 << 64) - 38))",
    )
    assert got == [2, 0xFFFF, CODE + 8, STACK]


def test_results_may_be_negative_and_registers_written(board: Machine) -> None:
    source = code("svc #1; mov x9, x0; svc #2; mov x10, x0; svc #3")
    got = board.eval(
        "(r.x9, r.x10, r.x11)",
        PRELUDE
        + f"""
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
    out = board.exec(
        PRELUDE
        + f"""
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
"""
    )
    assert out == "77 5 77 True\nthe handler's result must be an int, not str True\n"


def test_a_handler_runs_another_program(board: Machine) -> None:
    inner = code("add x0, x0, #1; mov x19, #99; fmov d8, #3.0; svc #0")
    outer = code("mov x19, #5; fmov d8, #2.0; svc #1; svc #0")
    got = board.eval(
        "(r.x0, r.x19, r.d8, depth)",
        PRELUDE
        + f"""
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
    out = board.exec(
        PRELUDE
        + f"""
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
"""
    )
    assert out == "2 True\n16\nTrue True\n"


def test_the_space_that_was_active_is_active_again(board: Machine) -> None:
    got = board.eval(
        "got",
        PRELUDE
        + f"""
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
    got = board.eval(
        "[getattr(r, '%s%d' % (kind, i)) for kind, n in (('x', 31), ('q', 32)) for i in range(n)]"
        " + [r.flags, r.fpcr, r.fpsr, r.tpidr, r.pc, r.sp]",
        PRELUDE + f"1.5 * len('abc')\nr = user.run({source})",
    )
    assert got == [0] * 67 + [CODE + 14 * 4, STACK]


def test_every_register_goes_in_and_comes_back(board: Machine) -> None:
    step = "".join(f"add x{i}, x{i}, #1; " for i in range(31))
    step += "".join(f"add v{i}.2d, v{i}.2d, v{i}.2d; " for i in range(32))
    got = board.eval(
        "got",
        PRELUDE
        + f"""
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
    got = board.eval(
        "(r.d0, r.d8, r.d31, kernel, before == after)",
        PRELUDE
        + f"""
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
    got = board.eval(f"fields({code(source)}) + [memory.identity.active]", PRELUDE)
    if expected[2] == TRANSLATION and expected[3] is None:
        expected = [*expected[:3], got[3]]  # the level depends on what is mapped nearby
    assert got == [*expected, 0, True]


def test_the_message_says_where_it_comes_from(board: Machine) -> None:
    program = code("ldr x0, [x0]")
    with pytest.raises(ScriptError) as caught:
        board.exec(PRELUDE + f"user.run({program}, args=(TEXT,))")
    assert caught.value.traceback.splitlines()[-1] == (
        "memory.Fault: read from 0xffff008000080000: permission fault at level 3, "
        "from a lower exception level (the kernel's half), pc 0x0000000000400000"
    )


# --- what cannot be reached ---


@pytest.mark.parametrize(
    ("source", "argument", "access"),
    [
        ("ldr x1, [x0]", "TEXT", "read"),
        ("ldr x1, [x0]", "REPORT['kernel']['data'][0]", "read"),
        ("str x1, [x0]", "REPORT['kernel']['data'][0]", "write"),
        ("br x0", "TEXT", "execute"),
        ("ldr x1, [x0]", "LINEAR + RAM", "read"),
        ("str x1, [x0]", "LINEAR + RAM", "write"),
        ("ldr x1, [x0]", "memory.heap.base", "read"),
        ("ldr x1, [x0]", "memory.regs()['sp']", "read"),
        ("ldtr x1, [x0]", "TEXT", "read"),
        ("ldxr x1, [x0]", "memory.heap.base", "read"),
        ("ld1 {v0.16b}, [x0]", "memory.heap.base", "read"),
        ("prfm pldl1keep, [x0]; ldrb w1, [x0, #1]", "memory.heap.base", "read"),
    ],
)
def test_the_kernels_half_is_out_of_reach(
    board: Machine, source: str, argument: str, access: str
) -> None:
    got = board.eval(
        f"fields({code(source + '; svc #0')}, args=({argument},)) + [{argument}]", PRELUDE
    )
    assert got[1:5] == [access, PERMISSION, got[3], 0]
    assert got[0] in (got[5], got[5] + 1) and got[3] in (1, 2, 3)


@pytest.mark.parametrize(
    ("prot", "source", "expected"),
    [
        ("r", "ldr x1, [x0]", ["read", PERMISSION, 3]),
        ("rw", "ldr x1, [x0]", ["read", PERMISSION, 3]),
        ("rw", "str x1, [x0]", ["write", PERMISSION, 3]),
        ("rx", "ldr x1, [x0]", ["read", PERMISSION, 3]),
        ("rx", "br x0", ["execute", PERMISSION, 3]),
        ("ru", "str x1, [x0]", ["write", PERMISSION, 3]),
        ("ru", "br x0", ["execute", PERMISSION, 3]),
        ("rwu", "br x0", ["execute", PERMISSION, 3]),
    ],
)
def test_pages_of_its_own_space_obey_their_protection(
    board: Machine, prot: str, source: str, expected: list
) -> None:
    got = board.eval(
        "got",
        PRELUDE
        + f"""
with memory.frames.alloc() as text, memory.frames.alloc() as page:
    memoryview(text)[:8] = {code(source + "; svc #0")}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    space.map(0x9000, page, prot='{prot}')
    got = fields(0x8000, space, args=(0x9000,))
    space.close()
""",
    )
    assert got == [0x9000, *expected, 0]


def test_kernel_pages_of_the_identity_view_are_out_of_reach(board: Machine) -> None:
    # The identity view maps nothing for EL0, so its pages are not executable there.
    got = board.eval("fields(RAM, memory.identity)", PRELUDE)
    assert got[:3] == [got[0], "execute", PERMISSION] and got[4] == 0
    got = board.eval(
        "got",
        PRELUDE
        + f"""
with memory.frames.alloc() as text:
    memoryview(text)[:8] = {code("ldr x1, [x0]; svc #0")}
    memory.identity.unmap(text.pa, 4096)
    memory.identity.map(text.pa, text, prot='rxu')
    got = fields(text.pa, memory.identity, args=(RAM,)) + [RAM]
    memory.identity.unmap(text.pa, 4096)
""",
    )
    assert got[:3] == [got[5], "read", PERMISSION] and got[4] == 0


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("mrs x0, SCTLR_EL1", UNDEFINED),
        ("msr TTBR0_EL1, x0", UNDEFINED),
        ("mrs x0, VBAR_EL1", UNDEFINED),
        ("mrs x0, TTBR1_EL1", UNDEFINED),
        ("mrs x0, CurrentEL", UNDEFINED),
        ("msr SPSel, #1", UNDEFINED),
        ("tlbi vmalle1", UNDEFINED),
        ("at s1e1r, x0", UNDEFINED),
        ("ic iallu", UNDEFINED),
        ("dc ivac, x0", UNDEFINED),
        ("eret", UNDEFINED),
        ("hvc #0", UNDEFINED),
        ("smc #0", UNDEFINED),
        ("msr DAIFSet, #2", TRAPPED),
        ("mrs x0, DAIF", TRAPPED),
        ("mrs x0, CTR_EL0", TRAPPED),
        ("adr x0, .; dc civac, x0", TRAPPED),
        ("adr x0, .; ic ivau, x0", TRAPPED),
        ("mrs x0, CNTPCT_EL0", TRAPPED),
        ("mrs x0, CNTP_CTL_EL0", TRAPPED),
        ("msr CNTV_TVAL_EL0, x0", TRAPPED),
        ("mrs x0, PMCCNTR_EL0", TRAPPED),
    ],
)
def test_the_processor_is_the_kernels(board: Machine, instruction: str, kind: str) -> None:
    got = board.eval(f"fields({code(instruction + '; svc #0')})", PRELUDE)
    assert got[2:] == [kind, None, 0]


def test_what_a_program_may_use(board: Machine) -> None:
    # The time, its thread register, DC ZVA on its memory, and waiting: the timer ends that.
    source = code(
        "mrs x1, CNTVCT_EL0; mrs x2, CNTFRQ_EL0; mrs x3, DCZID_EL0; "
        "sub x0, sp, #4096; dc zva, x0; "
        "mrs x4, CNTVCT_EL0; msr TPIDR_EL0, x2; wfe; yield; svc #0"
    )
    got = board.eval(
        "(r.x4 >= r.x1 > 0, r.x2 == r.tpidr == memory.regs()['cntfrq'], r.x3 >> 4)",
        PRELUDE + f"r = user.run({source})",
    )
    assert got == [True, True, 0]


def test_a_program_is_paged_in(board: Machine) -> None:
    # Code, data and what its handler reads and writes for it all come from pagers.
    source = code("ldr x1, [x0]; str x1, [x0, #8]; svc #1; ldr x2, [x0, #16]; svc #0")
    got = board.eval(
        "got",
        PRELUDE
        + f"""
asked, got = [], []
def text(va, access):
    asked.append([va, access])
    frames = memory.frames.alloc()
    memoryview(frames)[:20] = {source}
    return frames
def data(va, access):
    asked.append([va, access])
    frames = memory.frames.alloc()
    memoryview(frames)[0] = 77
    return frames
def answer(number, regs):
    if number == 0:
        return user.EXIT
    got.append(list(regs.read(0x20000, 9)))
    regs.write(0x21ffc, b'12345678')
    return 0x21ff0
space = memory.AddressSpace()
space.reserve(0x10000, 4096, 'rxu', pager=text)
space.reserve(0x20000, 1 << 20, 'rwu', pager=data)
space.reserve(0x30_0000, 4096, 'rw', pager=data)
r = user.run(0x10000, space, args=(0x20000,), handler=answer)
got += [r.x1, r.x2 == int.from_bytes(b'5678', 'little'), asked]
got.append(fields(0x10000, space, args=(0x30_0000,))[2:])
space.close()
""",
    )
    assert got[0] == [77, 0, 0, 0, 0, 0, 0, 0, 77]
    assert got[1:3] == [77, True]
    assert got[3][:2] == [[0x10000, "execute"], [0x20000, "read"]]
    assert got[4][-1] == 0


# --- limits ---


@pytest.mark.parametrize("source", [ENDLESS, "1: add x0, x0, #1; wfi; b 1b"], ids=["busy", "wfi"])
def test_an_endless_program_is_stopped(board: Machine, source: str) -> None:
    got = board.eval(
        f"refused({code(source)}, limit_ms=20) + [user.last.x0 > 0, user.last.pc, "
        "user.last.call, memory.identity.active, memory.check()]",
        PRELUDE,
    )
    assert got[:2] == ["OSError", ETIMEDOUT]
    assert "20 ms" in got[2] and got[2].endswith(f"0x{got[4]:016x}")
    assert got[3] and CODE <= got[4] < CODE + 12
    assert got[5:] == [None, True, []]


def test_a_stopped_program_goes_on_with_its_registers(board: Machine) -> None:
    source = code("1: add x0, x0, #1; cbz x1, 1b; svc #0")
    got = board.eval(
        "got",
        PRELUDE
        + f"""
with memory.frames.alloc() as text:
    memoryview(text)[:12] = {source}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    first = refused(0x8000, space, limit_ms=5)
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
    got = board.eval(
        "(r.x0, ran)",
        PRELUDE
        + f"""
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


def test_ten_thousand_programs_leave_nothing_behind(board: Machine) -> None:
    got = board.eval(
        "churn()",
        PRELUDE
        + f"""
def ends(n):
    # Each way to end in turn, in a space that stays; every 50th program in one of its own.
    done = 0
    for i in range(n):
        if i % 50 == 0:
            done += user.run({code("svc #1; svc #0")}, handler=answer).x0
        try:
            done += user.run(0x8000 if i % 2 else 0x8008, space, handler=answer).x0
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
    got = board.eval(f"refused({call})", PRELUDE + f"SVC = {code('svc #0')}\n")
    assert got[:2] == expected[:2] and expected[2] in got[2]


def test_a_closed_space_and_registers_in_use_are_refused(board: Machine) -> None:
    got = board.eval(
        "got",
        PRELUDE
        + f"""
SVC = {code("svc #0")}
got = []
space = memory.AddressSpace()
space.close()
got.append(refused(0x8000, space))
def answer(number, regs):
    regs.x1 = 3
    got.append(refused(SVC, args=(0, 9), registers=regs))
    got.append(regs.x1)
    return user.EXIT
user.run(SVC, handler=answer)
state = machine.disable_irq()
got.append(refused(SVC))
machine.enable_irq(state)
""",
    )
    assert got[0][0] == "ValueError" and "closed" in got[0][2]
    assert got[1][:2] == ["OSError", EBUSY]
    assert got[2] == 3
    assert got[3][:2] == ["OSError", EPERM] and "interrupts" in got[3][2]


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
    got = board.eval(
        "got",
        PRELUDE
        + f"""
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
    svc = machine_code("svc #1")
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
    got = board.eval("(memory.identity.active, user.last, memory.check())", PRELUDE)
    assert got == [True, None, []]
    assert board.eval("r.x0", PRELUDE + f"r = user.run({code('mov x0, #7; svc #0')})") == 7
