# SPDX-License-Identifier: MIT
"""Every way into the kernel: exception level, cores, device tree or not, place, dirty memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import device_trees
import pytest
from boot_stub import USUAL_DTB, Start, counter_args, start_args, usual_tree
from boot_ways import VIRT_STUB_KERNEL, virt_tree
from device_trees import MODELS
from machine_code import assemble
from socs import soc_of
from test_crash import READ, crash

from pimem.board import boards
from pimem.board.link import Link
from pimem.board.qemu import kernel_args, loader_args
from pimem.testing import BoardError, Machine, board_session

MIB = 1 << 20
PARKING_PAGE = 0x7F000
KERNEL = {board.name: soc_of(board).ram + 0x80000 for board in boards.load_all()}

#: SMC at EL1, which no firmware need answer.
SMC = f"""
import memory
def smc(va):
    with memory.frames.alloc() as frame, memory.AddressSpace() as space:
        memoryview(frame)[:4] = {assemble("smc #0")}
        space.map(va, frame, prot="rx")
        memory.sync_code(va, 4)
        try:
            memory.call(va)
        except memory.Fault as e:
            return [e.kind, e.pc - va]
        finally:
            space.unmap(va, 4096)
"""

Stub = Callable[..., list[str]]


def image_size(name: str) -> int:
    """Bytes from the first one of the image to the last one it uses, stacks included."""
    header = board_session.kernel(boards.load(name)).read_bytes()[:64]
    return int.from_bytes(header[16:24], "little")


@pytest.fixture
def stub(tmp_path: Path) -> Stub:
    """QEMU options that start the stub on every core, the kernel and a device tree in place."""

    def place(name: str, dtb: bytes | None, dtb_at: int = 0, kernel_at: int = 0) -> list[str]:
        return start_args(boards.load(name), tmp_path, Start(dtb, dtb_at, kernel_at))

    return place


def pi_tree(name: str, banks: tuple[tuple[int, int], ...], **more: Any) -> device_trees.Node:
    return device_trees.pi(*MODELS[boards.load(name).soc], banks, **more)


def check(machine: Machine, *, el: int, ram_from: str) -> dict[str, Any]:
    """What every way of booting has to lead to."""
    report = machine.eval("memory.report()", "import memory")
    assert report["entry_el"] == el
    assert report["ram_from"] == ram_from
    assert (report["el"], report["mmu"]) == (1, True)
    frames = report["frames"]
    assert frames["free"] + frames["used"] + frames["reserved"] == frames["total"]
    assert sum(report["owners"].values()) == frames["used"]
    assert machine.eval("memory.check()") == []
    assert f"entered at EL{el}" in machine.report
    assert machine.eval("smc(0x6000000000)", SMC) == ["undefined instruction", 0]
    if machine.name in board_session.PIS:
        assert parked(machine) == [True] * 3
    return report


def parked(machine: Machine) -> list[bool]:
    """Whether cores 1 to 3 are in the parking page."""
    text = machine.emulated().qmp.human("info registers -a")
    counters = [int(pc, 16) for pc in re.findall(r"PC=([0-9a-f]{16})", text)]
    assert len(counters) == 4
    return [PARKING_PAGE <= pc < PARKING_PAGE + 4096 for pc in counters[1:]]


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_raw_image_with_a_device_tree_uses_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "pi.dtb"
    path.write_bytes(device_trees.build(pi_tree(name, ((0, 0x3B400000),)), reserve=((0, 0x1000),)))
    kernel = board_session.kernel(boards.load(name))
    with board_session.booted(name, kernel_args(kernel, path)) as machine:
        report = check(machine, el=2, ram_from="device tree")
        assert report["ram"][0] == [0, 0x3C000000], "QEMU rewrites the memory node"
        assert report["model"] == MODELS[boards.load(name).soc][0]
        assert machine.eval("_memory.boot_info()['x0']", "import _memory") >= 0x8000000


# The most hardware-like way: a stub at EL3 on four cores, the device tree wherever we like.

PLACES = {
    "after the image": lambda name: -(-(KERNEL[name] + image_size(name)) // 8) * 8,
    "1 MiB boundary": lambda name: 0x1500000,
    "in the window after the image": lambda name: KERNEL[name] + image_size(name) + 0x40008,
    "end of RAM": lambda name: 0x3B400000 - 0x2000,
}


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize("place", PLACES)
def test_a_stub_at_el3_starts_the_kernel_as_a_board_does(
    name: str, place: str, stub: Stub
) -> None:
    at = PLACES[place](name)
    blob = device_trees.build(pi_tree(name, ((0, 0x3B400000),)), reserve=((0, 0x1000),))
    extra = counter_args(boards.load(name))
    with board_session.booted(name, stub(name, blob, at), extra=extra) as machine:
        report = check(machine, el=2, ram_from="device tree")
        assert report["ram"] == [[0, 0x3B400000]]
        assert report["model"] == MODELS[boards.load(name).soc][0]
        assert machine.eval("_memory.boot_info()['x0']", "import _memory") == at
        hz = int(extra[1].partition("=")[2])
        assert machine.eval("_memory.regs()['cntfrq']") == hz
        state = machine.eval("memory.frames.state(0x3b3ff000)", "import memory")
        assert state[0] in ("free", "used"), "the blob was copied, its place given back"


@pytest.mark.parametrize("name", board_session.PIS)
def test_reservations_of_the_device_tree_are_kept(name: str, stub: Stub) -> None:
    reserved = {
        "#address-cells": 2,
        "#size-cells": 1,
        "ranges": b"",
        "secret@10000000": {"reg": (0, 0x10000000, 0x200000), "no-map": b""},
    }
    tree = pi_tree(name, ((0, 0x3B400000),), **{"reserved-memory": reserved})
    blob = device_trees.build(tree, reserve=((0, 0x1000), (0x20001000, 0x3000)))
    with board_session.booted(name, stub(name, blob, 0x2000000)) as machine:
        report = check(machine, el=2, ram_from="device tree")
        ranges = [[start, end] for start, end, _ in report["reserved"]]
        assert [0x10000000, 0x10200000] in ranges
        assert [0x20001000, 0x20004000] in ranges
        for pa in (0x10000000, 0x101FF000, 0x20001000, 0x20003000):
            assert machine.eval(f"memory.frames.state({pa})[0]") == "reserved", hex(pa)
        for pa in (0x0FFFF000, 0x10200000, 0x20000000, 0x20004000):
            assert machine.eval(f"memory.frames.state({pa})[0]") == "free", hex(pa)


def test_a_second_bank_is_used(stub: Stub) -> None:
    banks = ((0, 0x3B400000), (0x40000000, 0x40000000))
    blob = device_trees.build(pi_tree("RPI4", banks), reserve=((0, 0x1000),))
    with board_session.booted("RPI4", stub("RPI4", blob, 0x2000000)) as machine:
        report = check(machine, el=2, ram_from="device tree")
        assert report["ram"] == [[0, 0x3B400000], [0x40000000, 0x80000000]]
        machine.exec(
            "import memory\nfrom machine import mem64\nf = memory.frames.alloc(1, at=0x70000000)\n"
            "mem64[f.pa] = 99\nassert memoryview(f)[0] == 99"
        )


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize(
    "blob",
    [b"\xd0\x0d\xfe\xed" + bytes(60), bytes(64), b"\xa5" * 4096],
    ids=["magic only", "zeros", "garbage"],
)
def test_what_is_no_device_tree_is_not_used(name: str, blob: bytes, stub: Stub) -> None:
    with board_session.booted(name, stub(name, blob, 0x2000000)) as machine:
        check(machine, el=2, ram_from="mailbox")


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize("at", [0x2000004, 0xFFFFFFFFFFFFFFF8, 0x80000 + 64, 0xFE000000])
def test_an_x0_that_points_nowhere_is_not_followed(name: str, at: int, stub: Stub) -> None:
    with board_session.booted(name, stub(name, None, at)) as machine:
        check(machine, el=2, ram_from="mailbox")


# Device trees that say what is not so.


def one_cell_tree(name: str, reg: tuple[int, ...], **more: Any) -> device_trees.Node:
    """A Pi 3's tree: addresses and sizes of one cell."""
    tree = pi_tree(name, (), **more)
    return tree | {"#address-cells": 1, "memory@0": {"device_type": "memory", "reg": reg}}


