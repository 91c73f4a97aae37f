# SPDX-License-Identifier: MIT
"""Registers of EL2 and EL3 after the boot, read by QEMU's gdbstub: the kernel sets what a stub or
a loader before it may have left in any state."""

from __future__ import annotations

import re
from pathlib import Path

import boot_ways
import pytest
from boot_stub import compile_raw, usual_kernel

from pimem.board import boards
from pimem.board.gdb import Gdb
from pimem.board.qemu import kernel_args, loader_args
from pimem.testing import board_session

LOADER = Path(__file__).with_name("loader.S")
LOADED_AT = 0x200000
SCTLR_OFF = 0x30C50830  # RES1 bits: MMU and caches off
RATES = {"BCM2837": 19_200_000, "BCM2711": 54_000_000}
CORES = {"BCM2837": "cortex-a53-arm-cpu", "BCM2711": "cortex-a72-arm-cpu"}
ODD_RATE = 12_345_678
BLOCK = 0xFFB  # bytes of one answer


def stub_options(folder: Path) -> tuple[str, ...]:
    return "-gdb", f"unix:{folder / 'gdb'},server=on,wait=off"


def description(gdb: Gdb) -> str:
    """QEMU's list of system registers, with the numbers by which they are asked for."""
    text = ""
    while True:
        request = f"qXfer:features:read:system-registers.xml:{len(text):x},{BLOCK:x}"
        answer = gdb.ask(request)
        text += answer[1:]
        if answer[0] == "l":
            return text


def system_registers(folder: Path, *names: str) -> dict[str, int]:
    with Gdb(folder / "gdb") as gdb:
        text, values = description(gdb), {}
        for name in names:
            number = re.search(rf'<reg name="{name}"[^>]*regnum="(\d+)"', text)
            assert number, name
            answer = gdb.ask(f"p{int(number[1]):x}")
            values[name] = int.from_bytes(bytes.fromhex(answer), "little")
        return values


@pytest.mark.parametrize("name", board_session.PIS)
def test_what_a_loader_leaves_at_el2_is_undone(name: str, tmp_path: Path) -> None:
    board, flags = boards.load(name), [f"-DKERNEL={LOADED_AT:#x}"]
    raw = compile_raw(LOADER, tmp_path / "loader.bin", usual_kernel(board), flags)
    args = kernel_args(raw) + loader_args(board_session.kernel(board), LOADED_AT)
    with board_session.booted(name, args, extra=stub_options(tmp_path)) as machine:
        report = machine.eval("memory.report()", "import memory")
        assert (report["entry_el"], report["safe_mode"]) == (2, None)
        assert machine.eval("_memory.boot_info()['image'][0]", "import _memory") == LOADED_AT
        names = ("SCTLR_EL2", "VTTBR_EL2", "HSTR_EL2", "CNTVOFF_EL2")
        assert system_registers(tmp_path, *names) == {name: 0 for name in names} | {
            "SCTLR_EL2": SCTLR_OFF
        }


@pytest.mark.parametrize("name", board_session.PIS)
def test_entry_at_el3_does_the_stub_s_work(name: str, tmp_path: Path) -> None:
    args = boot_ways.elf(boards.load(name), tmp_path)
    soc = boards.load(name).soc
    extra = (*stub_options(tmp_path), "-global", f"{CORES[soc]}.cntfrq={ODD_RATE}")
    with board_session.booted(name, args, extra=extra) as machine:
        assert machine.eval("memory.report()", "import memory")["entry_el"] == 3
        found = system_registers(tmp_path, "SCTLR_EL2", "CNTFRQ_EL0", "SCR_EL3")
        assert found["SCTLR_EL2"] == SCTLR_OFF
        assert found["CNTFRQ_EL0"] == RATES[soc], "the crystal's, whatever was there at reset"
        assert found["SCR_EL3"] & 0x5B1 == 0x5B1
        text = machine.emulated().qmp.human("info registers -a")
        levels = re.findall(r"PSTATE=[0-9a-f]+ \S+ +(?:NS |S )?(EL\d)", text)
        assert levels[1:] == ["EL2"] * 3, "the parked cores, as a stub leaves them"


def test_entry_at_el3_keeps_the_rate_of_qemu_s_counter(tmp_path: Path) -> None:
    with board_session.booted("RPI4", boot_ways.elf(boards.load("RPI4"), tmp_path)) as machine:
        assert machine.eval("_memory.regs()['cntfrq']", "import _memory") == 62_500_000
