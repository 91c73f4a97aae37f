# SPDX-License-Identifier: MIT
"""memory.report() and the boot report: what the machine is, and that its books balance."""

from __future__ import annotations

import re
from typing import Any

import layout
import pytest
from on_board import value
from socs import soc_of

import pimem
from pimem.board.link import ScriptError
from pimem.testing.board_session import PIS, Machine

PAGE = 4096
MIB = 1 << 20
QEMU_FIRMWARE = 346337  # what QEMU's mailbox answers

# Forty lines with what a script has: functions, loops, classes, exceptions, generators.
SCRIPT = """\
import memory

class Ledger:
    def __init__(self):
        self.rows = []

    def add(self, name, frames):
        if frames < 0:
            raise ValueError(frames)
        self.rows.append((name, frames))

    def total(self):
        return sum(frames for _, frames in self.rows)


def owners():
    for name, frames in memory.frames.owners().items():
        yield name, frames


def fill(ledger):
    for name, frames in owners():
        ledger.add(name, frames)
    try:
        ledger.add("no owner", -1)
    except ValueError as e:
        return e.args[0]


ledger = Ledger()
refused = fill(ledger)
used = memory.frames.stats()["used"]
for _ in range(3):
    while used != ledger.total():
        ledger = Ledger()
        fill(ledger)
        used = memory.frames.stats()["used"]
print("refused", refused)
print("balanced", ledger.total() == used)
print("largest", max(ledger.rows, key=lambda row: row[1])[1] <= used)
"""


def report(board: Machine) -> dict[str, Any]:
    return board.eval("memory.report()", "import memory")


def test_the_report_is_json_with_all_its_parts(board: Machine) -> None:
    got = report(board)
    assert got["board"] == board.name
    assert got["version"] == pimem.__version__
    assert {"model", "el", "mmu", "ttbr0", "ttbr1", "ram", "reserved", "frames"} <= set(got)
    assert {"owners", "heap", "gc", "kernel", "uart", "cores"} <= set(got)
    assert set(got["frames"]) == {"total", "free", "used", "reserved"}
    assert {"base", "size", "free", "used"} <= set(got["heap"])
    assert set(got["kernel"]) == {"text", "rodata", "data"}
    assert got["uart"]["overruns"] == 0
    assert got["model"]


def test_the_report_names_the_firmware_and_the_arm_s_clock(board: Machine) -> None:
    got = report(board)
    if board.name not in PIS:
        assert (got["firmware"], got["arm_clock"]) == (0, 0)
        return
    assert got["arm_clock"] == board.eval("machine.freq()", "import machine")
    if board.qemu is not None or got["firmware"] == QEMU_FIRMWARE:  # it may be behind a port
        assert (got["firmware"], got["arm_clock"]) == (QEMU_FIRMWARE, 700_000_000)
    else:
        assert got["firmware"] > 1_670_000_000, "the boards need firmware of 2023 or later"
        assert got["arm_clock"] >= 1_000_000_000


def test_python_runs_at_el1_with_the_mmu_on_and_two_tables(board: Machine) -> None:
    got = report(board)
    assert got["mmu"] is True
    assert got["el"] == 1
    assert got["ttbr0"] and got["ttbr1"]
    assert got["ttbr0"] != got["ttbr1"]


def test_the_registers_point_at_the_tables_that_the_spaces_walk(board: Machine) -> None:
    got = report(board)
    spaces = "import memory"
    kernel = board.eval(f"memory.kernel.walk({layout.IMAGE + 0x80000})[0].table", spaces)
    identity = board.eval("memory.identity.walk(0x80000)[0].table", spaces)
    asid = board.eval("memory.identity.asid", spaces)
    assert got["ttbr1"] & 0xFFFFFFFFF000 == kernel
    assert got["ttbr0"] == identity | asid << 48


def test_the_books_of_the_frames_balance(board: Machine) -> None:
    got = report(board)
    frames = got["frames"]
    assert frames["free"] + frames["used"] + frames["reserved"] == frames["total"]
    assert sum(got["owners"].values()) == frames["used"]
    assert all(count >= 0 for count in got["owners"].values())
    assert sum(end - start for start, end in got["ram"]) == frames["total"] * PAGE
    assert board.eval("memory.check()", "import memory") == []


def test_image_tables_heap_and_collector_are_counted(board: Machine) -> None:
    got = report(board)
    owners = got["owners"]
    assert owners["kernel heap"] == got["heap"]["size"] // PAGE
    assert owners["image"] > 100
    assert owners["kernel tables"] > 0
    assert owners["identity tables"] > 0
    start, end, _ = got["kernel"]["data"]
    text = got["kernel"]["text"]
    assert owners["image"] * PAGE >= end - text[0], "data and bss are part of the image"


def test_the_heap_is_one_mebibyte(board: Machine) -> None:
    heap = report(board)["heap"]
    assert heap["size"] == MIB
    assert heap["base"] >> 30 == layout.HEAP >> 30
    assert heap["used"] >= 0 and heap["used"] + heap["free"] <= MIB
    assert heap["free"] > MIB - 8192


