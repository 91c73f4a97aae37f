# SPDX-License-Identifier: MIT
"""Each branch of the rule when a fault is raised, on the test image (tests/firmware/memtest.c).

Where raising is not safe: a crash report that names the condition that failed, and exit code 3.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import layout
import memtest_image
import pytest
from socs import soc_of

from pimem.board import symbols
from pimem.board.link import BoardCrash, Link
from pimem.testing import Machine, board_session

INSIDE = "fault inside the collector, the memory mechanism, a filesystem or the console"
LOCKED = "fault while the collector is locked"
BROKEN = "fault with a broken chain of frame records"

DISK = """
import sys, uctypes, vfs
nowhere = uctypes.bytearray_at(16, 512)
disk = memory.ramdisk(256 * 1024)
"""
FILE = """
vfs.mount(fs, '/lazy')
with open('/lazy/file', 'wb') as f:
    f.write(bytes(100))
f = open('/lazy/file', 'rb')
_memtest.fault_in('buffer')
f.readinto(nowhere)
"""
CAUGHT = """
for _ in range(2):
    try:
        machine.mem8[16]
    except memory.Fault:
        pass
"""
FAT = DISK + "vfs.VfsFat.mkfs(disk)\nfs = vfs.VfsFat(disk)" + FILE
LFS = DISK + "vfs.VfsLfs2.mkfs(disk)\nfs = vfs.VfsLfs2(disk)" + FILE

#: What is done, the condition that the report names, and a function of its backtrace.
CRASHES = {
    "mark": ("_memtest.fault_in('mark')\ngc.collect()", INSIDE, "gc_collect"),
    "sweep": ("_memtest.fault_in('sweep')\ngc.collect()", LOCKED, "gc_collect"),
    "sweep in an allocation": (
        "_memtest.fault_in('sweep')\nwhile True:\n    bytearray(1 << 20)",
        LOCKED,
        "alloc_slowly",
    ),
    "frames": ("_memtest.fault_in('frames')\nmemory.frames.alloc(3)", INSIDE, "bind_frames_take"),
    "frames for the heap": (
        "_memtest.fault_in('frames')\nkeep = [bytearray(1 << 20) for _ in range(8)]",
        INSIDE,
        "alloc_slowly",
    ),
    # Only the program counter, only the link register, only a record far up tells of it.
    "program counter": ("_memtest.fault_at_pc()", INSIDE, "collector_kind"),
    "link register": (
        DISK + "_memtest.fault_in('buffer')\ndisk.readblocks(0, nowhere)",
        INSIDE,
        "memory_ramdisk_readblocks",
    ),
    "deep in frames": (
        "_memtest.fault_in('deep frames')\nmemory.frames.alloc(3)",
        INSIDE,
        "touch_nowhere_deep",
    ),
    "fat": (FAT, INSIDE, "f_read"),
    "littlefs": (LFS, INSIDE, "lfs2_file_flushedread"),
    # What a search of the stack has noted is above these functions.
    "fat after a fault": (CAUGHT + FAT, INSIDE, "f_read"),
    "deep in frames after a fault": (
        CAUGHT + "_memtest.fault_in('deep frames')\nmemory.frames.alloc(3)",
        INSIDE,
        "touch_nowhere_deep",
    ),
    "console": (
        DISK + "_memtest.fault_in('buffer')\nsys.stdout.write(nowhere)",
        INSIDE,
        "mp_hal_stdout_tx_strn_cooked",
    ),
    "no stack to raise on": (
        "_memtest.fault_without_stack()",
        "the stack ran out, that of the handler too",
        "catch_at_the_end",
    ),
    "records in a circle": (
        "_memtest.fault_with_record('cycle')",
        BROKEN,
        "memtest_fault_with_record",
    ),
    "records down the stack": (
        "_memtest.fault_with_record('down')",
        BROKEN,
        "memtest_fault_with_record",
    ),
    "no record": ("_memtest.fault_with_record(8)", BROKEN, "memtest_fault_with_record"),
    "misaligned record": (
        f"_memtest.fault_with_record({layout.THREAD_STACK_TOP - 15:#x})",
        BROKEN,
        "memtest_fault_with_record",
    ),
    "record in a device": (
        "_memtest.fault_with_record(DEVICE)",
        BROKEN,
        "memtest_fault_with_record",
    ),
    "collector locked": (
        "micropython.heap_lock()\n_memtest.read_byte(0)",
        LOCKED,
        "read_byte",
    ),
    "interrupts masked": (
        "machine.disable_irq()\n_memtest.read_byte(0)",
        "fault with interrupts masked",
        "read_byte",
    ),
    "no exception handler": (
        "_memtest.fault_uncaught()",
        "fault without an exception handler",
        "fault_uncaught",
    ),
    "interrupt handler": (
        "_memtest.fault_in_irq()\ntime.sleep_ms(100)",
        "synchronous exception",
        "irq_handler",
    ),
}
#: In a window of devices, where QEMU has none: reading it would be an abort of its own.
UNANSWERED = {
    board.name: layout.MMIO + soc_of(board).unanswered for board in board_session.boards.load_all()
}
SETUP = "import _memtest, gc, machine, memory, micropython, time\nprint('before')\n"


@pytest.fixture(params=board_session.BOARDS)
def memtest(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Each board with the test image, for one test that may destroy it."""
    with board_session.booted(request.param, memtest_image.start_args(request.param)) as machine:
        yield machine


