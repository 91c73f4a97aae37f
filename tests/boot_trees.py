# SPDX-License-Identifier: MIT
"""Device trees as firmware writes them for every size of RAM, and others that it might: one a row.

Each row says what is placed where; what the kernel must make of it is read from the tree itself
(tree_reading.py).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import device_trees
from boot_stub import FIRST_BANK, STUB_PAGE, USUAL_DTB
from boot_ways import board_of
from device_trees import MODELS, Node, Ranges, reg

from pimem.testing import board_session

MIB, GIB = 1 << 20, 1 << 30
KERNEL = 0x80000
TOP_512 = 0x1C000000


@dataclass(frozen=True)
class Row:
    name: str
    machine: str  # of boot_ways.py
    blob: bytes
    dtb_at: int = USUAL_DTB
    initrd: tuple[int, int] = (0, 0)  # what the tree says of it
    kernel_at: int = KERNEL
    refused: str = ""  # what safe mode says; "": it boots
    used: bool = True  # whether x0 can be followed
    filled: bool = False  # all RAM is full of 0xA5 before, not its first part only

    def __str__(self) -> str:
        return f"{self.machine.split()[0]}-{self.name}"


def tree(machine: str, banks: Ranges, cells: tuple[int, int] = (0, 1), **more: Any) -> Node:
    """A Pi's, with the cells that its firmware uses by default."""
    soc = board_of(machine).soc
    address, size = cells[0] or (1 if soc == "BCM2837" else 2), cells[1]
    memory = {"device_type": "memory", "reg": reg(banks, address, size)}
    root = device_trees.pi(*MODELS[soc], ())
    return root | {"#address-cells": address, "#size-cells": size, "memory@0": memory} | more


def row(name: str, machine: str, banks: Ranges, reserve: Ranges = STUB_PAGE, **more: Any) -> Row:
    """A row whose tree has these banks; the fields of Row are told from other nodes by name."""
    fields = {key: more.pop(key) for key in ("dtb_at", "initrd", "refused") if key in more}
    cells = more.pop("cells", (0, 1))
    if initrd := fields.get("initrd"):
        start, size = initrd
        more["chosen"] = {"linux,initrd-start": start, "linux,initrd-end": start + size}
    blob = device_trees.build(tree(machine, banks, cells, **more), reserve)
    return Row(name, machine, blob, **fields)


def image_end(machine: str, at: int = KERNEL) -> int:
    header = board_session.kernel(board_of(machine)).read_bytes()[:64]
    return at + int.from_bytes(header[16:24], "little")


