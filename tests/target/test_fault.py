# SPDX-License-Identifier: MIT
"""A fault of the thread is a Python exception, with the right fields, and the board goes on."""

from __future__ import annotations

import layout
import pytest
from machine_code import code
from on_board import PERMISSION, TRANSLATION, run, start, value
from socs import soc_of

from pimem.testing.board_session import PIS, Machine

pytestmark = pytest.mark.also_raw

VA = 0x60_0000_0000
UNDEFINED, ILLEGAL_STATE, INSTRUCTION_ABORT, DATA_ABORT = 0, 0x0E, 0x21, 0x25
STATUS = {TRANSLATION: 0x04, PERMISSION: 0x0C, "external abort": 0x10, "alignment fault": 0x21}
WNR = 1 << 6


def check(
    board: Machine,
    expression: str,
    expected: list,
    exception_class: int,
    setup: str = "",
    in_kernel: bool = True,
) -> str:
    """One fault with all of its fields; then the next line at the REPL. The message."""
    got, text = value(board, f"[whole({expression}), (TEXT, TEXT_END)]", setup)
    esr, pc, message = got[5:]
    assert got[:5] == [*expected, 1]
    assert esr >> 26 == exception_class
    if exception_class in (DATA_ABORT, INSTRUCTION_ABORT):
        status = STATUS[expected[2]]
        assert esr & 0x3F == status | (expected[3] or 0)
    if exception_class == DATA_ABORT:
        assert bool(esr & WNR) == (expected[1] == "write")
    assert (text[0] <= pc < text[1]) == in_kernel
    assert message.endswith(f", pc {pc:#018x}")
    if expected[0] is not None:
        verb = {"read": "read from", "write": "write to", "execute": "execution of"}[expected[1]]
        level = "" if expected[3] is None else f" at level {expected[3]}"
        assert message.startswith(f"{verb} {expected[0]:#018x}: {expected[2]}{level}")
    assert board.exec("print(6 * 7)") == "42\n"
    return str(message)


@pytest.mark.parametrize("verb", ["read", "write"])
@pytest.mark.parametrize(
    "address", [0, 0x1234_5678_9000, layout.STACK_GUARD, layout.LINEAR + (1 << 38)]
)
def test_what_is_not_mapped(board: Machine, verb: str, address: int) -> None:
    level = value(board, f"depth({address})")
    expected = [address, verb, TRANSLATION, level]
    message = check(board, f"{verb}, {address}", expected, DATA_ABORT)
    assert "(nothing is mapped there)" in message


@pytest.mark.parametrize("verb", ["read", "write"])
def test_an_address_of_neither_half(board: Machine, verb: str) -> None:
    address = 0x0008_0000_0000_0000
    message = check(board, f"{verb}, {address}", [address, verb, TRANSLATION, 0], DATA_ABORT)
    assert "(in neither half of the address space)" in message


def test_a_read_only_page(board: Machine) -> None:
    expected = [VA + 8, "write", PERMISSION, 3]
    message = check(board, f"write, {VA + 8}", expected, DATA_ABORT, f"data_at({VA}, 'r')\n")
    assert "(page is read-only)" in message
    assert board.eval(f"mem64[{VA + 8}]") == 0, "reading it is allowed"
    board.exec("tidy()")


@pytest.mark.parametrize("alias", ["image", "linear map", "identity view"])
def test_kernel_text_in_every_alias(board: Machine, alias: str) -> None:
    pa = value(board, "_memory.sections()[0][2]", "import _memory\n")
    offsets = {
        "image": value(board, "TEXT"),
        "linear map": pa + layout.LINEAR,
        "identity view": pa,
    }
    address = offsets[alias]
    before = value(board, f"mem32[{address}]")
    message = check(board, f"write, {address}", [address, "write", PERMISSION, 3], DATA_ABORT)
    assert "(page is read-only, kernel text)" in message
    assert board.eval(f"mem32[{address}]") == before
    assert value(board, f"depth({address})") == 3


def test_the_address_of_a_closed_space(board: Machine) -> None:
    setup = f"""
data_at({VA}, 'rw')
mem64[{VA}] = 77
value = mem64[{VA}]
tidy()
"""
    level = value(board, f"depth({VA})")
    check(board, f"read, {VA}", [VA, "read", TRANSLATION, level], DATA_ABORT, setup)
    assert board.eval("value") == 77