def crash(machine: Machine, code: str) -> BoardCrash:
    with pytest.raises(BoardCrash) as caught:
        machine.exec(SETUP + code + "\nprint('never')\n")
    assert "never" not in caught.value.text
    return caught.value


@pytest.mark.parametrize("case", CRASHES)
def test_where_raising_is_not_safe_there_is_a_report(memtest: Machine, case: str) -> None:
    code, cause, function = CRASHES[case]
    exc = crash(memtest, code.replace("DEVICE", hex(UNANSWERED[memtest.name])))
    assert exc.report["cause"] == cause
    assert exc.text.startswith(f"*** crash: {cause} (")
    assert "0x0000000000000" in exc.report["fault"], "page 0 was touched"
    assert function in functions(exc, memtest)


def test_the_python_line_under_an_interrupt_is_named(memtest: Machine) -> None:
    exc = crash(memtest, CRASHES["interrupt handler"][0])
    assert exc.report["python"] == "<stdin>:4 in <module>"


def functions(exc: BoardCrash, machine: Machine) -> set[str]:
    """The functions of the backtrace, inlined ones as well."""
    elf = memtest_image.kernel(machine.board).with_name("firmware.elf")
    found = symbols.resolve(elf, [int(at, 16) for at in exc.report["backtrace"]])
    return {place.function for places in found for place in places}


@pytest.mark.parametrize(
    "address", ["0", "0xdead0000dead0000", "(1 << 64) - 8", "TEXT", "DATA"], ids=str.lower
)
def test_a_damaged_interpreter_is_still_reported(memtest: Machine, address: str) -> None:
    kernel = "kernel = memory.report()['kernel']\n"
    names = "TEXT, DATA = kernel['text'][0], kernel['data'][1] - 4096\n"
    exc = crash(memtest, f"{kernel}{names}_memtest.damage_python({address})")
    assert exc.report["cause"] == "fault with interrupts masked"
    assert "backtrace:" in exc.text
    if address[0] in "0(":
        assert "python" not in exc.report


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_a_report_that_fails_itself_says_so(name: str) -> None:
    # Its first lines are out by then, it ends in a line for tools all the same, and is remembered.
    machine = board_session.boot(name, memtest_image.start_args(name), reboot=True)
    try:
        machine.exec("import _memtest, memory\nmemory.crash_action('reset')")
        exc = crash(
            machine, "_memtest.fault_in('report')\nmachine.disable_irq()\n_memtest.read_byte(0)"
        )
        assert exc.report["cause"] == "exception in the crash report"
        assert int(exc.report["far"], 16) == 0x10
        assert exc.text.startswith("*** crash: fault with interrupts masked (")
        machine.link.close()  # this image has nothing but the crash
        machine.link = Link(machine.emulated().pty, ended=machine.emulated().ended)
        board_session.wake(machine.link)
        told = machine.eval("memory.last_crash()", "import memory")
        assert told.startswith("fault with interrupts masked: read from 0x0000000000000000: ")
    finally:
        machine.close()