@pytest.mark.parametrize(
    ("name", "end"), [("RPI3", 0x40000000), ("RPI4", 0x40000000), ("RPI4", 0x80000000)]
)
def test_banks_are_cut_by_devices_and_by_videocore(name: str, end: int, stub: Stub) -> None:
    # The Pi 3's tree as it is on disk has one bank of 1 GiB, with the peripherals in it.
    blob = device_trees.build(one_cell_tree(name, (0, end)), reserve=((0, 0x1000),))
    with board_session.booted(name, stub(name, blob, 0x2000000)) as machine:
        report = check(machine, el=2, ram_from="device tree")
        assert report["safe_mode"] is None
        assert report["ram"][0] == [0, 0x3C000000], "QEMU's VideoCore has the rest"
        windows = machine.eval("_memory.mmio()", "import _memory")
        for start, window_end, _ in windows:
            assert not any(lo < window_end and start < hi for lo, hi in report["ram"])
        names = {name for _, _, name in report["reserved"]}
        assert {"videocore", "peripherals"} <= names
        refused = "memory.AddressSpace().map(0x40000000, 0x3d000000, 4096)"
        with pytest.raises(BoardError, match="EPERM|EFAULT|EINVAL|RAM|device"):
            machine.exec(f"import memory\n{refused}")


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize(
    ("more", "reserve", "what"),
    [
        ({"chosen": {"linux,initrd-start": 0x100000, "linux,initrd-end": 0x200000}}, (), "initrd"),
        ({}, ((0x90000, 0x1000),), "memreserve"),
        (
            {
                "reserved-memory": {
                    "#address-cells": 1,
                    "#size-cells": 1,
                    "ranges": b"",
                    "secret@a0000": {"reg": (0xA0000, 0x2000)},
                }
            },
            (),
            "secret@a0000",
        ),
    ],
    ids=["initrd", "memreserve", "reserved-memory"],
)
def test_what_lies_over_the_kernel_is_named(
    name: str, more: dict[str, Any], reserve: tuple, what: str, stub: Stub
) -> None:
    blob = device_trees.build(one_cell_tree(name, (0, 0x3B400000), **more), reserve=reserve)
    check_refused(name, stub(name, blob, 0x2000000), f"{what} at 0x", "lies over the kernel")


