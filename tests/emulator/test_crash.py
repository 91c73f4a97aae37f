# SPDX-License-Identifier: MIT
"""Crashes: the report says what happened, and the host tool ends with 3 at once.

A fault of the thread is raised as memory.Fault where that is safe (tests/target/test_fault.py).
With interrupts masked it is not, which is how these tests get their crashes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

import layout
import pytest
from machine_code import assemble, code

from pimem.board.link import BoardCrash, Link
from pimem.testing import Machine, board_session

THREAD_STACK_GUARD = layout.STACK_GUARD  # 64 KiB without a mapping below the thread's stack

# Machine code at VA, in a space that is active.
CODE = """\
import machine, memory
code = memory.frames.alloc(1)
memoryview(code)[:{size}] = {code}
VA = 0x6000000000
space = memory.AddressSpace()
space.map(VA, code, prot='rx')
space.activate()
memory.sync_code(VA, {size})
print('before')
machine.disable_irq()
memory.call(VA, {argument:#x})
print('never')
"""
MASKED = "from machine import disable_irq, mem8, mem32\nprint('before')\ndisable_irq()\n"
READ = MASKED + "mem8[{address:#x}]\nprint('never')\n"
WRITE = MASKED + "mem32[{address:#x}] = 1\nprint('never')\n"

STALE_VIEW = """\
import machine, memory
frames = memory.frames.alloc(4)
view = memoryview(frames)
view[4097] = 1
frames.close()
other = memory.frames.alloc(4)
print('before')
machine.disable_irq()
view[4097] = 2
print('never')
"""


def calling(source: str, argument: int = 0) -> str:
    """A script that calls machine code with interrupts masked."""
    return CODE.format(code=code(source), size=len(assemble(source)), argument=argument)


def crash(machine: Machine, code: str) -> BoardCrash:
    with pytest.raises(BoardCrash) as caught:
        machine.exec(code)
    return caught.value


def check_whole(exc: BoardCrash) -> None:
    """A report has all of its parts, and ends with the line for tools."""
    text, report = exc.text, exc.report
    assert text.startswith("*** crash: ")
    for register in range(31):
        assert re.search(rf"^.*\bx{register}\s+[0-9a-f]{{16}}", text, re.MULTILINE), register
    for name in ("sp", "pc", "spsr", "esr", "far", "ttbr0", "ttbr1"):
        assert re.search(rf"\b{name}\s+[0-9a-f]{{8,16}}", text), name
    backtrace = re.search(r"^backtrace:((?: [0-9a-f]{10,16})+)$", text, re.MULTILINE)
    assert backtrace and len(backtrace[1].split()) >= 2
    assert text.rstrip().splitlines()[-1].startswith("CRASH {")
    assert {"cause", "fault", "pc", "esr", "far", "backtrace"} <= set(report)
    assert int(report["backtrace"][0], 16) == int(report["pc"], 16)


def test_reading_null_is_reported(victim: Machine) -> None:
    exc = crash(victim, READ.format(address=0x10))
    check_whole(exc)
    assert int(exc.report["far"], 16) == 0x10
    assert int(exc.report["esr"], 16) >> 26 == 0x25, "data abort at the same level"
    assert "read" in exc.report["fault"] and "0x" in exc.report["fault"]
    # Page 0 has a table of its own and no entry in it.
    assert "what the tables say about 0x10:" in exc.text
    levels = re.findall(r"level (\d): table 0x[0-9a-f]+ \[0\] = 0x[0-9a-f]{16} (\w+)", exc.text)
    assert levels[-1][1] == "invalid"
    assert all(kind == "table" for _, kind in levels[:-1])


def test_writing_kernel_text_is_refused_in_every_alias(victim: Machine) -> None:
    pa = victim.eval("_memory.sections()[0][2]", "import _memory")
    exc = crash(victim, WRITE.format(address=pa + layout.LINEAR))
    check_whole(exc)
    assert int(exc.report["esr"], 16) & 0x3C == 0x0C, "permission fault"
    assert "write" in exc.report["fault"]
    assert re.search(r"level [123]: .* leaf", exc.text)


def test_the_guard_below_the_stack_is_not_mapped(victim: Machine) -> None:
    exc = crash(victim, READ.format(address=THREAD_STACK_GUARD + 0xFFF0))
    check_whole(exc)
    assert int(exc.report["esr"], 16) & 0x3C == 0x04, "translation fault"
    assert int(exc.report["far"], 16) == THREAD_STACK_GUARD + 0xFFF0


def test_a_stack_that_overflows_ends_in_a_report(victim: Machine) -> None:
    # It is past what boot has mapped in 64 steps, past the reserve, if that is filled, in 64 more.
    exc = crash(victim, calling("1: sub sp, sp, #1024; str x0, [sp]; b 1b"))
    end = layout.THREAD_STACK_TOP - layout.THREAD_STACK_FIXED
    assert end - 17 * 4096 <= int(exc.report["far"], 16) < end
    assert "write" in exc.report["fault"]


def test_an_undefined_instruction_is_reported(victim: Machine) -> None:
    exc = crash(victim, calling("udf #0"))
    check_whole(exc)
    assert int(exc.report["esr"], 16) >> 26 == 0
    assert int(exc.report["pc"], 16) == 0x6000000000


def test_running_memory_without_the_right_to_is_reported(victim: Machine) -> None:
    pa = victim.eval("frame.pa", "import memory\nframe = memory.frames.alloc(1)")
    linear = pa + layout.LINEAR
    exc = crash(victim, calling("br x0", linear))
    check_whole(exc)
    assert int(exc.report["esr"], 16) >> 26 == 0x21, "instruction abort at the same level"
    assert int(exc.report["pc"], 16) == linear


def test_a_misaligned_pc_is_reported(victim: Machine) -> None:
    exc = crash(victim, calling("br x0", 0x6000000002))
    assert int(exc.report["esr"], 16) >> 26 == 0x22
    assert int(exc.report["pc"], 16) == 0x6000000002


def test_a_view_used_after_its_owner_closed_names_the_address(victim: Machine) -> None:
    exc = crash(victim, STALE_VIEW)
    check_whole(exc)
    far = int(exc.report["far"], 16)
    assert layout.VIEW <= far < layout.VIEW_END, "the view window"
    assert far & 0xFFF == 1
    assert f"{far:x}" in exc.text


PYTHON = """\
import machine
class Deep:
    def method(self, n):
        if n == 0:
            machine.disable_irq()

            return [machine.mem8[8] for _ in range(2)]
        return self.method(n - 1)
print('before')
Deep().method(9)
"""


def test_the_report_names_the_python_line_that_ran(victim: Machine) -> None:
    exc = crash(victim, PYTHON)
    check_whole(exc)
    assert exc.report["python"] == "<stdin>:7 in <listcomp>"
    assert "\nPython: <stdin>:7 in <listcomp>\n" in exc.text.replace("\r", "")


def test_the_line_of_frozen_and_of_generated_code(victim: Machine) -> None:
    code = """
import machine
def numbers():
    machine.disable_irq()
    yield machine.mem8[8]
print('before')
exec("import sys\\nfor n in numbers():\\n    pass")
"""
    exc = crash(victim, code)
    assert exc.report["python"] == "<stdin>:5 in numbers"


def test_the_report_fits_a_screen(victim: Machine) -> None:
    exc = crash(victim, READ.format(address=0x10))
    lines = exc.text.replace("\r", "").rstrip().split("\n")
    assert all(len(line) <= 80 for line in lines[2:-1]), "but for the sentence and the JSON"
    assert sum(1 + (len(line) - 1) // 80 for line in lines if line) <= 40


def test_the_next_start_tells_of_the_crash(victim: Machine) -> None:
    assert victim.eval("memory.last_crash()", "import memory") is None
    machine = board_session.boot(victim.name, reboot=True)
    try:
        machine.exec("import memory\nmemory.crash_action('reset')")
        exc = crash(machine, PYTHON)
        machine.link.close()  # this image has nothing but the crash
        machine.link = Link(machine.emulated().pty, ended=machine.emulated().ended)
        board_session.wake(machine.link)
        told, cause = machine.eval(
            "[memory.last_crash(), machine.reset_cause() == machine.CRASH_RESET]",
            "import machine, memory",
        )
        assert cause is True
        assert told.startswith("fault with interrupts masked: read from 0x0000000000000008: ")
        assert told.endswith(f", pc {exc.report['pc']}, <stdin>:7 in <listcomp>")
        # A soft reset is one, and a reset later it is not mentioned any more.
        machine.soft_reset()
        assert machine.eval("machine.reset_cause() == machine.SOFT_RESET", "import machine")
        machine.link.write(b"import machine\nmachine.reset()\n\x04")
        board_session.wait_for_prompt(machine)
        machine.link.enter_raw_repl()
        got = machine.eval(
            "[memory.last_crash(), machine.reset_cause() == machine.CRASH_RESET]",
            "import machine, memory",
        )
        assert got == [None, False]
    finally:
        machine.close()


def test_the_setting_resets_instead_of_halting(victim: Machine) -> None:
    victim.exec("import memory\nmemory.crash_action('reset')")
    exc = crash(victim, READ.format(address=0))
    check_whole(exc)
    qemu, end = victim.emulated(), time.monotonic() + 60
    while not (ended := qemu.ended()) and time.monotonic() < end:
        time.sleep(0.05)
    assert ended == "the guest ended in state 'shutdown'", "QEMU stops at a reset"


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize(
    ("script", "named"),
    [
        (READ.format(address=8), '"far":"0x8"'),
        (STALE_VIEW, f'"far":"{layout.VIEW >> 32:#x}'),
    ],
    ids=["null", "stale view"],
)
def test_the_runner_exits_3_without_waiting_for_silence(
    name: str, script: str, named: str
) -> None:
    kernel = str(board_session.kernel(board_session.boards.load(name)))
    command = [sys.executable, "-m", "pimem", "run", "--board", name, "--kernel", kernel]
    # A board that is silent is given up after ten minutes here. Nothing waits that long.
    done = subprocess.run(
        [*command, "--timeout", "600"], input=script, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 3, done.stderr
    assert named in done.stderr
    assert done.stdout.startswith("before\n") and "never" not in done.stdout


#: Machine code that the system cannot go on after, and what the report is to say.
LOST = {
    "_start is called": ("br x0", "fault with interrupts masked", "undefined instruction"),
    "SMC": ("smc #0", "fault with interrupts masked", "undefined instruction"),
    "breakpoint": ("brk #1", "fault with interrupts masked", "breakpoint"),
    "return to EL2": (
        "adr x1, 1f; mov x2, #0x3c9; msr ELR_EL1, x1; msr SPSR_EL1, x2; eret; 1: ret",
        "fault with interrupts masked",
        "illegal execution state",
    ),
    "return to EL0": (
        "adr x1, 1f; msr ELR_EL1, x1; msr SPSR_EL1, xzr; eret; 1: ret",
        "exception at EL0, where no program runs",
        "permission fault",
    ),
    "return to AArch32": (
        "mov x2, #0x10; msr ELR_EL1, xzr; msr SPSR_EL1, x2; eret",
        "synchronous exception",
        "fault",
    ),
    "return to SP_EL1": (
        "adr x1, 1f; mov x2, #5; msr ELR_EL1, x1; msr SPSR_EL1, x2; eret; 1: brk #1",
        "synchronous exception",
        "breakpoint",
    ),
}


@pytest.mark.parametrize("case", LOST)
def test_what_leaves_the_thread_at_el1_ends_in_a_report(victim: Machine, case: str) -> None:
    source, cause, fault = LOST[case]
    start = victim.eval("_memory.sections()[0][1]", "import _memory")
    exc = crash(victim, calling(source, start))
    assert exc.text.startswith(f"*** crash: {cause} (")
    assert exc.report["cause"] == cause and fault in exc.report["fault"]


#: Machine code that stores upwards from the argument; and downwards, as a stack grows. The report
#: of an exception on the exception stack is made on the emergency stack.
UPWARDS = "1: str xzr, [x0], #8; b 1b"
DOWNWARDS = "msr SPSel, #1; mov sp, x0; 1: str x0, [sp, #-64]!; b 1b"
OVERRUNS = {
    "exception stack": DOWNWARDS,
    **dict.fromkeys(("data", "crash record", "emergency stack", "first arena"), UPWARDS),
}


@pytest.mark.parametrize("section", OVERRUNS)
def test_what_runs_out_of_a_section_is_stopped_at_its_edge(victim: Machine, section: str) -> None:
    sections = victim.eval("_memory.sections()", "import _memory")
    start, size = next((va, size) for name, va, _, size, _ in sections if name == section)
    # The last words only: the report needs what would be overwritten.
    down = OVERRUNS[section] == DOWNWARDS
    exc = crash(victim, calling(OVERRUNS[section], start + 64 if down else start + size - 8))
    edge = start - 64 if down else start + size
    assert int(exc.report["far"], 16) == edge and "translation fault" in exc.report["fault"]