def test_an_asynchronous_abort_is_a_report(memtest: Machine) -> None:
    if memtest.name not in board_session.PIS:
        assert memtest.eval("_memtest.abort_later()", "import _memtest") is False
        pytest.skip("QEMU's virt machine has no EL2, which is what makes the abort")
    # Where it cannot be raised: tests/emulator/test_serror.py has the other places.
    exc = crash(memtest, "_memtest.abort_later()")
    assert exc.report["cause"] == "fault with interrupts masked"
    assert "asynchronous external abort" in exc.report["fault"]


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize("case", ["mark", "frames", "interrupt handler"])
def test_the_runner_exits_3(name: str, case: str) -> None:
    code, cause, _ = CRASHES[case]
    kernel = str(memtest_image.kernel(board_session.boards.load(name)))
    done = subprocess.run(
        [sys.executable, "-m", "pimem", "run", "--board", name, "--kernel", kernel]
        + ["--timeout", "60"],
        input=SETUP + code + "\nprint('never')\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert cause in done.stderr and "never" not in done.stdout


def test_a_bad_pointer_of_a_c_module_raises(memtest: Machine) -> None:
    out = memtest.exec(
        "import _memtest, memory\ntry:\n    _memtest.read_byte(16)\n"
        "except memory.Fault as e:\n    print(e.address, e.access, e.kind, e.el)\nprint('next')"
    )
    assert out == "16 read translation fault 1\nnext\n"


# So that each function's frame is across the edge of a page for some of the distances to it.
REACHES = """
import _memtest, gc, machine, memory
VA = 0x4000000000
space = memory.AddressSpace()
space.reserve(VA, 1 << 30, 'rw', pager=lambda va, access: memory.frames.alloc())
got = []
with space:
    for what in ('here', 'frames', 'collector', 'pager'):
        came = 0
        for left in range(48, 912, 16):
            gc.collect()
            came += _memtest.reach_for(what, False, left, VA + left * 4096)
        got.append(came > 0)
space.close()
gc.collect()
print(got, memory.check(), memory.frames.owners()['stack'] <= 32)
"""


def test_the_stack_is_first_touched_in_the_allocator_the_collector_and_a_pager(
    memtest: Machine,
) -> None:
    assert memtest.exec(REACHES) == f"{[True] * 4} [] True\n"


REACHES_THE_END = """
import _memtest, gc, machine, memory
VA = 0x4000000000
space = memory.AddressSpace()
space.reserve(VA, 4096, 'rw', pager=lambda va, access: memory.frames.alloc())
with space:
    for what in ('here', 'pager', 'here'):
        gc.collect()
        try:
            _memtest.reach_for(what, True, 512, VA)
        except RuntimeError as e:
            print(e)
space.close()
gc.collect()
print(memory.check(), memory.frames.owners()['stack'] <= 32)
"""


def test_an_empty_reserve_is_a_runtime_error(memtest: Machine) -> None:
    message = "maximum recursion depth exceeded\n"
    assert memtest.exec(REACHES_THE_END) == f"{message * 3}[] True\n"


@pytest.mark.parametrize(("what", "left"), [("frames", 64), ("collector", 16)])
def test_an_empty_reserve_in_the_mechanism_is_a_report(
    memtest: Machine, what: str, left: int
) -> None:
    """The collector's first function is the one that finds no room: later ones have it locked."""
    exc = crash(memtest, f"_memtest.reach_for('{what}', True, {left})")
    assert exc.report["cause"] == INSIDE
    assert int(exc.report["far"], 16) < layout.THREAD_STACK_TOP - layout.THREAD_STACK_FIXED


def test_c_that_recurses_without_end_raises(memtest: Machine) -> None:
    for _ in range(3):
        out = memtest.exec(
            "import _memtest, gc\ntry:\n    _memtest.recurse()\nexcept RuntimeError as e:\n"
            "    print(e)\ngc.collect()\nprint('next')"
        )
        assert out == "maximum recursion depth exceeded\nnext\n"


def test_what_waits_on_the_way_to_the_handler_is_called(memtest: Machine) -> None:
    # Under a callback of C, and in a pager, whose caller has to be told as well.
    out = memtest.exec(
        """
import _memtest, gc, machine, memory
space = memory.AddressSpace()
space.reserve(0x4000000000, 4096, 'rw', pager=_memtest.recurse)
gc.threshold(1)   # each exception made costs a collection, and its stack
got = []
def fails(f, *args):
    try:
        f(*args)
    except RuntimeError:
        got.append(_memtest.callback_runs())
with space:
    for i in range(6):
        fails(lambda: machine.mem8[0x4000000000])
        fails(_memtest.recurse_under_callback)
gc.threshold(-1)
space.close()
print(got, memory.check())
"""
    )
    assert out == "[0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6] []\n"


def test_floating_point_registers_survive_a_fault(memtest: Machine) -> None:
    got = memtest.eval(
        "[_memtest.keeps_fp(f) for f in (lambda: None, peek, spoil, deep)]",
        """
import _memtest, machine, memory
def peek():
    try:
        machine.mem8[0]
    except memory.Fault:
        pass
def spoil():
    try:
        _memtest.spoil_fp_and_fault()
    except memory.Fault:
        pass
def deep():
    try:
        _memtest.recurse()
    except RuntimeError:
        pass
""",
    )
    assert got == [8, 8, 8, 8]


def test_code_in_reserved_memory_is_cleaned_where_it_is_mapped(memtest: Machine) -> None:
    # The linear map does not have it. In both halves, by map() and a pager, in use or not.
    out = memtest.exec(
        """
import _memory, machine, memory
VA, PAGE = 0x4000000000, 4096
free = _memory.layout["free"][0]
reserved = [run for run in memory.frames.runs() if run[2] == "reserved"]
for start, end, _, name in reserved:
    pa = end - PAGE
    assert memory.probe(_memory.layout["linear"][0] + pa) is None
    memory.kernel.map(free, pa, PAGE, "rx")
    memory.kernel.unmap(free, PAGE)
    space = memory.AddressSpace()
    for _ in range(2):
        space.map(VA, pa, PAGE, "rx")
        space.protect(VA, PAGE, "r")
        space.protect(VA, PAGE, "rx")
        space.unmap(VA, PAGE)
        space.reserve(VA, PAGE, "rx", pager=lambda va, access: space.map(va, pa, PAGE, "rx"))
        with space:
            machine.mem8[VA]
            memory.sync_code(VA, PAGE)
        space.map(VA, pa, PAGE, "r")
        space.protect(VA, PAGE, "rx")
        space.unmap(VA, PAGE)
        space.activate()
    memory.identity.activate()
    space.close()
print(len(reserved) > 0, memory.check())
"""
    )
    assert out == f"{memtest.name in board_session.PIS} []\n"


def test_the_shipped_image_knows_nothing_of_it(machine: Machine) -> None:
    with pytest.raises(board_session.BoardError, match="no module named '_memtest'"):
        machine.exec("import _memtest")
    assert b"_memtest" not in board_session.kernel(machine.board).read_bytes()