@pytest.mark.parametrize("name", board_session.PIS)
def test_what_leaves_no_room_behind_the_kernel_is_named(name: str, stub: Stub) -> None:
    after = -(-(KERNEL[name] + image_size(name)) // 4096) * 4096
    chosen = {"linux,initrd-start": after, "linux,initrd-end": after + (32 << 20)}
    blob = device_trees.build(one_cell_tree(name, (0, 0x3B400000), chosen=chosen))
    check_refused(name, stub(name, blob, 0x3000000), f"initrd at {after:#x}", "leaves no room")
    blob = device_trees.build(one_cell_tree(name, (0x10000000, 0x10000000)))
    check_refused(name, stub(name, blob, 0x3000000), "the kernel at 0x80000", "is not in the RAM")


def check_refused(name: str, args: list[str], *texts: str) -> None:
    """Safe mode, with a reason that names what is wrong."""
    with board_session.booted(name, args) as machine:
        reason = machine.eval("memory.report()['safe_mode']", "import memory")
        assert all(text in reason for text in texts), reason
        assert f"memory: {reason}" in machine.report and len(reason) < 159
        assert machine.eval("_memory.boot_info()['error']", "import _memory") == reason
        assert machine.eval("memory.report()['frames']['free']") == 0
        with pytest.raises(BoardError, match="memory cannot be managed"):
            machine.exec("memory.frames.alloc()")
        assert machine.exec("print(6 * 7)") == "42\n"


# Where the kernel lies.


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("RPI3", 0x200000),
        ("RPI4", 0x1237000),
        ("QEMU_VIRT", 0x41001000),
        ("QEMU_VIRT", 0x42FFF000),
    ],
)
def test_any_page_will_do_for_the_kernel(name: str, at: int, stub: Stub, tmp_path: Path) -> None:
    blob, dtb_at = pi_or_virt_tree(name, tmp_path)
    el = 2 if name in board_session.PIS else 1
    with board_session.booted(name, stub(name, blob, dtb_at, at)) as machine:
        check(machine, el=el, ram_from="device tree")
        assert machine.eval("_memory.sections()[0][2]", "import _memory") == at
        # Where it would have been is memory like any other.
        old = KERNEL[name] + 0x1000
        assert machine.eval(f"memory.frames.state({old})[0]", "import memory") != "reserved"


