# SPDX-License-Identifier: MIT
"""help() and dir(): every public name is listed and explained in a line."""

from __future__ import annotations

import ast

import pytest
from on_board import run

from pimem.testing.board_session import Machine

LISTED = {"kernel", "identity", "heap", "selftest", "regs", "ramdisk", "pagers", "user"}
LISTED |= {"frames", "info", "AddressSpace"}
MODULES = ("memory", "memory.frames", "memory.user", "memory.pagers", "machine")
# Each pager is in a file of its own, whose module no program uses.
UNEXPLAINED = {"copyonwrite", "filemap", "watch"}


def lines(board: Machine, script: str) -> list[str]:
    return run(board, script).splitlines()


def listed(shown: list[str]) -> set[str]:
    """The names of `  name -- text` lines."""
    return {line.split(" -- ")[0].strip() for line in shown if " -- " in line}


def test_help_speaks_of_memory(board: Machine) -> None:
    text = run(board, "help()")
    for words in (
        "import memory",
        "memory.info()",
        "help(memory)",
        "help(machine)",
        "help('modules')",
        "Ctrl-E",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("names", ["help", "dir"])
def test_memory_lists_its_names_and_hides_private_ones(board: Machine, names: str) -> None:
    if names == "help":
        found = listed(lines(board, "help(memory)"))
    else:
        (line,) = lines(board, "print(dir(memory))")
        found = set(ast.literal_eval(line))
    assert found >= LISTED
    assert [name for name in found if name.startswith("_")] == []
    assert "boot" not in found


def test_dir_is_sorted_and_each_name_exists(board: Machine) -> None:
    got = run(
        board, "d = dir(memory)\nprint(d == sorted(d), [n for n in d if not hasattr(memory, n)])"
    )
    assert got == "True []\n"
    assert "last" in run(board, "print(dir(user))")


MADE = """
import os
with open("/made.py", "w") as f:
    f.write("x = 1\\ndef __dir__():\\n    return ['b', 'a']\\n")
import made
print(dir(made), made.x)
os.remove("/made.py")
"""


def test_a_module_may_define_its_dir(board: Machine) -> None:
    assert run(board, MADE) == "['b', 'a'] 1\n"


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_explained(board: Machine, module: str) -> None:
    names = ast.literal_eval(
        run(
            board,
            f"""
            import memory.pagers
            m = {module}
            public = [n for n in dir(m) if n[0] != '_']
            print([n for n in public if callable(getattr(m, n)) or type(getattr(m, n)) is type(m)])
            """,
        )
    )
    assert len(names) >= 2
    shown = listed(lines(board, f"import memory.pagers\nhelp({module})"))
    standard = {"I2C", "SPI", "SoftI2C", "SoftSPI", "PinBase", "Signal", "time_pulse_us"}
    assert set(names) - shown - UNEXPLAINED - standard == set()


# (what is asked, first line, a word of the second)
ASKED = {
    "memory.info": ("info()", "boot report"),
    "memory.frames.alloc": (
        "alloc(count=1, *, align=1, at=None, below=None, zero=True)",
        "contiguous frames",
    ),
    "memory.kernel.map": (
        "map(va, frames_or_pa, size=None, prot='rw', memtype='normal')",
        "Map [va, va + size)",
    ),
    "memory.AddressSpace.walk": ("walk(va)", "entries"),
    "memory.AddressSpace().close": ("close()", "Free all tables"),
    "memory.heap.alloc": ("alloc(size, align=16)", "bytes"),
    "memory.user.run": (
        "run(code, space=None, *, args=(), handler=None, sp=None, limit_ms=1000, registers=None)",
        "Run a program",
    ),
    "memory.user.Registers().read": ("read(address, size)", "Read memory"),
    "memory.regs": ("regs()", "registers"),
    "memory.regs().fields": ("fields(name)", "fields"),
    "memory.selftest": ("selftest()", "check"),
    "memory.pagers.zeros": ("zeros(space, va, size, prot='rw')", "Reserve"),
    "memory.pagers.Watch.close": ("close()", "Unmap"),
    "memory.ramdisk": ("ramdisk([size])", "disk"),
    "_memory.probe": ("probe(address, size=4)", "value"),
    "machine.reset": ("reset()", "Reset"),
    "machine.mem32": ("machine.mem32", "32 bits"),
    "memory.Fault": ("memory.Fault", "faulted"),
    "memory.user": ("memory.user", "EL0"),
    "memory.kernel": ("AddressSpace()", "Translation tables"),
    "memory.heap": ("Heap(size)", "heap"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_help_says_what_it_does_in_a_line(board: Machine, asked: str) -> None:
    first, words = ASKED[asked]
    shown = lines(board, f"help({asked})")
    assert shown[0] == first
    assert shown[1].startswith("  ") and words in shown[1]
    assert len(shown) == 2 or all(" -- " in line for line in shown[2:])


def test_a_fault_can_be_asked_about(board: Machine) -> None:
    shown = lines(board, "try:\n    mem64[1 << 40]\nexcept memory.Fault as e:\n    help(e)")
    assert shown[0] == "memory.Fault"


@pytest.mark.parametrize(
    "asked", ["len", "5", "'text'", "str", "list.append", "lambda: 1", "None"]
)
def test_other_objects_are_shown_as_micropython_does(board: Machine, asked: str) -> None:
    shown = lines(board, f"help({asked})")
    assert shown[0].startswith("object ") and " is of type " in shown[0]


def test_names_of_a_class_without_a_text_are_listed(board: Machine) -> None:
    shown = lines(board, "from machine import Pin, Timer\nhelp(Timer)")
    assert shown[-1].startswith("  also ")
    assert set(shown[-1][7:].split(", ")) == {"ONE_SHOT", "PERIODIC"}
    if board.name != "QEMU_VIRT":
        shown = lines(board, "from machine import I2C\nbus = I2C(1)\nhelp(bus)\nbus.deinit()")
        assert {"scan", "readfrom", "writeto_mem"} <= set(shown[-1][7:].split(", "))
    assert not any("also" in line for line in lines(board, "help(memory.frames.alloc)"))


def test_the_list_of_modules_is_there(board: Machine) -> None:
    words = run(board, "help('modules')").split()
    assert {"memory/__init__", "machine", "asyncio/__init__"} <= set(words)
