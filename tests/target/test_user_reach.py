# SPDX-License-Identifier: MIT
"""What a program at EL0 can reach, and what it cannot."""

from __future__ import annotations

import pytest
from machine_code import code
from on_board import PERMISSION, TRAPPED, UNDEFINED, value

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.also_raw


@pytest.mark.parametrize(
    ("source", "argument", "access"),
    [
        ("ldr x1, [x0]", "TEXT", "read"),
        ("ldr x1, [x0]", "memory.report()['kernel']['data'][0]", "read"),
        ("str x1, [x0]", "memory.report()['kernel']['data'][0]", "write"),
        ("br x0", "TEXT", "execute"),
        ("ldr x1, [x0]", "LINEAR + RAM", "read"),
        ("str x1, [x0]", "LINEAR + RAM", "write"),
        ("ldr x1, [x0]", "memory.heap.base", "read"),
        ("ldr x1, [x0]", "memory.regs()['sp']", "read"),
        ("ldtr x1, [x0]", "TEXT", "read"),
        ("ldxr x1, [x0]", "memory.heap.base", "read"),
        ("ld1 {v0.16b}, [x0]", "memory.heap.base", "read"),
        ("ldp x1, x2, [x0]", "memory.heap.base", "read"),
        ("ldar x1, [x0]", "memory.heap.base", "read"),
        ("stlr x1, [x0]", "memory.heap.base", "write"),
        ("st4 {v0.16b-v3.16b}, [x0]", "memory.heap.base", "write"),
        ("stp q0, q1, [x0]", "memory.heap.base", "write"),
        ("sttrb w1, [x0]", "memory.heap.base", "write"),
        ("dc zva, x0", "memory.heap.base", "write"),
        ("mov sp, x0; ldr x1, [sp]", "memory.heap.base", "read"),
        ("ldr x1, [x0, #1]!", "memory.heap.base - 1", "read"),
        ("prfm pldl1keep, [x0]; ldrb w1, [x0, #1]", "memory.heap.base", "read"),
    ],
)
def test_the_kernels_half_is_out_of_reach(
    board: Machine, source: str, argument: str, access: str
) -> None:
    got = value(
        board, f"fields(user.run, {code(source + '; svc #0')}, args=({argument},)) + [{argument}]"
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
    got = value(
        board,
        "got",
        f"""
with memory.frames.alloc() as text, memory.frames.alloc() as page:
    memoryview(text)[:8] = {code(source + "; svc #0")}
    space = memory.AddressSpace()
    space.map(0x8000, text, prot='rxu')
    space.map(0x9000, page, prot='{prot}')
    got = fields(user.run, 0x8000, space, args=(0x9000,))
    space.close()
""",
    )
    assert got == [0x9000, *expected, 0]


def test_kernel_pages_of_the_identity_view_are_out_of_reach(board: Machine) -> None:
    # The identity view maps nothing for EL0, so its pages are not executable there.
    got = value(board, "fields(user.run, RAM, memory.identity)")
    assert got[:3] == [got[0], "execute", PERMISSION] and got[4] == 0
    got = value(
        board,
        "got",
        f"""
with memory.frames.alloc() as text:
    memoryview(text)[:8] = {code("ldr x1, [x0]; svc #0")}
    memory.identity.unmap(text.pa, 4096)
    memory.identity.map(text.pa, text, prot='rxu')
    got = fields(user.run, text.pa, memory.identity, args=(RAM,)) + [RAM]
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
        ("mrs x0, MDCCSR_EL0", TRAPPED),
        ("msr DBGDTRTX_EL0, x0", TRAPPED),
        ("mrs x0, MIDR_EL1", UNDEFINED),
        ("mrs x0, ID_AA64MMFR0_EL1", UNDEFINED),
        ("msr TPIDRRO_EL0, x0", UNDEFINED),
        ("msr TPIDR_EL1, x0", UNDEFINED),
        ("msr OSLAR_EL1, x0", UNDEFINED),
        ("mrs x0, ESR_EL1", UNDEFINED),
        ("mrs x0, SPSR_EL1", UNDEFINED),
        ("hlt #0xf000", UNDEFINED),
        ("dcps1", UNDEFINED),
        ("drps", UNDEFINED),
        ("at s1e0r, x0", UNDEFINED),
        ("dc isw, x0", UNDEFINED),
        ("tlbi vaae1is, x0", UNDEFINED),
    ],
)
def test_the_processor_is_the_kernels(board: Machine, instruction: str, kind: str) -> None:
    got = value(board, f"fields(user.run, {code(instruction + '; svc #0')})")
    assert got[2:] == [kind, None, 0]


def test_what_a_program_may_use(board: Machine) -> None:
    # The time, its thread register, DC ZVA on its memory, and waiting: the timer ends that.
    source = code(
        "mrs x1, CNTVCT_EL0; mrs x2, CNTFRQ_EL0; mrs x3, DCZID_EL0; "
        "sub x0, sp, #4096; dc zva, x0; "
        "mrs x4, CNTVCT_EL0; msr TPIDR_EL0, x2; wfe; yield; svc #0"
    )
    got = value(
        board,
        "(r.x4 >= r.x1 > 0, r.x2 == r.tpidr == memory.regs()['cntfrq'], r.x3 >> 4)",
        f"r = user.run({source})",
    )
    assert got == [True, True, 0]


def test_a_program_is_paged_in(board: Machine) -> None:
    # Code, data and what its handler reads and writes for it all come from pagers.
    source = code("ldr x1, [x0]; str x1, [x0, #8]; svc #1; ldr x2, [x0, #16]; svc #0")
    got = value(
        board,
        "got",
        f"""
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
got.append(fields(user.run, 0x10000, space, args=(0x30_0000,))[2:])
space.close()
""",
    )
    assert got[0] == [77, 0, 0, 0, 0, 0, 0, 0, 77]
    assert got[1:3] == [77, True]
    assert got[3][:2] == [[0x10000, "execute"], [0x20000, "read"]]
    assert got[4][-1] == 0


@pytest.mark.parametrize(
    ("pager", "step", "expected"),
    [
        ("lambda va, access: 1 / 0", False, ["ZeroDivisionError", None]),
        ("lambda va, access: None", False, ["Fault", 14]),
        ("lambda va, access: user.run({inner}).x9", False, ["TypeError", None]),
        # Each of the two pages that the load needs takes the other away.
        ("selfish", False, ["Fault", 35]),
        ("lambda va, access: space.map(va & -4096, PA, 4096, 'rwu')", True, ["Fault", 35]),
    ],
    ids=["raises", "does nothing", "runs a program", "never stays", "step"],
)
def test_a_pager_that_fails_ends_the_program(
    board: Machine, pager: str, step: bool, expected: list
) -> None:
    got = value(
        board,
        "got",
        f"""
text, page = memory.frames.alloc(), memory.frames.alloc()
memoryview(text)[:8] = {code("ldr x1, [x0]; svc #0")}
PA = page.pa
space = memory.AddressSpace()
space.map(0x10000, text, prot='rxu')
calls = 0
def selfish(va, access):
    global calls
    calls += 1
    space.evict(0x20000, 8192)
    return memory.frames.alloc()
space.reserve(0x20000, 8192, 'rwu', {pager.format(inner=code("mov x9, #5; svc #0"))}, step={step})
try:
    user.run(0x10000, space, args=(0x20ffc,))
except Exception as e:
    got = [type(e).__name__, e.errno if isinstance(e, OSError) else None]
    if isinstance(e, memory.Fault):
        got.append(e.el)
got += [user.last.x0 == 0x20ffc, calls < 2500, memory.identity.active, memory.check()]
space.close()
text.close()
page.close()
""",
    )
    el = [0] if expected[0] == "Fault" else []
    # user.last is of the program that ended last, the pager's.
    assert got == [*expected, *el, "user.run" not in pager, True, True, []]
