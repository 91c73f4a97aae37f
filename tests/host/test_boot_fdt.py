# SPDX-License-Identifier: MIT
"""What boot takes from a device tree: RAM that is there, and every byte that is kept back."""

from __future__ import annotations

import ctypes
import functools
import struct
from typing import Any

import device_trees
import host_library
import pytest
from device_trees import Node, Ranges
from spaces import Range

MAX_BANKS, MAX_RESERVED, NAME_SIZE, MODEL_SIZE = 8, 16, 24, 64
MAX_SECTIONS, MAX_KEPT = 12, 8
M1, G1 = 1 << 20, 1 << 30
END = 1 << 48  # of physical addresses


class Reserved(ctypes.Structure):
    _fields_ = [("range", Range), ("name", ctypes.c_char * NAME_SIZE)]


class Section(ctypes.Structure):
    """boot_section_t."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("protected_name", ctypes.c_char_p),
        ("va", ctypes.c_uint64),
        ("pa", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("prot", ctypes.c_uint32),
    ]


class Info(ctypes.Structure):
    """boot_info_t (port.h)."""

    _fields_ = [
        ("ram", Range * MAX_BANKS),
        ("ram_count", ctypes.c_size_t),
        ("reserved", Reserved * MAX_RESERVED),
        ("reserved_count", ctypes.c_size_t),
        ("image", Range),
        ("dtb", ctypes.c_void_p),
        ("dtb_size", ctypes.c_size_t),
        ("source", ctypes.c_char_p),
        ("model", ctypes.c_char * MODEL_SIZE),
        ("soc", ctypes.c_char_p),
        ("firmware", ctypes.c_uint32),
        ("x0", ctypes.c_uint64),
        ("start_ticks", ctypes.c_uint64),
        ("prompt_ticks", ctypes.c_uint64),
        ("asleep_ticks", ctypes.c_uint64),
        ("entry_el", ctypes.c_uint),
        ("entry_serror", ctypes.c_uint64),
        ("cores", ctypes.c_uint),
        ("uses_psci", ctypes.c_bool),
        ("reset_asked", ctypes.c_bool),
        ("pa_range", ctypes.c_uint),
        ("linear", ctypes.c_uint64),
        ("window", Range),
        ("stack", Range),
        ("trampoline", ctypes.c_uint64),
        ("kept", ctypes.c_uint64 * MAX_KEPT),
        ("kept_count", ctypes.c_size_t),
        ("sections", Section * MAX_SECTIONS),
        ("section_count", ctypes.c_size_t),
        ("layout", ctypes.c_void_p),
        ("layout_count", ctypes.c_size_t),
        ("mmio", ctypes.c_void_p),
        ("mmio_count", ctypes.c_size_t),
    ]


@functools.cache
def library() -> ctypes.CDLL:
    names = ("boot_fdt.c", "fdt_reader.c", "boot_info.c")
    ours = [str(host_library.PORT / "boot" / name) for name in names]
    lib = host_library.build("boot_fdt", [*ours, "libfdt_shim.c"])
    lib.boot_fdt_read.argtypes = [ctypes.c_void_p]
    lib.boot_fdt_read.restype = ctypes.c_bool
    lib.boot_fdt_used_size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    lib.boot_fdt_used_size.restype = ctypes.c_size_t
    lib.boot_reserve.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_char_p]
    lib.boot_reserve.restype = None
    return lib


def fresh_info() -> Any:
    """boot_info, cleared. It is not used beyond what is declared above."""
    info = ctypes.c_char.in_dll(library(), "boot_info")
    ctypes.memset(ctypes.addressof(info), 0, ctypes.sizeof(Info))
    return Info.from_address(ctypes.addressof(info))


def read(blob: bytes) -> Any:
    """boot_info after reading the blob, which lies in memory of its own size."""
    memory = host_library.Memory(len(blob))
    memory.write(0, blob)
    info = fresh_info()
    info.dtb = memory.address
    info.usable = library().boot_fdt_read(ctypes.addressof(info))
    return info


def banks(info: Any) -> list[tuple[int, int]]:
    return [(bank.start, bank.end) for bank in info.ram[: info.ram_count]]


def reserved(info: Any) -> list[tuple[int, int, str]]:
    found = info.reserved[: info.reserved_count]
    return [(each.range.start, each.range.end, each.name.decode()) for each in found]


def tree(cells: tuple[int, int] = (2, 1), banks: Ranges = ((0, G1),), **more: Any) -> Node:
    memory = {"device_type": "memory", "reg": device_trees.reg(banks, *cells)}
    return {"#address-cells": cells[0], "#size-cells": cells[1], "memory@0": memory, **more}


@pytest.mark.parametrize("cells", [(1, 1), (2, 1), (2, 2), (1, 2), (3, 1), (3, 3), (4, 4)])
def test_addresses_and_sizes_of_any_number_of_cells(cells: tuple[int, int]) -> None:
    ranges = ((0, 0x3B400000), (0x40000000, 0xBC000000))
    info = read(device_trees.build(tree(cells, ranges)))
    assert info.usable and banks(info) == [(0, 0x3B400000), (0x40000000, 0xFC000000)]


def test_a_number_of_more_than_64_bits_is_not_cut() -> None:
    """Cut, it would be RAM at 0, or a reservation elsewhere."""
    info = read(device_trees.build(tree((3, 1), ((1 << 64, M1), (G1, M1)))))
    assert banks(info) == [(G1, G1 + M1)]
    children = device_trees.reserved_memory({})
    children |= {"#size-cells": 3, "big@10000000": {"reg": (0, 0x10000000, 1, 0, 0)}}
    info = read(device_trees.build(tree(**{"reserved-memory": children})))
    assert reserved(info) == [(0x10000000, END, "big@10000000")]


def test_every_memory_node_counts_whatever_its_name() -> None:
    more = {
        "memory@40000000": {"reg": (0, G1, M1)},
        "ram": {"device_type": "memory", "reg": (0, 2 * G1, M1)},
        "memory-controller@7e000000": {"reg": (0, 0x7E000000, M1)},
    }
    info = read(device_trees.build(tree(**more)))
    assert banks(info) == [(0, G1), (G1, G1 + M1), (2 * G1, 2 * G1 + M1)]


@pytest.mark.parametrize(
    ("status", "used"),
    [("okay", True), ("ok", True), ("disabled", False), ("reserved", False), ("fail-sss", False)],
)
def test_memory_that_is_not_for_us_is_no_bank(status: str, used: bool) -> None:
    """QEMU's virt has RAM that only the secure world may touch: a disabled node."""
    secure = {"device_type": "memory", "reg": (0, 0x0E000000, M1), "status": status}
    info = read(device_trees.build(tree(banks=((G1, G1),), **{"secram@e000000": secure})))
    assert banks(info) == [(G1, 2 * G1)] + [(0x0E000000, 0x0E000000 + M1)] * used


