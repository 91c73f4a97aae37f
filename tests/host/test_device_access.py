# SPDX-License-Identifier: MIT
"""How mmio.h accesses a device's register, as compiled. QEMU keeps every access in order, so no
test that runs there misses a barrier.
"""

from __future__ import annotations

from pathlib import Path

import disassembly
import host_library
import pytest

PROGRAM = """
#include "drivers/mmio.h"
void write(uintptr_t address, uint32_t value) { mmio_write(address, value); }
uint32_t read(uintptr_t address) { return mmio_read(address); }
void write_run(uintptr_t address, const void *from, size_t n) { mmio_write_run(address, from, n); }
void read_run(uintptr_t address, void *to, size_t n) { mmio_read_run(address, to, n); }
"""


@pytest.fixture
def code(tmp_path: Path):
    """The instructions of a function of PROGRAM, up to its return."""
    source, out = tmp_path / "mmio.c", str(tmp_path / "mmio.o")
    source.write_text(PROGRAM)
    includes = [f"-I{host_library.MEMORY}", f"-I{host_library.PORT}"]
    flags = ["-ffreestanding", "-ffunction-sections", "-O2", "-c"]
    disassembly.run(disassembly.tool("gcc"), *includes, *flags, str(source), "-o", out)

    def of(function: str) -> list[str]:
        return [text for _, text in disassembly.instructions(out, f".text.{function}")]

    return of


def test_a_write_follows_every_access_before_it(code) -> None:
    assert code("write") == ["dmb osh", "str w1, [x0]", "ret"]


def test_a_read_precedes_every_access_after_it(code) -> None:
    assert code("read") == ["ldr w0, [x0]", "dmb oshld", "ret"]


def test_a_run_of_writes_has_one_barrier_before_all(code) -> None:
    texts = code("write_run")
    stores = [i for i, text in enumerate(texts) if text.startswith("str")]
    assert texts.count("dmb osh") == 1 and texts.index("dmb osh") < min(stores)
    assert all(texts[i].endswith("[x0]") for i in stores), "no form with write-back"


def test_a_run_of_reads_has_one_barrier_after_all(code) -> None:
    texts = code("read_run")
    loads = [i for i, text in enumerate(texts) if text.startswith("ldr")]
    assert texts.count("ret") == 1 and texts[texts.index("ret") - 1] == "dmb oshld"
    assert all(texts[i].endswith("[x0]") for i in loads), "no form with write-back"
