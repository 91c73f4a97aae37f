# SPDX-License-Identifier: MIT
"""The link script and layout.h: guards around what can be written, and room for all of it."""

from __future__ import annotations

import re

import disassembly
import host_library
import pytest

# One word in each kind of section, so that none is left out; and what the script refers to.
SECTIONS = ("text.head", "rodata", "data", "bss", "noinit.crash")
SOURCE = "\n".join(f'.section .{name}, "aw"; .skip 8' for name in SECTIONS)
LAYOUT = """
#include "boot/layout.h"
    .data
    .quad LAYOUT_GUARD, LAYOUT_STACK_GUARD
    .quad LAYOUT_STACKS, LAYOUT_STACKS_SIZE
    .quad LAYOUT_THREAD_STACK_TOP, LAYOUT_THREAD_STACK_SIZE, LAYOUT_THREAD_STACK_FIXED
    .quad LAYOUT_EXCEPTION_STACK_TOP, LAYOUT_EXCEPTION_STACK_SIZE
    .quad LAYOUT_EMERGENCY_STACK_TOP, LAYOUT_EMERGENCY_STACK_SIZE
    .quad LAYOUT_GC, LAYOUT_GC_SIZE
    .quad LAYOUT_FIRST_ARENA, LAYOUT_FIRST_ARENA_SIZE
"""


@pytest.fixture(scope="module")
def symbols(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Symbols of a small program linked by the script."""
    folder = tmp_path_factory.mktemp("link")
    (folder / "source.S").write_text(SOURCE + "\n")
    script = folder / "script.ld"
    gcc, include = disassembly.tool("gcc"), f"-I{host_library.PORT}"
    disassembly.run(gcc, "-c", str(folder / "source.S"), "-o", str(folder / "source.o"))
    source = str(host_library.PORT / "firmware.ld.S")
    disassembly.run(gcc, "-E", "-P", include, source, "-o", str(script))
    elf = str(folder / "linked")
    disassembly.run(
        disassembly.tool("ld"), "-e", "0", "-T", str(script), str(folder / "source.o"), "-o", elf
    )
    found = re.findall(
        r"^([0-9a-f]+) \S (\S+)$", disassembly.run(disassembly.tool("nm"), elf), re.M
    )
    return {name: int(value, 16) for value, name in found}


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What layout.h defines, computed by the assembler."""
    folder = tmp_path_factory.mktemp("layout")
    (folder / "layout.S").write_text(LAYOUT)
    compiled, raw = str(folder / "layout.o"), folder / "layout.bin"
    include = f"-I{host_library.PORT}"
    disassembly.run(
        disassembly.tool("gcc"), include, "-c", str(folder / "layout.S"), "-o", compiled
    )
    disassembly.run(disassembly.tool("objcopy"), "-O", "binary", "-j", ".data", compiled, str(raw))
    names = re.findall(r"LAYOUT_(\w+)", LAYOUT.partition("\n")[2].partition("\n")[2])
    data = raw.read_bytes()
    values = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    return dict(zip(names, values, strict=True))


def test_parts_of_the_image_are_between_guards(
    symbols: dict[str, int], layout: dict[str, int]
) -> None:
    guard = layout["GUARD"]
    assert guard >= 4096 and guard % 4096 == 0
    assert symbols["__data_start"] == symbols["__rodata_end"] + guard
    assert symbols["__crash_record_start"] == symbols["__data_rw_end"] + guard
    # Behind it is what is used in other windows.
    assert symbols["__thread_stack_start"] == symbols["__crash_record_end"]
    for name in ("data", "crash_record", "thread_stack", "exception_stack", "emergency_stack"):
        assert symbols[f"__{name}_start"] % 4096 == 0
    assert symbols["__first_arena_start"] % 4096 == 0


def test_what_is_used_in_windows_has_its_memory(
    symbols: dict[str, int], layout: dict[str, int]
) -> None:
    names = ["thread_stack", "exception_stack", "emergency_stack", "first_arena"]
    starts = [symbols[f"__{name}_start"] for name in names] + [symbols["__image_end"]]
    sizes = [layout["THREAD_STACK_FIXED"]] + [layout[f"{name.upper()}_SIZE"] for name in names[1:]]
    for start, end, size in zip(starts, starts[1:], sizes, strict=False):
        assert end - start == size


def test_the_window_of_the_thread_stack_has_tables_of_its_own(layout: dict[str, int]) -> None:
    """Its pages come later, into tables that boot does not make: whole ones."""
    end = layout["THREAD_STACK_TOP"] - layout["THREAD_STACK_FIXED"]
    assert 0 < layout["THREAD_STACK_FIXED"] < layout["THREAD_STACK_SIZE"]
    assert end % (2 << 20) == 0


def test_stacks_and_the_first_arena_are_between_guards(layout: dict[str, int]) -> None:
    end = layout["STACKS"]
    for name in ("THREAD", "EXCEPTION", "EMERGENCY"):
        top, size = layout[f"{name}_STACK_TOP"], layout[f"{name}_STACK_SIZE"]
        assert top - size - end == layout["STACK_GUARD"], name
        end = top
    assert end + layout["STACK_GUARD"] <= layout["STACKS"] + layout["STACKS_SIZE"]
    first = layout["FIRST_ARENA"]
    assert first - layout["GC"] >= layout["GUARD"]
    # The next area begins at the next 2 MiB.
    assert first + layout["FIRST_ARENA_SIZE"] + layout["GUARD"] <= layout["GC"] + (2 << 20)
