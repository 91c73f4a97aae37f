# SPDX-License-Identifier: MIT
"""Bus errors that arrive after their instruction (SErrors), which QEMU's devices never cause.

EL2 makes a virtual SError pending when a chosen instruction is about to be executed (serror.S), on
the unmodified image: in a probe, in Python code, in a pager, at EL0, in the collector. A SError is
taken by the instruction of the breakpoint, or, where SErrors are masked, by the first one after.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine_code import code
from on_board import CODE, ENDLESS, prelude

from pimem.board import boards
from pimem.board.link import BoardCrash
from pimem.board.symbols import binutil
from pimem.dev import bench
from pimem.testing import Machine, board_session

EL1, EL0 = 0x1E3, 0x1E5  # DBGBCR0_EL1: enabled, for the instructions of this exception level
ABORT = "external abort"
FAULT_EL1 = [None, None, ABORT, None, 1]
HCR_AMO_VSE = 1 << 5 | 1 << 8
VA = 0x60_0000_0000

#: at() makes an SError pending at an instruction during a call, and ends that. It returns what the
#: call returned, or how it ended: [address, access, kind, level, el] of its Fault.
INJECTOR = """
class Injector:
    def __init__(self):
        self.frame = memory.frames.alloc()
        view = memoryview(self.frame)
        view[:len(INJECTOR)] = INJECTOR
        self.va = FREE + (2 << 30)
        self.place = self.va + 8
        memory.kernel.map(self.va, self.frame, prot="rx")
        memory.sync_code(self.va, PAGE)
        self.first = self.disarm()

    def disarm(self):
        return memory.call(self.va + 4, self.frame.pa)

    def close(self):
        assert self.disarm() == self.first
        memory.kernel.unmap(self.va, PAGE)
        self.frame.close()

def ended(e):
    assert e.esr >> 26 == 0x2f and e.pc and e.errno == 14
    assert str(e).startswith("SError: asynchronous external abort, syndrome 0x"), str(e)
    return [e.address, e.access, e.kind, e.level, e.el]

def at(address, call, *args, control={el1}, **kw):
    try:
        memory.call(injector.va, injector.frame.pa, address, control)
        return call(*args, **kw)
    except memory.Fault as e:
        return ended(e)
    finally:
        injector.disarm()

def arm(address):
    memory.call(injector.va, injector.frame.pa, address, {el1})
"""


def boot(name: str) -> Machine:
    """QEMU's virt machine gets an EL2: the kernel has a stub there where it was entered there."""
    board = boards.load(name)
    if board.family == "virt":
        board = dataclasses.replace(board, machine="virt,virtualization=on")
    return board_session.boot(name, board=board)


symbols = functools.cache(bench.symbols)


def setup(script: str = "") -> str:
    """What every script begins with: the prelude, and an injector."""
    source = Path(__file__).with_name("serror.S").read_text()
    injector = INJECTOR.format(el1=EL1)
    script = f"INJECTOR = {code(source)}\n{injector}\ninjector = Injector()\n{script}"
    return f"{prelude(script)}\n{script}"


@pytest.fixture(scope="module", params=board_session.BOARDS)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = boot(request.param)
    yield machine
    machine.close()


