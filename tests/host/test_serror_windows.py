# SPDX-License-Identifier: MIT
"""Where a bus error that is reported late is waited for, as assembled.

QEMU reports every one at once, so no test that runs there misses a barrier: the answer of the bus
(DSB) and the place where the SError is taken (ISB) have to be inside each window.
"""

from __future__ import annotations

import re
from pathlib import Path

import disassembly
import host_library

OPENS = ["mrs x4, daif", "dsb sy", "msr daifclr, #0x4", "isb"]


def code(name: str, section: str, folder: Path) -> list[str]:
    path = disassembly.assemble(name, folder)
    return [text for _, text in disassembly.instructions(path, section)]


def test_a_probe_takes_earlier_errors_before_its_window(tmp_path: Path) -> None:
    texts = code("probe_access.S", ".text.probe", tmp_path)
    starts = [i for i, text in enumerate(texts) if text.startswith("cmp w1, #0x4")]
    assert [texts[i - 4 : i] for i in starts] == [OPENS] * 2


def test_a_probe_waits_for_its_own_inside_its_window(tmp_path: Path) -> None:
    texts = code("probe_access.S", ".text.probe", tmp_path)
    ends = [i for i, text in enumerate(texts) if text == "isb" and texts[i + 1].startswith("b ")]
    assert [texts[i - 1] for i in ends] == ["dsb sy"] * 2
    # The branch out of the window is in it: after the ISB the SError has this address.
    outside = [texts.index("str x3, [x2]"), texts.index("mov w0, #0x1 // #1")]
    assert min(outside) > max(ends) + 1
    # Then DAIF is as it was, also after a failure.
    results = [i for i, text in enumerate(texts) if text.startswith("mov w0, #")]
    assert [texts[i - 1] for i in results] == ["msr daif, x4"] * 2


def test_what_leaves_el0_takes_the_program_s_errors_first(tmp_path: Path) -> None:
    texts = code("user.S", ".text.user_leave", tmp_path)
    assert texts[:4] == ["dsb sy", "msr daifclr, #0x4", "isb", "msr daifset, #0x4"]


def test_what_enters_el0_and_machine_mem_take_the_thread_s(tmp_path: Path) -> None:
    source = tmp_path / "cpu.c"
    source.write_text(
        '#include "aarch64/cpu.h"\n'
        "void take(void) { cpu_take_serror(); }\n"
        "bool pending(void) { return cpu_serror_is_pending(); }\n"
    )
    includes = [f"-I{host_library.MEMORY}", f"-I{disassembly.CPU_CODE.parent}"]
    out = str(tmp_path / "cpu.o")
    disassembly.run(
        disassembly.tool("gcc"), *includes, "-ffreestanding", "-O2", "-c", str(source), "-o", out
    )
    texts = [text for _, text in disassembly.instructions(out, ".text")]
    at = texts.index("ret")
    assert texts[:at] == ["dsb sy", "msr daifclr, #0x4", "isb"]
    waits = texts.index("mrs x0, isr_el1")
    assert texts[waits - 1] == "dsb sy" and re.search(r"#8\b", texts[waits + 1])


def test_what_was_pending_at_entry_is_taken_where_it_is_known(tmp_path: Path) -> None:
    # After the ISB the SError has the address of the return, which is in the window.
    texts = code("entry_serror.S", ".text.entry_serror_take", tmp_path)
    assert texts == ["dsb sy", "msr daifclr, #0x4", "isb", "ret"]
