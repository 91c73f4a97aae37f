# SPDX-License-Identifier: MIT
"""Cores 1 to 3 where another kernel takes over: it can release them, and they wait in no memory
that it takes for free."""

from __future__ import annotations

import struct
from pathlib import Path

import boot_ways
import device_trees
import pytest
from boot_stub import Start, compile_raw, start_args
from device_trees import MODELS
from socs import soc_of

from pimem.board import boards, bootloader
from pimem.board.qemu import kernel_args
from pimem.testing import Machine, board_session

SOURCE = Path(__file__).with_name("release.S")
X0_AT = 0x7F00000  # in RAM that no image uses
PARKING_PAGE = 0x7F000
RESERVED = (0x20001000, 0x3000)
WAYS = ("raw", "device tree", "stub", "EL3")


def other_kernel(name: str, folder: Path) -> bytes:
    flags = [f"-DUART={soc_of(boards.load(name)).uart:#x}", f"-DX0_AT={X0_AT:#x}"]
    return compile_raw(SOURCE, folder / "release.bin", 0x80000, flags).read_bytes()


def tree_of(name: str) -> bytes:
    tree = device_trees.pi(*MODELS[boards.load(name).soc], ((0, 0x3B400000),))
    return device_trees.build(tree, reserve=((0, 0x1000), RESERVED))


def options(way: str, name: str, folder: Path) -> list[str]:
    board = boards.load(name)
    if way == "stub":
        return start_args(board, folder, Start(tree_of(name), 0x2000000))
    if way == "EL3":
        return boot_ways.elf(board, folder)
    if way == "raw":
        return kernel_args(board_session.kernel(board))
    (folder / "pi.dtb").write_bytes(tree_of(name))
    return kernel_args(board_session.kernel(board), folder / "pi.dtb")


def said(machine: Machine) -> str:
    """What the other kernel prints, up to its full stop."""
    return machine.link.read_until(b".", total=60).decode()


def reservations(machine: Machine) -> list[tuple[int, int]]:
    """Those in the header of the tree that the other kernel was given."""
    qemu = machine.emulated()
    tree = int.from_bytes(qemu.read_physical(X0_AT, 8), "little")
    magic, size, _, _, at = struct.unpack(">5I", qemu.read_physical(tree, 20))
    assert magic == 0xD00DFEED
    blob, found = qemu.read_physical(tree, size), []
    while entry := struct.unpack_from(">QQ", blob, at + 16 * len(found)):
        if entry == (0, 0):
            return found
        found.append(entry)
    raise AssertionError("no end")


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize("way", WAYS)
def test_another_kernel_releases_the_cores(way: str, name: str, tmp_path: Path) -> None:
    with board_session.booted(name, options(way, name, tmp_path)) as machine:
        bootloader.send(machine.link, other_kernel(name, tmp_path))
        assert said(machine) == "<120><220><320>.", "each core, at EL2, with x0 = 0"
        if way in ("device tree", "stub"):
            found = reservations(machine)
            assert (PARKING_PAGE, 0x1000) in found
            assert {(0, 0x1000), RESERVED} <= set(found)


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_kernel_of_this_project_gets_the_tree_as_it_is(name: str, tmp_path: Path) -> None:
    """It knows the page; one more reservation at each start would fill its table."""
    with board_session.booted(name, options("stub", name, tmp_path)) as machine:
        machine.exec("import memory")
        before = machine.eval("memory.report()['reserved']")
        bootloader.send(machine.link, board_session.kernel(boards.load(name)).read_bytes())
        board_session.wait_for_prompt(machine)
        machine.link.enter_raw_repl()
        assert machine.eval("memory.report()['reserved']", "import memory") == before
        bootloader.send(machine.link, other_kernel(name, tmp_path))
        assert said(machine) == "<120><220><320>.", "also the second time"