@pytest.fixture(params=board_session.BOARDS)
def victim(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = boot(request.param)
    yield machine
    machine.close()


def value(machine: Machine, expression: str, script: str = "") -> Any:
    """The value of an expression, after which the injector is gone and all is as before."""
    before = machine.eval("memory.regs()['daif']", "import memory")
    got, problems, daif = machine.eval(
        "(got, memory.check(), memory.regs()['daif'])",
        setup(f"{script}\ngot = {expression}\ninjector.close()\n"),
    )
    assert problems == [] and daif == before
    return got


def symbol(machine: Machine, name: str) -> int:
    return symbols(board_session.elf(machine.board))[name]


def barriers(machine: Machine, function: str) -> list[int]:
    """The addresses of a function's DSBs."""
    elf = board_session.elf(machine.board)
    text = binutil("objdump", "-d", f"--disassemble={function}", str(elf))
    return [int(at, 16) for at in re.findall(r"^ *([0-9a-f]+):.*\tdsb\tsy", text, re.M)]


#: Has the timer interrupt this code, which waits for that.
TIMER = """
    mrs x0, CNTPCT_EL0
    add x0, x0, #1000
    msr CNTP_CVAL_EL0, x0
    mov x1, #1
    msr CNTP_CTL_EL0, x1
    add x0, x0, #1000, lsl #12
1:  mrs x1, CNTPCT_EL0
    cmp x1, x0
    b.lo 1b
    ret
"""


def test_virtual_serrors_are_off_afterwards(machine: Machine) -> None:
    first = value(machine, "injector.first")
    assert first & HCR_AMO_VSE == 0


@pytest.mark.parametrize("masked", [False, True], ids=["", "interrupts masked"])
def test_a_probe_says_that_nothing_answered(machine: Machine, masked: bool) -> None:
    read, written = symbol(machine, "loaded"), symbol(machine, "stored")
    script = f"""
frames = memory.frames.alloc()
va = LINEAR + frames.pa
mem64[va] = 0
def both(size):
    return (memory.probe(va, size), at({read}, memory.probe, va, size),
        memory.poke(va, 0, size), at({written}, memory.poke, va, 0, size))
state = machine.disable_irq() if {masked} else None
sizes = [both(size) for size in (1, 2, 4, 8)]
if {masked}:
    machine.enable_irq(state)
frames.close()
"""
    assert value(machine, "sizes", script) == [[0, None, True, False]] * 4


def test_an_error_of_an_earlier_access_is_not_the_probe_s(machine: Machine) -> None:
    # With SErrors masked it stays pending until the probe unmasks them.
    masked = code("msr daifset, #4; nop; ret")
    got = value(
        machine,
        f"at({VA + 4}, later)",
        f"code_at({VA}, {masked})\ndef later():\n    memory.call({VA})\n"
        "    return memory.probe(LINEAR + injector.frame.pa)\n",
    )
    assert got == FAULT_EL1
    machine.exec("tidy()")


@pytest.mark.parametrize(
    ("place", "call"),
    [
        ("injector.place", "memory.call, injector.place"),
        ("{mp_execute_bytecode}", "lambda: 1"),
        ("{mp_binary_op}", "lambda: sys.path + [1]"),
        ("{exception_irq}", f"memory.call, {VA}"),
        ("{thread_fault_redirect}", "read, 8"),
    ],
    ids=["machine code", "bytecode", "C", "interrupt", "fault"],
)
def test_in_python_code_it_is_a_fault_without_an_address(
    machine: Machine, place: str, call: str
) -> None:
    place = place.format_map(symbols(board_session.elf(machine.board)))
    script = f"import sys\ncode_at({VA}, {code(TIMER)})"
    got = value(machine, f"[at({place}, {call}) for _ in range(3)]", script)
    machine.exec("tidy()")
    assert got == [FAULT_EL1] * 3
    assert machine.exec("print(6 * 7)") == "42\n"


@pytest.mark.parametrize("verb", ["read", "write"])
def test_machine_mem_waits_for_its_own(machine: Machine, verb: str) -> None:
    places = barriers(machine, "machine_word_subscr")
    setup = f"va = LINEAR + injector.frame.pa + PAGE - 8\n{verb}(va)\n"
    got = value(machine, f"[at(place, {verb}, va) for place in {places}]", setup)
    assert len(places) > 1 and got.count(FAULT_EL1) == 1, "each access has one of them"


def test_a_pager_that_meets_one_raises_it(machine: Machine) -> None:
    script = f"""
space, calls = memory.AddressSpace(), []
def pager(va, access):
    calls.append(access)
    if len(calls) == 1:
        memory.call(injector.place)
    return memory.frames.alloc()
space.reserve({VA}, PAGE, pager=pager)
with space:
    first = at(injector.place, read, {VA})
    got = [first, mem64[{VA}], calls]
space.close()
"""
    assert value(machine, "got", script) == [FAULT_EL1, 0, ["read", "read"]]


def test_during_a_single_step_it_ends_the_step(machine: Machine) -> None:
    # Pending when the step begins, so that it is taken before the instruction is done.
    script = f"""
space, frames, seen = memory.AddressSpace(), memory.frames.alloc(), []
def pager(va, access):
    seen.append(access)
    space.map(va, frames.pa, PAGE, 'rw')
space.reserve({VA}, PAGE, pager=pager, step=True)
with space:
    first = at({symbol(machine, "step_begin")}, read, {VA})
    second = read({VA})
    got = [first, second - mem64[LINEAR + frames.pa], seen]
space.close()
frames.close()
"""
    assert value(machine, "got", script) == [FAULT_EL1, 0, ["read", "read"]]


@pytest.mark.parametrize(
    ("place", "program", "el"),
    [
        (f"{CODE}", ENDLESS, 0),
        ("{exception_user_sync}", "svc #0", 0),
        ("{exception_user_sync}", "ldr x0, [xzr]", 0),
        ("{exception_user_irq}", ENDLESS, 0),
        ("{irq_dispatch}", ENDLESS, 1),
        ("{port_user_enter}", "svc #0", 1),
    ],
    ids=["instruction", "call", "fault", "interrupt", "driver", "before"],
)
def test_a_program_at_el0_ends(machine: Machine, place: str, program: str, el: int) -> None:
    control = EL0 if place == f"{CODE}" else EL1
    place = place.format_map(symbols(board_session.elf(machine.board)))
    program = program.replace("[xzr]", "[x0]")
    got = value(
        machine,
        f"[at({place}, user.run, {code(program)}, control={control}, limit_ms=10_000, "
        "handler=handler) for _ in range(2)] + [called]",
        "called = []\ndef handler(number, r):\n    called.append(number)\n    return user.EXIT\n",
    )
    assert got == [[None, None, ABORT, None, el]] * 2 + [[]]


def test_an_error_that_was_pending_before_entry_is_not_the_program_s(machine: Machine) -> None:
    masked = code("msr daifset, #4; nop; ret")
    got = value(
        machine,
        f"[at({VA + 4}, later), called]",
        f"""
code_at({VA}, {masked})
called = []
def later():
    memory.call({VA})
    user.run({code("svc #0")}, handler=lambda number, r: called.append(number))
""",
    )
    assert got == [FAULT_EL1, []]
    machine.exec("tidy()")


#: What runs, where the SError comes, and why it cannot be raised.
NOT_RAISED = {
    "collector": ("gc.collect()", "gc_collect", "fault inside the collector"),
    "collector, marking": (
        "gc.collect()",
        "collector_mark",
        "fault while the collector is locked",
    ),
    "collector, sweeping": (
        "gc.collect()",
        "gc_collect_end",
        "fault while the collector is locked",
    ),
    "allocator": ("bytearray(10000)", "gc_alloc", "fault inside the collector"),
    "mechanism": (
        "memory.AddressSpace().map(VA, memory.frames.alloc())",
        "paging_map",
        "fault inside the collector",
    ),
    "interrupts masked": (
        "machine.disable_irq(); memory.call(injector.place)",
        "place",
        "fault with interrupts masked",
    ),
}


@pytest.mark.parametrize("case", NOT_RAISED)
def test_where_nothing_can_be_raised_it_is_a_crash_report(victim: Machine, case: str) -> None:
    statement, name, why = NOT_RAISED[case]
    place = "injector.place" if name == "place" else str(symbol(victim, name))
    with pytest.raises(BoardCrash) as caught:
        victim.exec(setup(f"arm({place})\n{statement}\nprint('never')\n"))
    text, report = caught.value.text, caught.value.report
    assert text.startswith(f"*** crash: {why}")
    assert "(current EL with SP_EL0)" in text.splitlines()[0]
    assert report["fault"] == "SError: asynchronous external abort, syndrome 0x0000000"
    assert report["vector"] == 3
    assert "what the tables say" not in text, "the address is not known"
