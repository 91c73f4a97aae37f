# SPDX-License-Identifier: MIT
"""The compiler compares the ctypes structures and enumerations of the host tests with C's."""

import ctypes
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import collector_lib
import fake_seam
import frames_lib
import hardware
import heap_lib
import host_library
import machine_lib
import pytest
import sd_fake
import spaces
import sparse_lib
import test_boot_fdt
import test_boot_ram
import test_fault
import test_line_keys
import test_list
import test_pool
from limits import HANG_SECONDS

HERE = Path(__file__).parent
STRUCTURES: dict[type[ctypes.Structure], str] = {
    collector_lib.GroupStruct: "collector_group_t",
    collector_lib.AreaStruct: "collector_area_t",
    collector_lib.CollectorStruct: "collector_t",
    collector_lib.RunStruct: "collector_run_t",
    collector_lib.StatsStruct: "collector_stats_t",
    collector_lib.DamageStruct: "collector_damage_t",
    fake_seam.Source: "mem_source_t",
    fake_seam.FakeSource: "fake_source_t",
    fake_seam.WalkCache: "paging_walk_cache_t",
    fake_seam.PagingStruct: "paging_t",
    fake_seam.PagingError: "paging_error_t",
    fake_seam.Step: "paging_step_t",
    fake_seam.Run: "paging_run_t",
    frames_lib.Range: "mem_range_t",
    frames_lib.Request: "frames_request_t",
    frames_lib.Error: "frames_error_t",
    frames_lib.Stats: "frames_stats_t",
    frames_lib.Run: "frames_run_t",
    hardware.FakeHardware: "fake_hardware_t",
    hardware.Ring: "ring_t",
    hardware.Pl011Stats: "uart_stats_t",
    hardware.Pl011: "pl011_t",
    hardware.Alarm: "alarm_t",
    hardware.MiniUart: "mini_uart_t",
    hardware.Gpio: "gpio_t",
    hardware.GpioIrq: "gpio_irq_t",
    hardware.Mailbox: "mailbox_t",
    hardware.Bsc: "bsc_t",
    hardware.I2cLines: "i2c_lines_t",
    hardware.SpiMode: "spi_mode_t",
    hardware.Spi0: "spi0_t",
    hardware.AuxSpi: "aux_spi_t",
    hardware.Bytes: "bsc_bytes_t",
    hardware.Sdhci: "sdhci_t",
    hardware.SdCard: "sd_card_t",
    hardware.SdSlot: "sd_slot_t",
    hardware.Rng: "rng_t",
    hardware.Gicv2: "gicv2_t",
    hardware.Bcm2836Intc: "bcm2836_intc_t",
    hardware.SocRange: "boot_range_t",
    hardware.Soc: "soc_t",
    hardware.IrqStats: "irq_stats_t",
    heap_lib.ErrorStruct: "heap_error_t",
    heap_lib.StatsStruct: "heap_stats_t",
    heap_lib.DamageStruct: "heap_damage_t",
    heap_lib.BlockStruct: "heap_block_t",
    machine_lib.BusPins: "bus_pins_t",
    machine_lib.BusKind: "bus_kind_t",
    machine_lib.Format: "uart_format_t",
    machine_lib.Line: "uart_line_t",
    spaces.Request: "space_request_t",
    spaces.WindowRequest: "window_request_t",
    spaces.Range: "mem_range_t",
    spaces.Error: "space_error_t",
    spaces.Damage: "space_damage_t",
    spaces.Region: "region_t",
    spaces.FrameOwner: "frame_owner_t",
    spaces.SpaceStruct: "space_t",
    spaces.StackStruct: "space_stack_t",
    spaces.QuarantineRange: "quarantine_range_t",
    spaces.QuarantineStruct: "quarantine_t",
    spaces.Switch: "space_switch_t",
    test_boot_fdt.Reserved: "boot_reserved_t",
    test_boot_fdt.Section: "boot_section_t",
    test_boot_fdt.Info: "boot_info_t",
    test_boot_ram.Range: "mem_range_t",
    test_fault.Info: "fault_info_t",
    test_line_keys.Keys: "line_keys_t",
    test_list.Item: "item_t",
    test_pool.PoolStruct: "pool_t",
    sparse_lib.SparseStruct: "sparse_t",
}
# Room only: the tests do not look into it, and test_heap.py compares its size.
OPAQUE = {heap_lib.HeapStruct}
ENUMERATIONS: dict[type[IntEnum], tuple[str, str]] = {
    collector_lib.Damage: ("collector_damage_kind_t", "COLLECTOR_DAMAGE_"),
    fake_seam.Op: ("fake_op_t", "FAKE_"),
    sd_fake.Result: ("sd_result_t", ""),
    heap_lib.Kind: ("heap_error_kind_t", "HEAP_"),
    heap_lib.Damage: ("heap_damage_kind_t", "HEAP_DAMAGE_"),
    spaces.Why: ("space_error_kind_t", "SPACE_"),
    test_line_keys.Key: ("line_key_t", "KEY_"),
    test_fault.Kind: ("fault_kind_t", "FAULT_"),
    test_fault.Access: ("fault_access_t", "FAULT_ACCESS_"),
}
# -Wall: an enumerator that is missing from a switch without a default is an error.
FLAGS = shlex.split("-std=gnu11 -fsyntax-only -Wall -Wextra -Werror -DMMIO_FAKE -DCPU_FAKE")


