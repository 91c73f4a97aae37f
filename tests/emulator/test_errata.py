# SPDX-License-Identifier: MIT
"""No sequence that a Cortex-A53 computes wrongly is in an image, in no library either.

The compiler avoids one kind in what it compiles, the linker mends both; the scan is of what
results. It is tested with one sequence of each kind first.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import errata
import pytest

from pimem.board import boards
from pimem.testing import board_session

GCC = "aarch64-linux-gnu-gcc"
LD = "aarch64-linux-gnu-ld"  # by itself: the compiler would ask it for a fix
OBJDUMP = "aarch64-linux-gnu-objdump"
TEXT_AT = 0x80000


def listing(path: Path) -> str:
    command = [OBJDUMP, "-d", "-w", str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linked(text: str, folder: Path, *fixes: str) -> errata.Code:
    """What a linker makes of some code, with these fixes of its own only."""
    source, elf = folder / "code.S", folder / "code.elf"
    source.write_text(f"{text}\n    .data\n    .balign 64\nhere: .quad 0\n")
    made = str(source.with_suffix(".o"))
    subprocess.run([GCC, "-c", "-o", made, str(source)], check=True)
    subprocess.run([LD, f"-Ttext={TEXT_AT:#x}", *fixes, "-o", str(elf), made], check=True)
    return errata.code_of(listing(elf))


def multiply_after(first: str, second: str) -> str:
    return f"    .global _start\n_start:\n    {first}\n    {second}\n    ret"


@pytest.mark.parametrize(
    "first",
    ["ldr x1, [x2]", "str x3, [x2]", "ldp x1, x6, [x2]", "ldr q3, [x2]", "prfm pldl1keep, [x2]"],
)
@pytest.mark.parametrize("second", ["madd x0, x3, x4, x5", "smaddl x0, w3, w4, x5"])
def test_a_multiplication_behind_an_access_is_found(
    first: str, second: str, tmp_path: Path
) -> None:
    code = linked(multiply_after(first, second), tmp_path)
    assert list(errata.erratum_835769(code)) == [TEXT_AT + 4]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ldr x3, [x2]", "madd x0, x3, x4, x5"),  # it waits for the load
        ("ldr x5, [x2], #8", "msub x0, x3, x4, x5"),
        ("ldp x1, x4, [x2]", "madd x0, x3, x4, x5"),
        ("ldrb w4, [x2]", "umaddl x0, w3, w4, x5"),
        ("ldr x1, [x2]", "mul x0, x3, x4"),
        ("ldr x1, [x2]", "madd w0, w3, w4, w5"),
        ("ldr x1, [x2]", "umulh x0, x3, x4"),
        ("add x1, x2, x3", "madd x0, x3, x4, x5"),
    ],
)
def test_other_multiplications_are_not(first: str, second: str, tmp_path: Path) -> None:
    assert list(errata.erratum_835769(linked(multiply_after(first, second), tmp_path))) == []


def page_end(rest: str) -> str:
    return (
        f"    .global _start\n_start:\n    .org 0xff8\n    adrp x0, here\n    {rest}\n    ret\n"
        "    nop"
    )


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("str x3, [x2]\n    ldr x1, [x0, :lo12:here]", True),
        ("ldr x3, [x2]\n    nop\n    str x1, [x0, :lo12:here]", True),
        ("nop\n    ldr x1, [x0, :lo12:here]", False),
        ("stp x3, x4, [x2]\n    ldr x1, [x0, :lo12:here]", True),
        ("ldp x3, x4, [x2]\n    ldr x1, [x0, :lo12:here]", False),  # a pair that is loaded
        ("ldr x0, [x2]\n    ldr x1, [x0, :lo12:here]", False),
        ("str x3, [x2]\n    cbz x5, _start\n    ldr x1, [x0, :lo12:here]", False),
        ("str x3, [x2]\n    ldr x1, [x4, :lo12:here]", False),
    ],
)
def test_an_address_made_at_the_end_of_a_page_is_found(
    rest: str, found: bool, tmp_path: Path
) -> None:
    code = linked(page_end(rest), tmp_path)
    assert list(errata.erratum_843419(code)) == ([TEXT_AT + 0xFF8] if found else [])


def test_the_linker_s_fixes_are_seen_as_such(tmp_path: Path) -> None:
    both = ("--fix-cortex-a53-835769", "--fix-cortex-a53-843419")
    code = linked(multiply_after("ldr x1, [x2]", "madd x0, x3, x4, x5"), tmp_path, *both)
    assert list(errata.erratum_835769(code)) == []
    code = linked(page_end("str x3, [x2]\n    ldr x1, [x0, :lo12:here]"), tmp_path, *both)
    assert list(errata.erratum_843419(code)) == []


@pytest.mark.parametrize("name", board_session.IMAGES)
def test_an_image_has_no_such_sequence(name: str) -> None:
    code = errata.code_of(listing(board_session.elf(boards.load(name))))
    assert len(code) > 50_000
    assert sum(errata.is_long_multiply_add(word) for _, word in code) > 50
    assert errata.named(errata.erratum_835769(code)) == []
    assert errata.named(errata.erratum_843419(code)) == []


def test_the_linker_is_asked_for_both_fixes() -> None:
    """Libraries are not compiled here, so their code is for the linker to mend."""
    makefile = (boards.folder().parent / "ports/rpi-aarch64/Makefile").read_text()
    for number in (835769, 843419):
        assert f"-Wl,--fix-cortex-a53-{number}" in makefile