@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_stale_view(board: Machine, verb: str) -> None:
    setup = """
frames = memory.frames.alloc(2)
view = memoryview(frames)
view[4097] = 1
frames.close()
def use():
    global view
    if VERB == 'read':
        return view[4097]
    view[4097] = 2
"""
    setup = f"VERB = {verb!r}\n" + setup
    # The address is not known before; the fault says it, and it must be the view's.
    address = value(board, "whole(use)[0]", setup)
    assert layout.VIEW <= address < layout.VIEW_END and address & 0xFFF == 1
    level = value(board, f"depth({address})")
    check(board, "use", [address, verb, TRANSLATION, level], DATA_ABORT)


@pytest.mark.parametrize(
    "use",
    ["sys.stdout.write(view[4096:])", "file.write(view[4096:])", "file.readinto(view[4096:])"],
)
def test_a_stale_view_is_met_before_the_console_and_filesystems(board: Machine, use: str) -> None:
    got = value(
        board,
        "got",
        f"""
import sys, vfs
disk = memory.ramdisk(256 * 1024)
vfs.VfsFat.mkfs(disk)
vfs.mount(vfs.VfsFat(disk), '/stale')
file = open('/stale/file', 'wb+')
file.write(b'text')
file.seek(0)
frames = memory.frames.alloc(2)
view = memoryview(frames)
view[4096] = 1
frames.close()
got = fields(lambda: {use})
file.close()
vfs.umount('/stale')
disk.close()
""",
    )
    assert layout.VIEW <= got[0] < layout.VIEW_END and got[0] & 0xFFF == 0
    assert got[1:3] == ["write" if "into" in use else "read", TRANSLATION]


def test_a_read_only_buffer_of_a_file_is_told_as_what_it_is(board: Machine) -> None:
    got = value(
        board,
        "got",
        f"""
import uctypes, vfs
disk = memory.ramdisk(256 * 1024)
data_at({VA}, 'r')
got = whole(disk.readblocks, 0, uctypes.bytearray_at({VA}, 512))
tidy()
disk.close()
""",
    )
    assert got[:5] == [VA, "write", PERMISSION, 3, 1]


def test_running_heap_memory(board: Machine) -> None:
    setup = "block = memory.heap.alloc(64)\nmemoryview(block)[:4] = bytes(4)\n"
    address = value(board, "block.address", setup)
    expected = [address, "execute", PERMISSION, 3]
    message = check(
        board, "memory.call, block.address", expected, INSTRUCTION_ABORT, in_kernel=False
    )
    assert "(page is not executable, kernel heap)" in message
    board.exec("block.close()")


def test_running_undefined_instructions(board: Machine) -> None:
    setup = f"code_at({VA}, {code('udf #0')})\n"
    expected = [None, None, "undefined instruction", None]
    message = check(board, f"memory.call, {VA}", expected, UNDEFINED, setup, in_kernel=False)
    assert message.startswith("undefined instruction, pc ")
    assert board.eval(f"whole(memory.call, {VA})[6]") == VA
    board.exec("tidy()")


@pytest.mark.parametrize(
    ("source", "argument", "expected"),
    [
        ("udf #0", 0, [None, None, "undefined instruction"]),
        ("brk #0", 0, [None, None, "breakpoint"]),
        ("br x0", 0x7000000000, [0x7000000000, "execute", TRANSLATION]),
        ("br x0", VA + 2, [VA + 2, "execute", "misaligned program counter"]),
        ("ldr x0, [x0]", 16, [16, "read", TRANSLATION]),
    ],
    ids=["undefined", "breakpoint", "nothing there", "misaligned pc", "null"],
)
def test_machine_code_that_faults_raises(
    board: Machine, source: str, argument: int, expected: list
) -> None:
    got = value(
        board, f"fields(memory.call, {VA}, {argument})", f"code_at({VA}, {code(source)})\n"
    )
    assert got[:3] == expected
    board.exec("tidy()")


@pytest.mark.guest_errors(r"Illegal exception return at EL1: .*")
def test_an_illegal_execution_state_is_over_when_it_is_told(board: Machine) -> None:
    # 9 is EL2h.
    source = "mov x0, #9; msr spsr_el1, x0; adr x1, 1f; msr elr_el1, x1; eret; 1: ret"
    expected = [None, None, "illegal execution state", None]
    for _ in range(2):
        setup = f"code_at({VA}, {code(source)})\n"
        check(board, f"memory.call, {VA}", expected, ILLEGAL_STATE, setup, in_kernel=False)
        board.exec("tidy()")