def test_kernel_sections_follow_each_other_without_write_and_execute(board: Machine) -> None:
    kernel = report(board)["kernel"]
    assert [kernel[name][2] for name in ("text", "rodata", "data")] == ["rx", "r", "rw"]
    assert kernel["text"][1] == kernel["rodata"][0]
    assert kernel["rodata"][1] == kernel["data"][0] - PAGE, "between them is a guard"
    assert all(edge % PAGE == 0 for start, end, _ in kernel.values() for edge in (start, end))


def test_virt_has_the_frames_of_the_yardstick(board: Machine) -> None:
    if board.name != "QEMU_VIRT":
        pytest.skip("the yardstick is a machine of 128 MiB, QEMU_VIRT's")
    printed = re.search(r"^frames +(\d+) total, (\d+) free", board.report, re.MULTILINE)
    assert printed, board.report
    total, free = map(int, printed.groups())
    assert total == 32768
    assert free >= 32100, "at the prompt, before scripts make Python's heap and stack grow"
    assert report(board)["heap"]["size"] == MIB


def test_pis_keep_the_stub_the_video_core_and_devices_out(board: Machine) -> None:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has neither a firmware stub nor a VideoCore")
    got = report(board)
    reserved = {name: (start, end) for start, end, name in got["reserved"]}
    assert reserved["stub"] == (0, 0x80000)
    assert reserved["videocore"][1] == 0x40000000
    # A frame of the stub is never handed out.
    state = board.eval("memory.frames.state(0x7f000)", "import memory")
    assert state == ["reserved", "stub"]


def test_the_text_says_the_same_in_at_most_24_lines(board: Machine) -> None:
    got = report(board)
    printed = board.exec("import memory\nmemory.info()")
    texts = [printed] if board.qemu is None else [printed, board.report]
    for text in texts:
        lines = text.strip().splitlines()
        assert len(lines) <= 24
        assert f"{got['ttbr0']:016x}" in text
        assert f"{got['ttbr1']:016x}" in text
        assert f"{got['frames']['total']} total" in text
        assert f"{got['heap']['base']:016x}" in text
        assert all(word in text for word in ("TTBR0", "TTBR1", "frames", "heap", got["model"]))


def test_a_script_of_forty_lines_works(board: Machine) -> None:
    assert len(SCRIPT.splitlines()) >= 40
    assert board.exec(SCRIPT) == "refused -1\nbalanced True\nlargest True\n"


def test_an_exception_comes_with_its_traceback(board: Machine) -> None:
    with pytest.raises(ScriptError) as caught:
        board.exec("print('before')\nraise KeyError(17)")
    assert caught.value.output == "before\n"
    assert caught.value.traceback.startswith("Traceback (most recent call last):")
    assert caught.value.traceback.strip().endswith("KeyError: 17")


def test_the_port_names_itself(board: Machine) -> None:
    build, machine, platform = board.eval(
        "(sys.implementation._build, sys.implementation._machine, sys.platform)", "import sys"
    )
    assert platform == "rpi-aarch64"
    if board.name in PIS:
        assert (build, machine) == ("RPI", "Raspberry Pi 3/4 with BCM2837/BCM2711")
    else:
        assert build == board.board.image


def test_the_registers_are_decoded_field_by_field(board: Machine) -> None:
    raw, values, fields, text = board.eval(
        "[_memory.regs(), {n: r[n] for n in r}, {n: r.fields(n) for n in r}, repr(r)]",
        "import _memory, memory\nr = memory.regs()",
    )
    assert {**values, "sp": 0, "daif": 0} == {**raw, "sp": 0, "daif": 0}
    sctlr = fields["sctlr"]
    assert (sctlr["M"], sctlr["C"], sctlr["I"], sctlr["A"], sctlr["WXN"]) == (1, 1, 1, 0, 0)
    tcr = fields["tcr"]
    assert (tcr["T0SZ"], tcr["T1SZ"], tcr["TG0"], tcr["TG1"], tcr["A1"]) == (16, 16, 0, 2, 0)
    assert fields["mair"]["Attr0"] == 0xFF and fields["mair"]["Attr1"] == 0x00
    assert fields["ttbr0"]["BADDR"] | fields["ttbr0"]["ASID"] << 48 == values["ttbr0"]
    assert fields["midr"]["PartNum"] == soc_of(board.board).part
    assert fields["vbar"] == {}
    lines = text.splitlines()
    assert lines[0] == "el     0000000000000001"
    assert sorted(line.split()[0] for line in lines) == sorted(raw)
    assert f"midr   {values['midr']:016x}  Implementer=0x41 " in text


@pytest.mark.parametrize("name", ["nope", "SCTLR", "", 5, None])
def test_fields_of_an_unknown_register_are_refused(board: Machine, name: object) -> None:
    kind, _, text = value(board, f"refused(memory.regs().fields, {name!r})")
    assert kind == "ValueError"
    assert text == (
        f"no register {name!r}: there are el, sctlr, tcr, mair, ttbr0, ttbr1, vbar, sp, spsel, "
        "daif, midr, mpidr, cntfrq"
    )
