# SPDX-License-Identifier: MIT
"""Eight gibibytes: in one piece, and with the holes that they have on a Pi 4.

QEMU's raspi4b has two at most, so its virt machine stands in, where RAM begins at 1 GiB; the banks
of a Pi 4 are told to it 1 GiB higher by a device tree of our own. Nothing here touches much of the
memory: the host gives only what is touched.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import device_trees
import pytest
import tables
from boot_stub import Start, start_args
from boot_ways import VIRT_STUB_KERNEL
from on_board import ENOMEM, PAGE, ask, ask_all, same_state
from test_boot_matrix import check

from pimem.board import boards
from pimem.board.qemu import QemuError
from pimem.testing import Machine, board_session

GIB = 1 << 30
SIZE = ("-m", "8G")
# Pi 4 with 8 GiB: VideoCore's share ends the first GiB, peripherals are below 4 GiB, and banks
# are cut at 2 GiB where the tree has sizes of 32 bits.
PI4 = ((0, 0x3B400000), (GIB, 0xBC000000), (4 * GIB, 0x80000000), (6 * GIB, 0x80000000))
HOLEY = tuple((GIB + start, size) for start, size in PI4)
WHOLE = ((GIB, 8 * GIB),)
DTB_AT = 0x44000000

Banks = tuple[tuple[int, int], ...]


def tree(banks: Banks) -> bytes:
    reg = tuple(c for start, size in banks for c in (start >> 32, start & 0xFFFFFFFF, size))
    return device_trees.build(
        {
            "#address-cells": 2,
            "#size-cells": 1,
            "model": "8 GiB in four banks",
            "compatible": "linux,dummy-virt",
            "memory@40000000": {"device_type": "memory", "reg": reg},
        }
    )


def holey_args(folder: Path) -> list[str]:
    """A stub that enters the kernel with our device tree."""
    start = Start(tree(HOLEY), DTB_AT, VIRT_STUB_KERNEL)
    return start_args(boards.load("QEMU_VIRT"), folder, start)


@pytest.fixture(scope="module", params=["whole", "holey"])
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    args = None
    if request.param == "holey":
        args = holey_args(tmp_path_factory.mktemp("holey"))
    try:
        machine = board_session.boot("QEMU_VIRT", args, extra=SIZE)
    except QemuError as exc:
        if "memory" not in str(exc):
            raise
        pytest.skip(f"this host cannot reserve 8 GiB for a guest: {exc}")
    yield machine
    machine.close()


@pytest.fixture
def banks(large: Machine) -> Banks:
    return HOLEY if "four banks" in large.report else WHOLE


def ends(banks: Banks) -> list[int]:
    """The last frame of each bank, and one in the middle."""
    return [pa for start, size in banks for pa in (start + size - PAGE, start + size // 2)]


def holes(banks: Banks) -> list[tuple[int, int]]:
    """What is between the banks, and a GiB behind the last one."""
    spans = [(start, start + size) for start, size in banks]
    spans.append((spans[-1][1] + GIB, 0))
    return [(a[1], b[0]) for a, b in itertools.pairwise(spans) if a[1] != b[0]]


@pytest.fixture(autouse=True)
def sound(large: Machine) -> Iterator[None]:
    """Whatever a test did, allocators, tables and owners agree after it, and nothing is lost."""
    with same_state(large):
        yield


def test_every_bank_is_counted(large: Machine, banks: Banks) -> None:
    report = check(large, el=1, ram_from="device tree")
    assert report["ram"] == [[start, start + size] for start, size in banks]
    total = sum(size for _, size in banks) // PAGE
    assert report["frames"]["total"] == total
    assert report["frames"]["free"] > total - 2000


def test_all_of_it_is_in_the_linear_map_by_large_blocks(large: Machine, banks: Banks) -> None:
    report = large.eval("memory.report()", "import memory")
    qemu = large.emulated()
    qemu.pause()
    try:
        kernel, _ = tables.walk(qemu.read_physical, report["ttbr1"], upper=True)
        identity, _ = tables.walk(qemu.read_physical, report["ttbr0"], upper=False)
    finally:
        qemu.resume()
    usable = (report["frames"]["total"] - report["frames"]["reserved"]) * PAGE
    for leaves, base in ((kernel, tables.UPPER), (identity, 0)):
        ram = [leaf for leaf in leaves if leaf.va < base + (1 << 39) and leaf.memory_type == 0]
        assert all(leaf.va == base + leaf.pa for leaf in ram)
        assert sum(leaf.size for leaf in ram) == usable
        assert sum(leaf.size == GIB for leaf in ram) >= 5, "GiBs without a hole are one entry"
        assert all(any(a <= x.pa and x.pa + x.size <= a + n for a, n in banks) for x in ram)
    assert sum(report["owners"][f"{half} tables"] for half in ("kernel", "identity")) < 40


def test_frames_above_4_gib_are_allocated_mapped_and_used(large: Machine, banks: Banks) -> None:
    for pa in ends(banks)[-4:]:
        assert pa >> 32
        answer = ask(
            large,
            f"""
            probe = Probe()
            f = memory.frames.alloc(1, at={pa})
            with memory.AddressSpace() as space:
                space.map(VA, f)
                machine.mem64[VA + 8] = 0x1122334455667788
                found = [space.translate(VA), probe(VA), f.pa]
            found += [machine.mem64[f.pa + 8], machine.mem64[LINEAR + f.pa + 8]]
            found.append(int.from_bytes(bytes(memoryview(f)[8:16]), "little"))
            space.close()
            f.close()
            probe.close()
            print(found)
            """,
        )
        assert answer == [pa] * 3 + [0x1122334455667788] * 3
        assert large.emulated().read_physical(pa + 8, 8) == bytes.fromhex("8877665544332211")


def test_a_run_of_gibibytes_is_found_and_mapped_by_blocks(large: Machine) -> None:
    pa, levels, values = ask_all(
        large,
        """
        f = memory.frames.alloc(2 << 18, align=1 << 18, zero=False)  # 2 GiB
        print(f.pa)
        space = memory.AddressSpace()
        before = space.tables
        space.map(VA, f)
        print([space.walk(VA + i * (1 << 30))[-1].level for i in (0, 1)] + [space.tables - before])
        with space:
            for i in range(8):
                machine.mem64[VA + i * (1 << 28)] = i + 1
            values = [machine.mem64[LINEAR + f.pa + i * (1 << 28)] for i in range(8)]
        space.close()
        f.close()
        print(values)
        """,
    )
    assert pa % GIB == 0
    assert levels == [1, 1, 1], "two blocks of a GiB in one table"
    assert values == list(range(1, 9))


def test_below_is_kept(large: Machine) -> None:
    within, refused, default = ask_all(
        large,
        """
        got = [memory.frames.alloc(n, below=limit, zero=False)
            for n, limit in ((1, 1 << 32), (1000, 1 << 32), (512, 0x50000000), (1, 0x48000000))]
        print([f.pa + f.size for f in got])
        for f in got:
            f.close()
        print(refused(memory.frames.alloc, 1 << 20, below=1 << 32))
        f = memory.frames.alloc(1 << 18, align=1 << 18, zero=False)
        print(f.pa)
        f.close()
        """,
    )
    for end, limit in zip(within, (4 * GIB, 4 * GIB, 0x50000000, 0x48000000), strict=True):
        assert end <= limit
    assert refused[:2] == ("OSError", ENOMEM), "there are not 4 GiB below 4 GiB"
    assert default >= 2 * GIB, "what old devices reach is kept for them"


def test_holes_have_no_owner(large: Machine, banks: Banks) -> None:
    for start, end in holes(banks):
        for pa in (start, end - PAGE):
            state, at, linear, mapped = ask_all(
                large,
                f"""
                print(repr(memory.frames.state({pa})[0]))
                print(refused(memory.frames.alloc, 1, at={pa}))
                print(refused(memory.kernel.translate, LINEAR + {pa}))
                space = memory.AddressSpace()
                print(refused(space.map, VA, {pa}, PAGE))
                space.close()
                """,
            )
            assert state == "unmanaged"
            assert all(answer[0] != "not refused" for answer in (at, linear, mapped))