@pytest.mark.parametrize(
    "source",
    [
        "mov x0, #0xc00000; msr fpcr, x0",
        "msr daifset, #4; msr daifclr, #8",
    ],  # to zero; A masked, D not
    ids=["rounding", "masks"],
)
def test_what_machine_code_did_to_the_processor_is_over(board: Machine, source: str) -> None:
    program = code(f"{source}; mov x0, #0; ldr x0, [x0]")
    got = value(
        board,
        f"[before, fields(memory.call, {VA})[2], [one / 10, memory.regs()['daif']]]",
        f"one = 1.0\nbefore = [0.1, memory.regs()['daif']]\ncode_at({VA}, {program})\n",
    )
    board.exec("tidy()")
    assert got[1] == TRANSLATION and got[0] == got[2]


def test_a_callback_that_faults_while_the_console_waits(board: Machine) -> None:
    start(
        board,
        "import sys",
        "def later(address):",
        "    machine.mem8[address]",
        "micropython.schedule(later, 0); print(sys.stdin.read(1))",
    )
    board.link.read_until(b"memory.Fault: read from 0x0000000000000000", total=20)
    board.link.write(b"k")
    assert board.link.read_until(b"\x04>", total=20).split(b"\x04")[0].endswith(b"\r\nk\r\n")
    assert board.exec("print(6 * 7)") == "42\n"


