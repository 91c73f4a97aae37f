# SPDX-License-Identifier: MIT
"""A fault of the thread is a Python exception, with the right fields, and the board goes on."""

from __future__ import annotations

import pytest
from rig import PIS, Machine

# fields() tells a fault as [address, access, kind, level, el]; None: the processor says nothing.
PRELUDE = """
import gc, machine, memory, struct
from machine import mem8, mem32, mem64

def fields(f, *args):
    try:
        got = f(*args)
    except memory.Fault as e:
        assert e.errno == 14 and isinstance(e, OSError) and e.esr != 0 and e.pc != 0
        return [e.address, e.access, e.kind, e.level, e.el]
    raise AssertionError('no fault, but ' + repr(got))

def read(address):
    return mem64[address]

def write(address):
    mem32[address] = 1

def code_at(va, *words):
    # Machine code in a space of its own, which is left active.
    global space, frames
    frames = memory.frames.alloc()
    struct.pack_into('<%dI' % len(words), memoryview(frames), 0, *words)
    space = memory.AddressSpace()
    space.map(va, frames, prot='rx')
    space.activate()
    memory.sync_code(va, 4 * len(words))

TEXT = memory.report()['kernel']['text'][0]
"""
VA = 0x60_0000_0000
UDF = 0x00000000
BRK = 0xD4200000
BR_X0 = 0xD61F0000
LDR_X0_X0 = 0xF9400000
LINEAR = 0xFFFF_0000_0000_0000
STACK_GUARD = 0xFFFF_0080_4000_0000
TRANSLATION, PERMISSION = "translation fault", "permission fault"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("read, 0", [0, "read", TRANSLATION, None, 1]),
        ("write, 8", [8, "write", TRANSLATION, None, 1]),
        ("read, 0x123456789000", [0x123456789000, "read", TRANSLATION, 0, 1]),
        ("read, 0x8000000000000", [0x8000000000000, "read", TRANSLATION, 0, 1]),
        ("write, TEXT", [None, "write", PERMISSION, 3, 1]),
        (f"read, {STACK_GUARD - 4096}", [STACK_GUARD - 4096, "read", TRANSLATION, None, 1]),
        ("memory.call, memory.heap.base", [None, "execute", PERMISSION, 3, 1]),
    ],
)
def test_a_fault_has_the_right_fields(board: Machine, expression: str, expected: list) -> None:
    got = board.eval(f"fields({expression})", PRELUDE)
    compared = [g if e is None else e for g, e in zip(got, expected, strict=True)]
    assert got == compared
    assert board.eval("1 + 1") == 2


def test_kernel_text_cannot_be_written_through_any_alias(board: Machine) -> None:
    got = board.eval(
        f"[fields(write, a) for a in (TEXT, PA, PA + {LINEAR})]",
        PRELUDE + "import _memory\nPA = _memory.sections()[0][2]\n",
    )
    assert [(access, kind) for _, access, kind, _, _ in got] == [("write", PERMISSION)] * 3


@pytest.mark.parametrize(
    ("words", "argument", "expected"),
    [
        ((UDF,), 0, [None, None, "undefined instruction"]),
        ((BRK,), 0, [None, None, "breakpoint"]),
        ((BR_X0,), 0x7000000000, [0x7000000000, "execute", TRANSLATION]),
        ((BR_X0,), VA + 2, [VA + 2, "execute", "misaligned program counter"]),
        ((LDR_X0_X0,), 16, [16, "read", TRANSLATION]),
    ],
    ids=["undefined", "breakpoint", "nothing there", "misaligned pc", "null"],
)
def test_machine_code_that_faults_raises(
    board: Machine, words: tuple[int, ...], argument: int, expected: list
) -> None:
    listed = ", ".join(hex(word) for word in words)
    got = board.eval(
        f"fields(memory.call, {VA}, {argument})", PRELUDE + f"code_at({VA}, {listed})\n"
    )
    assert got[:3] == expected
    board.exec("memory.identity.activate()\nspace.close()\nframes.close()")