def pages_up(address: int) -> int:
    return -(-address // 4096) * 4096


def sizes() -> list[Row]:
    """What firmware says of RAM, from 512 MB to 8 GB, and of shares of VideoCore."""
    second = (GIB, GIB)
    rows = [
        row("512 MB", "RPI3 512 MiB", ((0, TOP_512),), dtb_at=TOP_512 - 0x10000),
        row("1 GB", "RPI3", (FIRST_BANK,)),
        row("1 GB", "RPI4", (FIRST_BANK,)),
        row("2 GB", "RPI4", (FIRST_BANK, second)),
        row("4 GB", "RPI4", (FIRST_BANK, (GIB, 0xBC000000))),
        row(
            "8 GB",
            "RPI4",
            (FIRST_BANK, (GIB, 0xBC000000), (4 * GIB, 2 * GIB), (6 * GIB, 2 * GIB)),
        ),
        row("4 GB, devices high", "RPI4", ((0, 0x37000000), (GIB, 0xC0000000)), cells=(2, 2)),
    ]
    for share in (16, 64, 77, 256, 512):
        bank = ((0, GIB - share * MIB),)
        at = min(USUAL_DTB, bank[0][1] - MIB)
        rows += [row(f"gpu_mem={share}", m, bank, dtb_at=at) for m in ("RPI3", "RPI4")]
    return rows


def layouts() -> list[Row]:
    """The same RAM in other words."""
    second = (GIB, GIB)
    halves = ((0, 0x20000000), (0x20000000, 0x1B400000))
    names = {
        "memory@20000000": {"device_type": "memory", "reg": reg(halves[1:], 2, 1)},
        "memory": {"reg": reg(((GIB, 256 * MIB),), 2, 1)},
        "high": {"device_type": "memory", "reg": reg(((GIB + 256 * MIB, 256 * MIB),), 2, 1)},
        "secure@60000000": {
            "device_type": "memory",
            "reg": reg(((0x60000000, MIB),), 2, 1),
            "status": "disabled",
        },
    }
    pieces = tuple((GIB + n * 4 * MIB, 3 * MIB) for n in range(7))
    return [
        row("one cell", "RPI4", (FIRST_BANK,), cells=(1, 1)),
        row("two cells", "RPI3", (FIRST_BANK,), cells=(2, 2)),
        row("size of two cells", "RPI4", (FIRST_BANK, (GIB, GIB)), cells=(2, 2)),
        row("several nodes", "RPI4", halves[:1], **names),
        row("banks out of order", "RPI4", ((GIB, GIB), *halves[::-1])),
        row("banks that overlap", "RPI3", ((0, 0x30000000), (0x10000000, 0x2B400000))),
        row("banks of parts of pages", "RPI3", ((0, 0x1FFFF800), (0x20000A00, 0x1B000123))),
        row("eight banks", "RPI4", (FIRST_BANK, *pieces)),
        row("RAM that no BCM2837 has", "RPI3", (FIRST_BANK, (4 * GIB, GIB)), cells=(2, 2)),
        row(
            "RAM that no BCM2711 has",
            "RPI4",
            (FIRST_BANK, second, (6 * GIB, 4 * GIB)),
            cells=(2, 2),
        ),
    ]


def reservations() -> list[Row]:
    """What is kept back: in each of the places where a tree says so."""
    children = {
        "nvram@3b000000": (0x3B000000, 0x1000),
        "secret@10000800": (0x10000800, 0x1000),
        "cma@20000000": (0x20000000, 64 * MIB),
    }
    node = device_trees.reserved_memory(children)
    sized = node | {"linux,cma": {"size": (0x4000000,), "reusable": b""}}
    many = tuple((0x10000000 + n * MIB, 0x1800) for n in range(40))
    end = (1 << 64) - 0x30000000
    rows = [row("/reserved-memory", "RPI4", (FIRST_BANK,), **{"reserved-memory": sized})]
    for machine in ("RPI3", "RPI4"):
        rows += [
            row("/memreserve/", machine, (FIRST_BANK,), (*STUB_PAGE, (0x20001000, 0x3000))),
            row(
                "memreserve of the root",
                machine,
                (FIRST_BANK,),
                memreserve=(0x3B400000, 0x4C00000),
            ),
            row("40 reservations", machine, (FIRST_BANK,), many),
        ]
    rows.append(row("a reservation without end", "RPI4", (FIRST_BANK,), ((0x30000000, end),)))
    rows += [
        row("initrd behind", "RPI3", (FIRST_BANK,), initrd=(0x2000000, 3 * MIB + 77)),
        row("initrd behind", "RPI4", (FIRST_BANK,), initrd=(0x3000800, 3 * MIB)),
        row(
            "initrd just behind", "RPI4", (FIRST_BANK,), initrd=(pages_up(image_end("RPI4")), MIB)
        ),
        row("initrd at the end", "RPI3", (FIRST_BANK,), initrd=(0x3B400000 - MIB, MIB)),
    ]
    for machine in ("RPI3", "RPI4"):
        over = row(
            "initrd over", machine, (FIRST_BANK,), initrd=(0x90000, MIB), refused="initrd at"
        )
        rows.append(over)
    before = row("initrd before", "RPI3", (FIRST_BANK,), initrd=(0x100000, MIB))
    rows.append(Row(before.name, "RPI3", before.blob, initrd=before.initrd, kernel_at=0x1237000))
    return rows


def places() -> list[Row]:
    """Where the tree itself lies."""
    rows = []
    for machine in ("RPI3", "RPI4"):
        behind = -(-image_end(machine) // 8) * 8
        for name, at in {
            "tree after the image": behind,
            "tree in the window": pages_up(behind) + 0x40008,
            "tree at the end": FIRST_BANK[1] - 0x2000,
            "tree at 0x100": 0x100,
            "tree before the parking page": 0x7E000,
        }.items():
            rows.append(row(name, machine, (FIRST_BANK,), dtb_at=at))
        blob = rows[-1].blob
        rows.append(Row("tree misaligned", machine, blob, 0x2000004, used=False))
    high = row("tree high, gpu_mem=16", "RPI4", ((0, 0x3F000000),), dtb_at=0x3EFF0000)
    return [*rows, high]


# virt: RAM begins at 1 GiB, there is no stub area and no VideoCore, and one core that PSCI starts.

VIRT, VIRT_5 = "QEMU_VIRT", "QEMU_VIRT 5 GiB"
VIRT_RAM = (0x40000000, 0x08000000)
VIRT_KERNEL, VIRT_DTB = 0x40200000, 0x44000000  # QEMU puts a tree of its own at the start of RAM
PSCI: Node = {
    "cpus": {
        "#address-cells": 1,
        "#size-cells": 0,
        "cpu@0": {"device_type": "cpu", "reg": 0, "enable-method": "psci"},
    },
    "psci": {"compatible": "arm,psci-0.2", "method": "hvc"},
}


def virt(name: str, banks: Ranges, reserve: Ranges = (), **more: Any) -> Row:
    """A row of virt, with two cells for a size unless it says otherwise."""
    machine, kernel_at = more.pop("machine", VIRT), more.pop("kernel_at", VIRT_KERNEL)
    filled = more.pop("filled", False)
    more = {"cells": (2, 2), "dtb_at": VIRT_DTB, **PSCI, **more}
    made = row(name, machine, banks, reserve, **more)
    return dataclasses.replace(made, kernel_at=kernel_at, filled=filled)


def virt_rows() -> list[Row]:
    """The same questions to virt, whose RAM goes beyond 4 GiB."""
    whole, half = (VIRT_RAM,), VIRT_RAM[1] // 2
    start, top = VIRT_RAM[0], sum(VIRT_RAM)
    halves = ((start, half), (start + half, half))
    more_nodes = {"memory@44000000": {"device_type": "memory", "reg": reg(halves[1:], 2, 2)}}
    holes = ((start, GIB), (0x90000000, 0x30000000), (4 * GIB, GIB), (0x150000000, 0x10000000))
    children = {"kept@43000800": (0x43000800, 0x1000), "kept@46000000": (0x46000000, MIB)}
    kept = device_trees.reserved_memory(children, size_cells=2)
    many = tuple((0x41000000 + n * MIB, 0x1800) for n in range(40))
    before = virt("initrd before", whole, initrd=(0x40120000, MIB))
    rows = [
        virt("128 MB", whole, filled=True),
        virt("5 GB in one bank", ((start, 5 * GIB),), machine=VIRT_5),
        virt("banks with holes", holes, machine=VIRT_5),
        virt("banks out of order", (*holes[2:], *holes[:2]), machine=VIRT_5),
        virt("size of one cell", whole, cells=(2, 1)),
        virt("several nodes", halves[:1], **more_nodes),
        virt("banks that overlap", ((start, 0x5000000), (0x43000000, 0x5000000))),
        virt("banks of parts of pages", ((start, 0x3FFF800), (0x44000A00, 0x3000123))),
        virt("eight banks", tuple((start + n * 16 * MIB, 15 * MIB) for n in range(8))),
        virt("/memreserve/", whole, ((0x42001000, 0x3000), (top - 0x1000, 0x1000))),
        virt("/reserved-memory", whole, **{"reserved-memory": kept}),
        virt("40 reservations", whole, many),
        virt("a reservation without end", whole, ((0x46000000, (1 << 64) - 0x46000000),)),
        virt("initrd behind", whole, initrd=(0x43000800, 3 * MIB + 77)),
        virt("initrd over the image", whole, initrd=(0x40210000, MIB), refused="initrd"),
        dataclasses.replace(before, kernel_at=0x41237000),
        virt("tree misaligned", whole, dtb_at=0x44000004),
    ]
    rows[-1] = dataclasses.replace(rows[-1], used=False)
    behind = -(-image_end(VIRT, VIRT_KERNEL) // 8) * 8
    places = {
        "tree after the image": behind,
        "tree in the window": pages_up(behind) + 0x40008,
        "tree at the end": top - 0x2000,
        "tree before the image": VIRT_KERNEL - 0x2000,
    }
    return [*rows, *(virt(name, whole, dtb_at=at) for name, at in places.items())]


def filled_rows() -> list[Row]:
    """All RAM of the machine full of 0xA5, not the first of it only."""
    small = row("all filled", "RPI3", (FIRST_BANK,))
    large = row("all filled", "RPI4", (FIRST_BANK, (GIB, GIB)))
    return [dataclasses.replace(each, filled=True) for each in (small, large)]


def pi_rows() -> list[Row]:
    return [*sizes(), *layouts(), *reservations(), *places()]


def all_rows() -> list[Row]:
    return [*pi_rows(), *virt_rows(), *filled_rows()]