def test_unaligned_access_to_a_device(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU's virt machine lets an unaligned access to a device through")
    device = soc_of(board.board).uart
    # The identity view is gone while another space is active: the kernel's own window is used.
    address = layout.MMIO + device + 1
    expected = [address, "read", "alignment fault", None]
    setup = f"code_at({VA}, {code('ldr x0, [x0]')})\n"
    expression = f"memory.call, {VA}, {address}"
    check(board, expression, expected, DATA_ABORT, setup, in_kernel=False)
    board.exec("tidy()")
    said = run(board, f"try:\n    mem32[{device + 1}]\nexcept ValueError as e:\n    print(e)")
    assert "align" in said, "machine.mem32 looks first"


@pytest.mark.parametrize("verb", ["read", "write"])
def test_an_address_that_nothing_answers(board: Machine, verb: str) -> None:
    soc = soc_of(board.board)
    if board.qemu is not None:
        check(
            board,
            f"{verb}, {soc.unanswered}",
            [soc.unanswered, verb, "external abort", None],
            DATA_ABORT,
        )
    elif soc.unanswered_on_board == 0:
        pytest.skip("no address is known that this chip's bus answers with an error")
    address = soc.unanswered if board.qemu else soc.unanswered_on_board
    # A processor that reports it later does not know the address.
    at_once = [address, verb, "external abort", None, 1]
    later = [None, None, "external abort", None, 1]
    got, probed, poked = value(
        board, f"[fields({verb}, {address}), memory.probe({address}), memory.poke({address}, 0)]"
    )
    assert got in (at_once, later)
    assert (probed, poked) == (None, False)
    assert board.exec("print(6 * 7)") == "42\n"


def test_the_message_is_a_sentence(board: Machine) -> None:
    out = run(
        board,
        "try:\n    write(TEXT)\nexcept memory.Fault as e:\n    print(e)\n    print(e.args[0])\n"
        "    print(repr(e).startswith('Fault('))\n",
    )
    sentence, errno, is_repr = out.splitlines()
    text = (
        f"write to {layout.IMAGE + 0x80000:#018x}: permission fault at level 3 "
        "(page is read-only, kernel text)"
    )
    assert sentence.startswith(text + f", pc {layout.IMAGE >> 32:#010x}")
    assert (errno, is_repr) == ("14", "True")


def test_the_message_is_about_the_space_of_the_fault(board: Machine) -> None:
    # ... whatever another space, which is active when it is printed, has at that address.
    out = run(
        board,
        """
space, page = memory.AddressSpace(), memory.frames.alloc()
def told(f):
    with space:
        try:
            f(RAM)
        except memory.Fault as e:
            fault = e
    print(str(fault).split(': ')[1].split(', pc')[0])
told(read)
space.map(RAM, page, prot='r')
told(write)
space.unmap(RAM, 4096)
space.reserve(RAM, 4096)
told(read)
space.unmap(RAM, 4096)
space.reserve(RAM, 4096, pager=lambda va, access: None)
told(read)
with space:
    try:
        read(RAM)
    except memory.Fault as e:
        fault = e
space.close()
page.close()
print(str(fault).split(': ')[1].split(', pc')[0])
""",
    )
    fault, where = zip(*(line.split(" (") for line in out.splitlines()[:-1]), strict=True)
    assert {f.split(" at ")[0] for f in fault} == {TRANSLATION, PERMISSION}
    assert where == (
        "nothing is mapped there)",
        "page is read-only)",
        "reserved, nothing is mapped)",
        "in a range with a pager)",
    )
    assert "(" not in out.splitlines()[-1], "nothing is known of a space that is closed"


def test_a_fault_made_by_hand_is_an_ordinary_exception(board: Machine) -> None:
    out = board.exec(
        "import memory\ntry:\n    raise memory.Fault(5)\n"
        "except OSError as e:\n    print(repr(e), e.args)"
    )
    assert out == "Fault(5,) (5,)\n"


@pytest.mark.also_raw(False)
def test_100_000_faults_leave_nothing_behind(board: Machine) -> None:
    got = value(
        board,
        "churn()",
        """
def faults(n):
    x = 1.25
    caught = 0
    for i in range(n):
        y = x * i
        try:
            mem8[0]
        except memory.Fault:
            caught += 1
        assert y == x * i
    return caught

def churn():
    faults(1000)
    gc.collect()
    before = gc.mem_alloc(), memory.frames.stats()['free']
    caught = faults(100000)
    gc.collect()
    return (caught, gc.mem_alloc() - before[0], memory.frames.stats()['free'] - before[1],
        memory.check())
""",
        timeout=120,
    )
    caught, grown, frames, problems = got
    assert (caught, frames, problems) == (100_000, 0, []) and grown <= 1024


RECURSION = """
import json, re
def nest(n):
    l = []
    for _ in range(n):
        l = [l]
    return l
def f(n):
    return f(n + 1) + 1
def kind(g, *args):
    try:
        g(*args)
    except (RuntimeError, ValueError) as e:
        return type(e).__name__
got = [kind(f, 0), kind(json.dumps, nest(200000)), kind(re.match, '(a|b)*c', 'ab' * 100000),
    kind(re.compile, '(' * 200000)]
"""


@pytest.mark.also_raw(False)
def test_recursion_without_end_is_a_runtime_error(board: Machine) -> None:
    got = board.eval("got", RECURSION, timeout=120)
    assert board.exec("print(6 * 7)") == "42\n"
    assert got[:3] == ["RuntimeError"] * 3 and got[3] in ("RuntimeError", "ValueError")


def test_machine_code_that_overflows_the_stack_is_a_runtime_error(board: Machine) -> None:
    source = "1: sub sp, sp, #1024; str x0, [sp]; b 1b"
    out = run(
        board,
        f"code_at({VA}, {code(source)})\n"
        f"try:\n    memory.call({VA})\nexcept RuntimeError as e:\n    print(e)\n"
        "memory.identity.activate()\nspace.close()\nframes.close()\n",
    )
    assert out == "maximum recursion depth exceeded\n"


@pytest.mark.parametrize("sp", [0x7000, VA + 0x800, "memory.heap.base + 0x8000", (1 << 64) - 4096])
def test_machine_code_that_lost_its_stack_is_a_fault(board: Machine, sp: int | str) -> None:
    expected = [0x10, "read", TRANSLATION, value(board, "depth(0x10)")]
    setup = f"code_at({VA}, {code('mov sp, x1; ldr x0, [x0]')})\n"
    expected[3] = value(board, "space.walk(0x10)[-1].level", setup)
    expression = f"memory.call, {VA}, 0x10, {sp}"
    for _ in range(3):
        check(board, expression, expected, DATA_ABORT, "tidy()\n" + setup, in_kernel=False)
    board.exec("tidy()")
    assert value(board, "memory.check()") == []


def test_probe_and_poke_touch_what_may_not_be_there(board: Machine) -> None:
    got = value(
        board,
        "[memory.probe(0), memory.probe(at), memory.poke(at, 0xabcd, 2), memory.probe(at, 2), "
        "memory.poke(TEXT, 1), memory.probe(TEXT) is None, memory.probe(at, 8), "
        "memory.probe(at + 1, 1)]",
        "block = memory.heap.alloc(64)\nmemoryview(block)[:8] = bytes(8)\nat = block.address\n",
    )
    assert got == [None, 0, True, 0xABCD, False, False, 0xABCD, 0xAB]
    board.exec("block.close()")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        ("memory.probe(2)", "0x0000000000000002"),
        ("memory.probe(0, 3)", "3"),
        ("memory.poke(0, 256, 1)", "0x100"),
        ("memory.probe(-4)", "-4"),
    ],
)
def test_bad_arguments_of_probe_are_refused(board: Machine, call: str, named: str) -> None:
    out = board.exec(f"import memory\ntry:\n    {call}\nexcept ValueError as e:\n    print(e)")
    assert named in out
