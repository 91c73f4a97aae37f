# SPDX-License-Identifier: MIT
"""The banks of RAM that a device tree tells of, as the hardware checker's launcher reads them."""

from __future__ import annotations

import struct
from pathlib import Path

import device_trees
import pytest

from pimem.board import hwcheck, tree
from pimem.board.qemu import kernel_args, loader_args

GIB = 1 << 30


def blob(*banks: tuple[int, int], address_cells: int = 2, size_cells: int = 1) -> bytes:
    reg = device_trees.reg(banks, address_cells, size_cells)
    return device_trees.build(
        {
            "#address-cells": address_cells,
            "#size-cells": size_cells,
            "memory@0": {"device_type": "memory", "reg": reg},
            "soc": {"memory@7e": {"device_type": "memory", "reg": (5, 5, 5)}},  # no bank of RAM
            "sram": {"device_type": "sram", "reg": (0, 9, 9)},
        }
    )


@pytest.mark.parametrize(("address_cells", "size_cells"), [(1, 1), (2, 1), (2, 2)])
def test_the_banks_of_a_tree(address_cells: int, size_cells: int) -> None:
    made = blob((0, 0x3C000000), (GIB, GIB), address_cells=address_cells, size_cells=size_cells)
    assert tree.memory(tree.parse(made)) == [(0, 0x3C000000), (GIB, 2 * GIB)]


def test_a_bank_without_size_is_none() -> None:
    assert tree.memory(tree.parse(blob((0, 0)))) == []


def rootless() -> bytes:
    """A tree that ends where its root would begin."""
    made = bytearray(blob((0, GIB)))
    (structure,) = struct.unpack_from(">I", made, 8)
    struct.pack_into(">I", made, structure, device_trees.FINISH)
    return bytes(made)


NO_TREES = (b"", b"\xd0\x0d\xfe\xed", blob((0, GIB))[:100], bytes(100), rootless())


@pytest.mark.parametrize("data", NO_TREES)
def test_what_is_no_tree(data: bytes) -> None:
    with pytest.raises(ValueError, match="no flattened device tree|ends too early"):
        tree.parse(data)


def command(tmp_path: Path, data: bytes, option: str) -> list[str]:
    path = tmp_path / "board.dtb"
    path.write_bytes(data)
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(bytes(8))
    given = ["-dtb", str(path)] if option == "-dtb" else loader_args(path, 0x2000000)
    return ["qemu", "-M", "raspi4b", "-m", "2G", *kernel_args(kernel), *given]


@pytest.mark.parametrize("option", ["-dtb", "loader"])
@pytest.mark.parametrize(
    ("banks", "expected"),
    [
        (((0, 0x3B400000), (GIB, 3 * GIB)), ["ram=0-3c000000", "ram=40000000-100000000"]),
        (((0, GIB), (GIB, GIB), (3 * GIB, 16)), ["ram=0-80000000", "ram=c0000000-c0000010"]),
        (((0, 0x30000000), (0x10000000, 0x2F000000)), ["ram=0-3f000000", "ram=40000000-80000000"]),
    ],
)
def test_the_plugin_is_told_the_banks_of_the_tree(
    tmp_path: Path, option: str, banks: tuple[tuple[int, int], ...], expected: list[str]
) -> None:
    made = command(tmp_path, blob(*banks, size_cells=2), option)
    options = hwcheck.plugin_options("raspi4b", made)
    assert [each for each in options if each.startswith("ram=")] == expected


@pytest.mark.parametrize(
    "data",
    [bytes(16), blob((0, 0)), blob(*((n * GIB, 9) for n in range(hwcheck.MOST_RANGES + 1)))],
)
def test_without_banks_the_machine_has_what_it_has(tmp_path: Path, data: bytes) -> None:
    options = hwcheck.plugin_options("raspi4b", command(tmp_path, data, "loader"))
    assert [each for each in options if each.startswith("ram=")] == [
        "ram=0-3c000000",
        "ram=40000000-80000000",
    ]
