# SPDX-License-Identifier: MIT
"""Boots with the tree of every row of boot_trees.py, and with those of the card as they are.

RAM is full of 0xA5 before. What memory.report() says has to be what an independent reading of the
same tree says (tree_reading.py), and what mappings() says what an independent walk of the tables
finds (tables.py): after boot, and after a random workload.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boot_trees
import garbage_ram
import pytest
import tables
import tree_reading
from boot_stub import USUAL_DTB, Start, counter_args, start_args
from boot_trees import GIB, Row
from boot_ways import board_of
from guest_errors import unexpected
from test_boot_matrix import SMC
from tree_reading import Span, inward, merged, outward, without

from pimem.card import firmware
from pimem.exits import Refusal
from pimem.testing import Machine, board_session

#: By SoC: what is no RAM whatever a tree says, by Broadcom's documents.
DEVICES: dict[str, list[Span]] = {
    "BCM2837": [(0x3F000000, 0x40000000), (0x40000000, 0x40001000)],
    "BCM2711": [(0xFC000000, 4 * GIB)],
    # GIC; UART to GPIO; virtio: what the kernel maps of virt's devices, which are all below RAM
    "QEMU virt": [(0x08000000, 0x08020000), (0x09000000, 0x09040000), (0x0A000000, 0x0A004000)],
}
#: From where on no board with the SoC has RAM: 1 GiB; 8 GiB; virt's own limit.
RAM_END = {"BCM2837": GIB, "BCM2711": 8 * GIB, "QEMU virt": 256 * GIB}
LAST = 1 << 48  # of physical addresses
STUB_AREA = (0, 0x80000)

WORKLOAD = """
import memory, _memory
state = {seed}
def rnd(n):
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    return (state >> 33) % n
spaces = [memory.AddressSpace() for _ in range(2)]
slots = {{}}
for step in range(60):
    key = rnd(2), rnd(6)
    space, va = spaces[key[0]], 0x4000000000 + (key[1] << 24)
    if key in slots and rnd(3):
        if rnd(2):
            space.unmap(va, len(slots[key]))
            slots.pop(key).close()
        else:
            space.protect(va, 4096, ("r", "rw", "ru")[rnd(3)])
    elif key not in slots:
        frames = memory.frames.alloc((1, 3, 40, 600)[rnd(4)])
        space.map(va, frames, prot=("r", "rw", "rwu")[rnd(3)])
        slots[key] = frames
"""
WORKLOAD_END = """
for (n, slot), frames in slots.items():
    spaces[n].unmap(0x4000000000 + (slot << 24), len(frames))
    frames.close()
for space in spaces:
    space.close()
print(memory.check())
"""


@contextlib.contextmanager
def booted(row: Row, folder: Path) -> Iterator[Machine]:
    """A machine that the row's tree has started; what QEMU thinks wrong of it is looked at."""
    board = board_of(row.machine)
    files = ()
    if row.initrd[1] and not row.refused:
        path = folder / "initrd"
        path.write_bytes(b"\x5a" * row.initrd[1])
        files = ((path, row.initrd[0]),)
    start = Start(row.blob, row.dtb_at, row.kernel_at, files=files)
    args = [*start_args(board, folder, start), *counter_args(board)]
    log = folder / "guest_errors"
    with garbage_ram.args(board, whole=row.filled) as ram:
        options = {"board": board, "guest_errors": log, "extra": ram}
        with board_session.booted(board.name, args, **options) as machine:
            yield machine
    assert unexpected(log.read_text(), board.name) == []


def no_ram(row: Row) -> list[Span]:
    """Devices, and VideoCore's share as the mailbox tells where it begins."""
    board = board_of(row.machine)
    share = 0x1C000000 if row.machine.endswith("512 MiB") else 0x3C000000
    return [*([(share, GIB)] if board.family == "rpi" else []), *DEVICES[board.soc]]


def without_ram(spans: list[Span], row: Row) -> list[Span]:
    """Spans of a tree without what cannot be RAM."""
    beyond = (RAM_END[board_of(row.machine).soc], 1 << 64)
    return without(spans, [*no_ram(row), beyond])


def kept_back(row: Row, reading: tree_reading.Reading) -> list[Span]:
    """What no program may have, but for what the kernel itself uses."""
    stub = [STUB_AREA] if board_of(row.machine).family == "rpi" else []
    end = RAM_END[board_of(row.machine).soc]
    beyond = [(end, LAST)] if any(bank[1] > end for bank in reading.ram) else []
    return merged([*reading.reserved, *stub, *no_ram(row), *beyond])


