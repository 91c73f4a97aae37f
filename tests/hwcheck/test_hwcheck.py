# SPDX-License-Identifier: MIT
"""The plugin's start and reports, and what the launcher tells it of a machine."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import host_library
import pytest
from events import NC, Machine

from pimem.board import boards, hwcheck
from pimem.board.qemu import Qemu, loader_args


class Info(ctypes.Structure):
    """qemu_info_t"""

    _fields_ = [
        ("target", ctypes.c_char_p),
        ("oldest", ctypes.c_int),
        ("newest", ctypes.c_int),
        ("system", ctypes.c_bool),
        ("cores", ctypes.c_int * 2),
    ]


def install(oldest: int, newest: int, target: bytes = b"aarch64") -> int:
    stubs = host_library.library("no_qemu", [str(Path(__file__).with_name("no_qemu.c"))])
    ctypes.CDLL(str(stubs), ctypes.RTLD_GLOBAL)
    plugin = ctypes.CDLL(str(hwcheck.build()))
    info = Info(target, oldest, newest, True)
    option = (ctypes.c_char_p * 1)(b"ram=nonsense")  # where the version fits, this is refused
    return int(plugin.qemu_plugin_install(ctypes.c_uint64(1), ctypes.byref(info), 1, option))


@pytest.mark.parametrize("versions", [(2, 3), (5, 6), (2, 6)])
def test_another_plugin_interface_is_refused_in_one_line(
    capfd: pytest.CaptureFixture[str], versions: tuple[int, int]
) -> None:
    assert install(*versions) == 1
    ctypes.CDLL(None).fflush(None)
    oldest, newest = versions
    assert capfd.readouterr().err == (
        "hwcheck: needs version 4 of QEMU's plugin interface, this QEMU has "
        f"{oldest} to {newest}\n"
    )


def test_another_option_or_target_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert install(2, 4) == 1
    assert install(2, 4, b"riscv64") == 1
    assert capfd.readouterr().err == (
        "hwcheck: option 'ram=nonsense' is not understood\n"
        "hwcheck: checks qemu-system-aarch64 only, not riscv64\n"
    )


def test_icount_is_refused() -> None:
    with pytest.raises(hwcheck.NoChecker, match="does not work with icount"):
        Qemu(boards.load("RPI4"), icount=True, hardware_check=True)


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(hwcheck.NoChecker, match="knows raspi3ap, .*, virt, not sbsa-ref"):
        hwcheck.with_checker(["qemu", "-M", "sbsa-ref"], Path("out"))


def test_a_machine_without_the_checker_has_no_violations() -> None:
    with (
        Qemu(boards.load("QEMU_VIRT"), []) as machine,
        pytest.raises(Exception, match="was started without hardware_check=True"),
    ):
        machine.violations()


@pytest.mark.parametrize(
    ("machine", "memory", "expected"),
    [
        ("raspi3b", ["-m", "1G"], ["ram_base=0", "ram=0-3c000000", "mailbox=3f00b8a0"]),
        ("raspi4b", ["-m", "2G"], ["ram=0-3c000000", "ram=40000000-80000000"]),
        ("virt,virtualization=on", ["-m", "128M"], ["ram_base=40000000", "gic=8000000-8020000"]),
        ("virt", ["-m", "128M", "-m", "1G"], ["ram=40000000-80000000", "mmio=0-40000000"]),
        ("virt", ["-m", "1G"], ["widths=0-8000000", "widths=a000000-40000000"]),
    ],
)
def test_the_plugin_is_told_what_the_machine_has(
    machine: str, memory: list[str], expected: list[str]
) -> None:
    command = hwcheck.with_checker(["qemu", "-M", machine, *memory], Path("out"))
    options = command[command.index("-plugin") + 1].split(",")
    assert set(expected) <= set(options)
    assert command[command.index("-M") + 1] == f"{machine},memory-backend=ram"


def test_what_a_reset_loads_again(tmp_path: Path) -> None:
    kernel, other = tmp_path / "kernel8.img", tmp_path / "other"
    kernel.write_bytes(bytes(1000))
    other.write_bytes(bytes(24))
    boot = ["-kernel", str(kernel), *loader_args(other, 0x1000, cpu=0)]
    assert hwcheck.loaded(boot, 0x40000000) == [
        (0x40000000, 0x40000040),  # QEMU's own first code
        (0x40080000, 0x400803E8),
        (0x1000, 0x1018),
    ]


def test_the_segments_of_an_elf(tmp_path: Path) -> None:
    elf = tmp_path / "firmware.elf"
    segment = bytes([1]) + bytes(23) + (0x80000).to_bytes(8, "little")
    segment += bytes(8) + (0x1234).to_bytes(8, "little") + bytes(8)
    head = b"\x7fELF" + bytes(28) + (64).to_bytes(8, "little") + bytes(14)
    head += (56).to_bytes(2, "little") + (1).to_bytes(2, "little") + bytes(6)
    elf.write_bytes(head + segment)
    assert hwcheck.loaded(["-kernel", str(elf)], 0) == [(0x80000, 0x81234)]


def test_a_violation_is_told_once_until_it_is_read(machine: Machine) -> None:
    machine.store(machine.base)
    pc = 0xC0DE0004
    for _ in range(3):
        machine.load(machine.base, NC, pc=pc)
    lines = machine.out.read_text().splitlines()
    assert [json.loads(line)["rule"] for line in lines] == ["4a"]
    assert len(machine.violations()) == 1
    machine.load(machine.base, NC, pc=pc)
    assert len(machine.violations()) == 1
    assert machine.violations() == []


def test_a_violation_reads_as_a_text(machine: Machine) -> None:
    machine.store(machine.base + 64)
    machine.do("dsb ish")
    machine.load(machine.base + 64, NC)
    text = str(hwcheck.HardwareViolation(machine.violations()))
    assert text.splitlines() == [
        "rule 4a: a load that is not cached reads memory that the cache has newer bytes of: they "
        "are not cleaned",
        f"  at 0xc0de0008, EL1, address {machine.base + 64:#x}",
        "  because of 0xc0de0000",
        "  before: dsb ish at 0xc0de0004",
    ]


def test_a_memory_object_of_the_caller_is_used(tmp_path: Path) -> None:
    command = ["qemu", "-M", "raspi3b", "-machine", "memory-backend=garbage"]
    made = hwcheck.with_checker(command, tmp_path / "out")
    assert [each for each in made if "memory-backend" in each] == ["memory-backend=garbage"]
    assert made[:3] == command[:3] and "-plugin" in made