RESERVING = {
    "to the last address": (0x10000000, (1 << 64) - 0x10000000),
    "beyond the last address": (0x10000000, (1 << 64) - 1),
    "beyond the last physical address": (0x10000000, 1 << 60),
}


@pytest.mark.parametrize("what", RESERVING)
def test_a_reservation_without_a_good_end_keeps_all_that_follows(what: str) -> None:
    start, size = RESERVING[what]
    info = read(device_trees.build(tree(), reserve=((start, size),)))
    assert reserved(info) == [(start, END, "memreserve")]
    node = device_trees.reserved_memory({"a@10000000": (start, size)}, size_cells=2)
    info = read(device_trees.build(tree(**{"reserved-memory": node})))
    assert reserved(info) == [(start, END, "a@10000000")]
    chosen = {
        "linux,initrd-start": device_trees.cells(start, 2),
        "linux,initrd-end": device_trees.cells(min(start + size, (1 << 64) - 1), 2),
    }
    assert reserved(read(device_trees.build(tree(chosen=chosen)))) == [(start, END, "initrd")]


def test_what_no_address_reaches_reserves_nothing() -> None:
    info = read(device_trees.build(tree(), reserve=((END, M1), (1 << 63, M1))))
    assert reserved(info) == []


def test_a_list_of_reservations_without_its_end_is_kept_as_far_as_it_goes() -> None:
    blob = bytearray(device_trees.build(tree(), reserve=((0, 0x1000), (G1 - M1, M1))))
    # Structure and strings first, then the list, cut off before its empty entry.
    at = -(-len(blob) // 8) * 8
    blob += bytes(at - len(blob)) + blob[40:72]
    struct.pack_into(">I", blob, 16, at)
    struct.pack_into(">I", blob, 4, len(blob))
    expected = [(0, 0x1000, "memreserve"), (G1 - M1, G1, "memreserve")]
    assert reserved(read(bytes(blob))) == expected


def test_with_a_full_table_the_nearest_two_become_one() -> None:
    """One far away must not grow over all that lies between, the kernel too."""
    ranges = tuple((n * M1, 4096) for n in range(100, 100 + MAX_RESERVED))
    more = ((115 * M1 + 4096, 4096), (0, 0x80000), (101 * M1 + 8192, 4096))
    got = [each[:2] for each in reserved(read(device_trees.build(tree(), reserve=ranges + more)))]
    assert len(got) == MAX_RESERVED
    assert (115 * M1, 115 * M1 + 8192) in got
    assert (0, 0x80000) in got
    assert (100 * M1, 101 * M1 + 12288) in got or (101 * M1, 101 * M1 + 12288) in got
    assert all(end - start <= M1 + 12288 for start, end in got)


def test_names_are_printable_and_cut() -> None:
    """They become texts of Python, and are printed: half a character or ESC must not."""
    node = device_trees.reserved_memory({"\u00e9\x1b[2J" + "x" * 40: (0x1000, 0x1000)})
    info = read(
        device_trees.build(tree(model="Pi \u20ac\x07" + "y" * 90, **{"reserved-memory": node}))
    )
    assert reserved(info)[0][2] == "???[2J" + "x" * (NAME_SIZE - 7)
    assert info.model.decode() == "Pi ????" + "y" * (MODEL_SIZE - 8)


def find_property(blob: bytes, name: bytes) -> int:
    """The offset of the first property with the name in the blob."""
    strings = struct.unpack_from(">I", blob, 12)[0]
    at = blob.index(name + b"\0", strings) - strings
    structure = struct.unpack_from(">I", blob, 8)[0]
    found = (
        offset
        for offset in range(structure, strings, 4)
        if struct.unpack_from(">I", blob, offset)[0] == device_trees.PROPERTY
        and struct.unpack_from(">I", blob, offset + 8)[0] == at
    )
    return next(found)


@pytest.mark.parametrize("size", [0x100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF])
def test_a_property_longer_than_the_structure_ends_the_tree(size: int) -> None:
    """What follows it is not read as a property, nor what is behind the tree."""
    more = {"memory@40000000": {"reg": (0, G1, M1)}, "last": {"reg": b""}}
    blob = bytearray(device_trees.build(tree(**more)))
    assert banks(read(bytes(blob))) == [(0, G1), (G1, G1 + M1)]
    struct.pack_into(">I", blob, find_property(blob, b"reg") + 4, size)
    assert banks(read(bytes(blob))) == []


def test_a_name_outside_the_strings_is_no_name() -> None:
    blob = bytearray(device_trees.build(tree(model="Pi")))
    at = find_property(blob, b"model") + 8
    for name_at in (len(blob), 0x7FFFFFFF, 0xFFFFFFFF, len(blob) - 2):
        struct.pack_into(">I", blob, at, name_at)
        info = read(bytes(blob))
        assert (banks(info), info.model) == ([(0, G1)], b"")


def old_node(path: str, content: Node, strings: bytearray) -> bytes:
    """A node as before version 16: its name is its path, and long values begin at 8 bytes."""
    out = struct.pack(">I", device_trees.BEGIN) + device_trees.pad(path.encode() + b"\0")
    for key, data in sorted(content.items(), key=lambda item: isinstance(item[1], dict)):
        if isinstance(data, dict):
            out += old_node(f"{path.rstrip('/')}/{key}", data, strings)
            continue
        raw = device_trees.value(data)
        out += struct.pack(">III", device_trees.PROPERTY, len(raw), len(strings))
        strings += key.encode() + b"\0"
        # Each node begins at 8 bytes here, so the place in it is that in the structure.
        out += bytes(len(out) % 8 if len(raw) >= 8 else 0) + device_trees.pad(raw)
    out += struct.pack(">I", device_trees.END)
    return out + struct.pack(">I", 4) * (len(out) // 4 % 2)  # FDT_NOP


def test_a_tree_from_before_version_16_is_read() -> None:
    root = tree((2, 1), ((0, G1), (G1, M1)), model="an old board")
    strings = bytearray()
    structure = old_node("/", root, strings) + struct.pack(">I", device_trees.FINISH)
    at_strings = 56 + len(structure)
    total = at_strings + len(strings)
    head = (device_trees.MAGIC, total, 56, at_strings, 40, 3, 2, 0, len(strings), 0)
    info = read(struct.pack(">10I", *head) + bytes(16) + structure + bytes(strings))
    assert banks(info) == [(0, G1), (G1, G1 + M1)]
    assert info.model == b"an old board"


def test_the_size_in_use_keeps_the_whole_tree() -> None:
    used = library().boot_fdt_used_size
    for spare in (0, 8, 4096):
        blob = device_trees.build(tree(), spare=spare)
        memory = host_library.Memory(len(blob))
        memory.write(0, blob)
        assert used(memory.address, len(blob)) == len(blob) - spare
        # Version 16 does not tell how long the structure is.
        struct.pack_into(">I", header := bytearray(blob[:40]), 20, 16)
        struct.pack_into(">I", header, 36, 8)
        memory.write(0, bytes(header))
        assert used(memory.address, len(blob)) == len(blob)
        memory.write(0, b"\xd0\x0d\xfe\xee")
        assert used(memory.address, len(blob)) == 0