def check_report(machine: Machine, row: Row, reading: tree_reading.Reading) -> list[Span]:
    """report() against the reading; returns the RAM that is managed."""
    report = machine.eval("memory.report()", "import memory")
    assert report["ram_from"] == "device tree" and report["safe_mode"] is None
    assert report["model"] == reading.model
    ram = without_ram(reading.ram, row)
    assert merged([tuple(bank) for bank in report["ram"]]) == ram
    reserved = merged([(start, min(end, LAST)) for start, end in kept_back(row, reading)])
    told = merged([(start, end) for start, end, _ in report["reserved"]])
    if len(reading.reserved) < 12:
        assert told == reserved
    assert without(reserved, told) == []
    managed = without(inward(ram), outward(told))
    runs = machine.eval("[list(r)[:3] for r in _memory.frames_runs()]", "import _memory")
    assert merged([(start, end) for start, end, state in runs if state != "reserved"]) == managed
    assert report["frames"]["total"] == sum(end - start for start, end in inward(ram)) // 4096
    return managed


def tell_mappings(machine: Machine, spaces: str) -> list[Any]:
    """The root, the half and the mappings of each space. To tell them may make Python's heap
    grow, which is one of them: a collection makes it grow before, and what is told twice is so."""
    machine.exec("import gc\ngc.collect()")
    wanted = (
        "[(s.walk(a)[0].table, a >> 63, [tuple(m)[:5] for m in s.mappings()])"
        f" for s, a in ((memory.kernel, {tables.UPPER}), {spaces})]"
    )
    told: list[Any] = []
    for _ in range(5):
        before, told = told, machine.eval(wanted, "import memory")
        if told == before:
            return told
    raise AssertionError("the mappings are others each time")


def check_tables(machine: Machine, managed: list[Span], spaces: str) -> None:
    """Each space's mappings() against a walk of its tables; memory only where RAM is managed."""
    told = tell_mappings(machine, spaces)
    qemu = machine.emulated()
    qemu.pause()
    try:
        walks = [tables.walk(qemu.read_physical, root, bool(upper))[0] for root, upper, _ in told]
    finally:
        qemu.resume()
    for (_, _, mappings), leaves in zip(told, walks, strict=True):
        assert tables.joined(mappings) == tables.runs(leaves)
        normal = [(leaf.pa, leaf.pa + leaf.size) for leaf in leaves if leaf.memory_type != 1]
        assert without(merged(normal), managed) == []


def check_row(machine: Machine, row: Row, seed: int) -> None:
    reading = tree_reading.read(row.blob)
    managed = check_report(machine, row, reading)
    check_tables(machine, managed, "(memory.identity, 0)")
    machine.exec(WORKLOAD.format(seed=seed))
    check_tables(machine, managed, "(memory.identity, 0), (spaces[0], 0), (spaces[1], 0)")
    assert machine.exec(WORKLOAD_END) == "[]\n"
    assert machine.eval("smc(0x6000000000)", SMC) == ["undefined instruction", 0]


@pytest.mark.parametrize("row", boot_trees.all_rows(), ids=str)
def test_the_kernel_makes_of_a_tree_what_it_says(row: Row, tmp_path: Path) -> None:
    with booted(row, tmp_path) as machine:
        if row.refused:
            reason = machine.eval("memory.report()['safe_mode']", "import memory")
            assert row.refused in reason and "lies over the kernel" in reason
            assert machine.exec("print(6 * 7)") == "42\n"
        elif not row.used:
            report = machine.eval("memory.report()", "import memory")
            source = "mailbox" if board_of(row.machine).family == "rpi" else "board default"
            assert report["ram_from"] == source and report["safe_mode"] is None
        else:
            check_row(machine, row, len(str(row)))
            if row.initrd[1]:
                data = machine.emulated().read_physical(*row.initrd)
                assert data == b"\x5a" * row.initrd[1], "the initrd is as it was loaded"


# The trees of the card, unmodified: their memory node is what Linux has on disk.


def card_trees() -> dict[str, bytes]:
    try:
        files = firmware.from_debian(print, (firmware.TREES,))
    except Refusal as exc:
        pytest.skip(f"the card's trees are not here, and cannot be fetched: {exc}")
    return {file.name: file.data for file in files}


@pytest.mark.parametrize("name", firmware.DEVICE_TREES)
def test_the_trees_of_the_card_boot_as_they_are(name: str, tmp_path: Path) -> None:
    blob = card_trees()[name]
    small = "zero-2" in name or "3-a-plus" in name
    machine_name = "RPI4" if "2711" in name else "RPI3 512 MiB" if small else "RPI3"
    row = Row(name, machine_name, blob, 0x1B000000 if small else USUAL_DTB)
    with booted(row, tmp_path) as machine:
        report = machine.eval("memory.report()", "import memory")
        assert report["model"] == tree_reading.read(blob).model
        assert report["safe_mode"] is None and report["cores"] == 4
        managed = [tuple(bank) for bank in report["ram"]]
        if any(start < end for start, end in tree_reading.read(blob).ram):
            assert report["ram_from"] == "device tree"
            check_row(machine, row, 1)
        else:
            assert report["ram_from"] == "mailbox"
            assert managed == [(0, 0x3C000000)]
            check_tables(machine, managed, "(memory.identity, 0)")