def test_unaligned_access_to_a_device_is_a_fault(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU's virt machine lets an unaligned access to a device through")
    device = 0x3F201000 if board.name == "RPI3" else 0xFE201000
    # The identity view is gone while another space is active: the kernel's own window is used.
    address = 0xFFFF_00C0_0000_0000 + device + 1
    got = board.eval(
        f"fields(memory.call, {VA}, {address})", PRELUDE + f"code_at({VA}, {LDR_X0_X0:#x})\n"
    )
    assert got[:3] == [address, "read", "alignment fault"]
    board.exec("memory.identity.activate()\nspace.close()\nframes.close()")


def test_an_address_that_nothing_answers_is_an_external_abort(board: Machine) -> None:
    if board.name != "RPI4":
        pytest.skip("only raspi4b refuses an address in the peripherals that has no device")
    got = board.eval("fields(read, 0xfd500000)", PRELUDE)
    assert got[:3] == [0xFD500000, "read", "external abort"]
    assert board.eval("memory.probe(0xfd500000)", "import memory") is None


def test_a_closed_spaces_address_faults(board: Machine) -> None:
    got = board.eval(
        f"[value, fields(read, {VA})]",
        PRELUDE
        + f"""
page = memory.frames.alloc()
space = memory.AddressSpace()
space.map({VA}, page)
with space:
    mem64[{VA}] = 77
    value = mem64[{VA}]
space.close()
page.close()
""",
    )
    assert got[0] == 77
    assert got[1][:3] == [VA, "read", TRANSLATION]


def test_the_message_is_a_sentence(board: Machine) -> None:
    out = board.exec(
        PRELUDE
        + "try:\n    write(TEXT)\nexcept memory.Fault as e:\n    print(e)\n    print(e.args[0])\n"
        "    print(repr(e).startswith('Fault('))\n"
    )
    sentence, errno, is_repr = out.splitlines()
    assert sentence.startswith("write to 0xffff008000080000: permission fault at level 3 (")
    assert "read-only" in sentence and "text" in sentence
    assert (errno, is_repr) == ("14", "True")


def test_a_fault_made_by_hand_is_an_ordinary_exception(board: Machine) -> None:
    out = board.exec(
        "import memory\ntry:\n    raise memory.Fault(5)\n"
        "except OSError as e:\n    print(repr(e), e.args)"
    )
    assert out == "Fault(5,) (5,)\n"


def test_many_faults_leave_nothing_behind(board: Machine) -> None:
    got = board.eval(
        "churn()",
        PRELUDE
        + """
def faults(n):
    x = 1.25
    for i in range(n):
        y = x * i
        try:
            mem8[0]
        except memory.Fault:
            pass
        assert y == x * i

def churn():
    faults(1000)
    gc.collect()
    before = gc.mem_alloc(), memory.frames.stats()['free']
    faults(20000)
    gc.collect()
    return gc.mem_alloc() - before[0], memory.frames.stats()['free'] - before[1], memory.check()
""",
        timeout=120,
    )
    grown, frames, problems = got
    assert grown <= 1024 and frames == 0 and problems == []


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
got = [kind(f, 0), kind(json.dumps, nest(20000)), kind(re.match, '(a|b)*c', 'ab' * 100000),
    kind(re.compile, '(' * 20000)]
"""


def test_recursion_without_end_is_a_runtime_error(board: Machine) -> None:
    got = board.eval("got", RECURSION, timeout=120)
    assert got[:3] == ["RuntimeError"] * 3 and got[3] in ("RuntimeError", "ValueError")


def test_machine_code_that_overflows_the_stack_is_a_runtime_error(board: Machine) -> None:
    # sub sp, sp, #1024; str x0, [sp]; b .-8
    setup = PRELUDE + f"code_at({VA}, 0xd11003ff, 0xf90003e0, 0x17fffffe)\n"
    out = board.exec(
        setup + f"try:\n    memory.call({VA})\nexcept RuntimeError as e:\n    print(e)\n"
        "memory.identity.activate()\nspace.close()\nframes.close()\n"
    )
    assert out == "maximum recursion depth exceeded\n"


def test_probe_and_poke_touch_what_may_not_be_there(board: Machine) -> None:
    got = board.eval(
        "[memory.probe(0), memory.probe(at), memory.poke(at, 0xabcd, 2), memory.probe(at, 2), "
        "memory.poke(TEXT, 1), memory.probe(TEXT) is None, memory.probe(at, 8), "
        "memory.probe(at + 1, 1)]",
        PRELUDE
        + "block = memory.heap.alloc(64)\nmemoryview(block)[:8] = bytes(8)\nat = block.address\n",
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