def header_of(c_type: str) -> Path:
    """The file that defines a type."""
    folders = (host_library.MEMORY, host_library.PORT, HERE)
    headers = [path for folder in folders for path in sorted(folder.rglob("*.h"))]
    for path in [*headers, *sorted(HERE.glob("*.c"))]:
        if re.search(rf"^(}} {c_type};|struct _{c_type} {{)", path.read_text(), re.M):
            return path
    raise AssertionError(f"no file defines {c_type}")


def expect(condition: str, what: str) -> str:
    return f'_Static_assert({condition}, "{what}");\n'


def structure_program(structure: type[ctypes.Structure], c_type: str) -> str:
    """Assertions about the size of a structure, and about the place and size of each field."""
    text = f'#include <stddef.h>\n#include "{header_of(c_type)}"\n'
    text += expect(f"sizeof({c_type}) == {ctypes.sizeof(structure)}", f"size of {c_type}")
    for name, *_ in structure._fields_:
        field = getattr(structure, name)
        where = f"offsetof({c_type}, {name}) == {field.offset}"
        size = f"sizeof((({c_type} *)0)->{name}) == {field.size}"
        text += expect(f"{where} && {size}", f"{c_type}.{name}")
    return text


def enumeration_program(c_type: str, values: dict[str, int]) -> str:
    """Assertions about each value, and a switch that must name every enumerator."""
    text = f'#include "{header_of(c_type)}"\n'
    for name, value in values.items():
        text += expect(f"{name} == {value}", f"{name} of {c_type}")
    cases = "".join(f"case {name}: " for name in values)
    function = f"int has_{c_type}({c_type} v)"
    return f"{text}{function};\n{function} {{ switch (v) {{ {cases} return 1; }} return 0; }}\n"


def c_name(prefix: str, member: IntEnum) -> str:
    """The enumerator of a member: two enumerations of fault.h would both have an UNKNOWN."""
    return (prefix + member.name).replace("FAULT_UNKNOWN", "FAULT_KIND_UNKNOWN")


def errors_of(program: str, folder: Path) -> str:
    """What the compiler has against a program; empty when nothing."""
    source = folder / "layout.c"
    source.write_text(program)
    includes = [f"-I{p}" for p in (host_library.MEMORY, host_library.PORT, HERE)]
    command = [*host_library.compiler(), *FLAGS, *includes, str(source)]
    done = subprocess.run(
        command,
        env={**os.environ, "LD_PRELOAD": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    return done.stderr if done.returncode else ""


def test_structures_have_the_layout_of_c(tmp_path: Path) -> None:
    programs = [structure_program(structure, name) for structure, name in STRUCTURES.items()]
    assert errors_of("".join(programs), tmp_path) == ""


def test_enumerations_have_the_values_of_c(tmp_path: Path) -> None:
    kinds = {f"FRAMES_{k.upper().replace(' ', '_')}": n for n, k in enumerate(frames_lib.KINDS)}
    program = enumeration_program("frames_error_kind_t", kinds)
    for enumeration, (c_type, prefix) in ENUMERATIONS.items():
        values = {c_name(prefix, each): each.value for each in enumeration}
        program += enumeration_program(c_type, values)
    assert errors_of(program, tmp_path) == ""


def structures_of_tests() -> Iterator[str]:
    """module.class of every structure that is written in this folder."""
    for path in sorted(HERE.glob("*.py")):
        for name in re.findall(r"^class (\w+)\(ctypes\.Structure\)", path.read_text(), re.M):
            yield f"{path.stem}.{name}"


def test_every_structure_of_the_tests_is_compared() -> None:
    compared = {f"{s.__module__}.{s.__name__}" for s in (*STRUCTURES, *OPAQUE)}
    new = set(structures_of_tests()) - compared - {"test_c_layouts.Shifted"}
    assert new == set(), "add these to STRUCTURES, with the names of their C types"


class Shifted(ctypes.Structure):
    _fields_ = (("head", ctypes.c_uint32), ("mask", ctypes.c_uint32), ("data", ctypes.c_void_p))


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (structure_program(Shifted, "ring_t"), "ring_t.head"),
        (enumeration_program("gpio_pull_t", {"GPIO_PULL_NONE": 0}), "GPIO_PULL_DOWN"),
        (enumeration_program("gpio_pull_t", {"GPIO_PULL_UP": 2}), "GPIO_PULL_UP of"),
    ],
)
def test_a_difference_is_named(program: str, says: str, tmp_path: Path) -> None:
    assert says in errors_of(program, tmp_path)