@pytest.mark.parametrize("gap", [0, 8, 0x1F000, 0x300000])
def test_virt_takes_a_device_tree_anywhere_after_the_image(
    gap: int, stub: Stub, tmp_path: Path
) -> None:
    blob, _ = pi_or_virt_tree("QEMU_VIRT", tmp_path)
    kernel_at = VIRT_STUB_KERNEL
    at = -(-(kernel_at + image_size("QEMU_VIRT")) // 8) * 8 + gap
    with board_session.booted("QEMU_VIRT", stub("QEMU_VIRT", blob, at, kernel_at)) as machine:
        report = check(machine, el=1, ram_from="device tree")
        assert machine.eval("_memory.boot_info()['x0']", "import _memory") == at
        # The blob claims a MiB for a few KiB: what it does not use is given back.
        assert report["frames"]["free"] >= 32100


def pi_or_virt_tree(name: str, folder: Path) -> tuple[bytes, int]:
    if name in board_session.PIS:
        return device_trees.build(
            pi_tree(name, ((0, 0x3B400000),)), reserve=((0, 0x1000),)
        ), 0x2000000
    return virt_tree(boards.load(name), folder), 0x44000000


# What memory holds at power-on.


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_memory_full_of_garbage_does_no_harm(name: str, tmp_path: Path) -> None:
    board = boards.load(name)
    kernel = board_session.kernel(board)
    start = KERNEL[name] + -(-kernel.stat().st_size // 4096) * 4096
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\xa5" * (24 * MIB))
    args = kernel_args(kernel) + loader_args(garbage, start)
    with board_session.booted(name, args) as machine:
        source = "mailbox" if name in board_session.PIS else "device tree"
        check(machine, el=2 if name in board_session.PIS else 1, ram_from=source)
        pa = start + 20 * MIB
        assert machine.eval(f"memory.frames.state({pa})[0]", "import memory") == "free"
        assert machine.emulated().read_physical(pa, 8) == b"\xa5" * 8, "it was there"
        first = machine.eval("sum(memoryview(f))", f"f = memory.frames.alloc(1, at={pa})")
        assert first == 0, "frames come zeroed"


def reset(machine: Machine) -> None:
    machine.emulated().qmp.execute("system_reset")
    board_session.wait_for_prompt(machine)
    machine.link.enter_raw_repl()


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize("way", ["raw", "stub"])
def test_memory_of_the_run_before_does_no_harm(name: str, way: str, tmp_path: Path) -> None:
    """A reset keeps RAM: what the run before left in .bss, tables and allocator is still there,
    and so is its crash record, which belongs to another start."""
    args = None
    if way == "stub":
        blob, at = pi_or_virt_tree(name, tmp_path)
        kernel_at = 0 if name in board_session.PIS else VIRT_STUB_KERNEL
        args = start_args(boards.load(name), tmp_path, Start(blob, at, kernel_at))
    source = "mailbox" if way == "raw" and name in board_session.PIS else "device tree"
    el = 2 if name in board_session.PIS else 1
    machine = board_session.boot(name, args, reboot=True)
    try:
        before = machine.eval("memory.report()['frames']", "import memory")
        machine.exec("big = bytearray(30 << 20)\nbig[5] = 5")
        reset(machine)
        assert check(machine, el=el, ram_from=source)["frames"] == before
        assert machine.eval("memory.last_crash()") is None
        crash(machine, READ.format(address=0x10))
        machine.link.close()  # this image has nothing but the crash
        machine.link = Link(machine.emulated().pty, ended=machine.emulated().ended)
        reset(machine)
        assert "read from 0x0000000000000010" in machine.eval(
            "memory.last_crash()", "import memory"
        )
        assert check(machine, el=el, ram_from=source)["frames"] == before
    finally:
        machine.close()


@pytest.mark.parametrize("name", board_session.PIS)
def test_an_serror_that_was_pending_at_entry_is_told(name: str, tmp_path: Path) -> None:
    # What the firmware or another kernel left behind must not end the boot.
    board = boards.load(name)
    start = Start(usual_tree(board), USUAL_DTB, entry_el=1, serror=True)
    with board_session.booted(name, start_args(board, tmp_path, start)) as machine:
        report = check(machine, el=1, ram_from="device tree")
        assert report["entry_serror"] >> 26 == 0x2F
        told = f"an SError was pending at entry, ESR {report['entry_serror']:#010x}\n"
        assert told in machine.report


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_without_one_nothing_is_told(name: str) -> None:
    with board_session.booted(name) as machine:
        assert machine.eval("memory.report()['entry_serror']", "import memory") == 0
        assert "SError" not in machine.report
