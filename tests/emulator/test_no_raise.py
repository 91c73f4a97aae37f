# SPDX-License-Identifier: MIT
"""What the rule when a fault is raised rests on, as binutils see it: which code the linker keeps
together in the no-raise section, and that functions that call leave a frame record."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import memtest_image
import pytest

from pimem import ROOT
from pimem.board import boards
from pimem.testing import board_session

OBJDUMP = "aarch64-linux-gnu-objdump"
MECHANISM = ROOT / "modules" / "memory" / "core"
#: The collector: MicroPython's names for it and those of core.
COLLECTOR = ["gc_alloc", "gc_realloc", "gc_free", "gc_collect", "gc_collect_end"]
COLLECTOR += ["collector_alloc", "collector_trace", "collector_sweep", "gc_areas_grow"]
#: Pure functions and copies by the linear map: nothing of these can be left half way.
STATELESS = {"fault.o", "user_copy.o"}
#: Objects of the image, by the end of their path, beside the mechanism's.
NO_RAISE = (
    "bindings/gc.o",
    "bindings/gc_collect.o",
    "machine/gc_port.o",
    "bindings/gc_areas.o",
    "bindings/gc_views.o",
    "bindings/memory_system.o",
    "lib/oofatfs/*.o",
    "lib/littlefs/*.o",
    "extmod/vfs_[bfl]*.o",
    "extmod/vfs_reader.o",
    "bindings/ramdisk.o",
    "machine/uart.o",
    "/drivers/*.o",
    "runtime/stdout_helpers.o",
)
#: These call nothing that could raise an exception, or never return to a caller.
NO_RECORD = re.compile(
    r"boot_el1|boot_high|boot_vectors|vectors|exception_emergency_\d|pager_entry"
)
SECTION = re.compile(r"^ \.text\S*\s+0x(\w+)\s+0x(\w+) (\S+\.(?:o|a\(\S+\)))$", re.MULTILINE)
Instructions = list[tuple[str, str]]  # mnemonic, operands


@pytest.fixture(scope="module", params=board_session.IMAGES)
def elf(request: pytest.FixtureRequest) -> Path:
    return board_session.elf(boards.load(request.param))


def is_no_raise(path: str) -> bool:
    if "/memory/core/" in path:
        return Path(path).name not in STATELESS
    return any(fnmatch.fnmatch(path, "*" + pattern) for pattern in NO_RAISE)


def placed(elf: Path) -> Iterator[tuple[str, int, int]]:
    """Each piece of code: the object it is from, its start and its end."""
    listing = elf.with_name("firmware.map").read_text()
    listing = listing[listing.index("\n.text ") : listing.index("\n.rodata ")]
    listing = re.sub(r"^( \.text\S+)\n\s+", r"\1 ", listing, flags=re.MULTILINE)
    for start, size, path in SECTION.findall(listing):
        if int(size, 16):
            yield path, int(start, 16), int(start, 16) + int(size, 16)


def test_the_linker_keeps_what_must_not_be_left_half_way_together(elf: Path) -> None:
    first = memtest_image.address_of(elf, "__no_raise_start")
    end = memtest_image.address_of(elf, "__no_raise_end")
    inside, outside = set(), set()
    for path, start, stop in placed(elf):
        (inside if first <= start and stop <= end else outside).add(path)
        assert stop <= first or start >= end or (first <= start and stop <= end)
    assert {path for path in outside if is_no_raise(path)} == set()
    assert {path for path in inside if not is_no_raise(path)} == set()
    for pattern in NO_RAISE:
        assert fnmatch.filter(inside, "*" + pattern), f"{pattern} names nothing"
    mechanism = {Path(path).name for path in inside if "/memory/core/" in path}
    sources = {path.with_suffix(".o").name for path in MECHANISM.rglob("*.c")}
    assert sources - mechanism == STATELESS
    for name in COLLECTOR:
        assert first <= memtest_image.address_of(elf, name) < end
    assert not any(path.endswith("py/gc.o") for path in inside | outside)


#: What computes longest: none is part of a function elsewhere.
INTERRUPTIBLE = ["mpz_set_from_str", "mpz_mul_inpl", "mpz_pow_inpl", "mpz_divmod_inpl"]
INTERRUPTIBLE += ["mpz_as_str_inpl"]


def test_the_linker_keeps_what_ctrl_c_interrupts_together(elf: Path) -> None:
    first = memtest_image.address_of(elf, "__interruptible_start")
    end = memtest_image.address_of(elf, "__interruptible_end")
    inside = {path for path, start, _ in placed(elf) if first <= start < end}
    assert {Path(path).name for path in inside} == {"interpreter.o", "modframebuf.o"}
    for name in INTERRUPTIBLE:
        assert first <= memtest_image.address_of(elf, name) < end


def functions(elf: Path) -> dict[str, Instructions]:
    listing = subprocess.run(
        [OBJDUMP, "-d", "--no-show-raw-insn", str(elf)], check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, Instructions] = {}
    for line in listing.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\S+)>:$", line):
            code = found.setdefault(start[1], [])
        elif re.match(r"[0-9a-f]+:\t", line):
            mnemonic, _, operands = line.partition("\t")[2].partition("\t")
            code.append((mnemonic.strip(), operands.strip()))
    return found


def makes_record(mnemonic: str, operands: str) -> bool:
    return mnemonic in ("mov", "add") and operands.startswith("x29, sp")


def spoils_record(mnemonic: str, operands: str) -> bool:
    """Whether X29 gets another value than the address of a record."""
    if makes_record(mnemonic, operands) or (mnemonic, operands[:8]) == ("ldp", "x29, x30"):
        return False
    return mnemonic[:2] in ("ld", "mo", "ad", "su") and bool(re.match(r"[xw]29\b", operands))


def test_every_function_that_calls_has_a_frame_record(elf: Path) -> None:
    """The C library's and the compiler's own as well: without, a caller could be missed."""
    code = {name: found for name, found in functions(elf).items() if not NO_RECORD.fullmatch(name)}
    assert len(code) > 2000 and {"memcpy", "setjmp", "gc_alloc"} <= set(code)
    calling = {name for name, found in code.items() if any(m in ("bl", "blr") for m, _ in found)}
    recorded = {name for name, found in code.items() if any(makes_record(*each) for each in found)}
    assert calling - recorded == set()
    spoilt = {name for name, found in code.items() if any(spoils_record(*each) for each in found)}
    assert spoilt == set()
