# SPDX-License-Identifier: MIT
"""machine.bootloader(): another kernel over the serial line, and what keeps the old one."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import device_trees
import pytest
from bridge import Bridge
from terminals import at_a_terminal, heed_ctrl_c, read_until

from pimem import ROOT
from pimem.board import boards, bootloader
from pimem.board.bootloader import MAGIC, Rejected, Transfer, prepare, start, transmit
from pimem.board.qemu import kernel_args
from pimem.setup.packages import qemu_program
from pimem.testing import Machine, board_session

ROUNDS = int(os.environ.get("BOOT_ROUNDS", "2"))
PATIENCE_MS = 2500  # how long the board waits where a test sends nothing
PARKING_PAGE = 0x7F000
BANNER_DATE = re.compile(rb"(MicroPython v[0-9.]+ on )(\d{4}-\d\d-\d\d)")
SIZE_AT = 16  # of image_size in the arm64 header
MODELS = {
    "BCM2837": ("Raspberry Pi 3 Model B", "brcm,bcm2837"),
    "BCM2711": ("Raspberry Pi 4 Model B", "brcm,bcm2711"),
}
STAGED = "memory.frames.owners().get('bootloader')"


def variant(name: str, date: str) -> bytes:
    """The board's own kernel as if built on another day."""
    return dated(board_session.kernel(boards.load(name)).read_bytes(), date)


def dated(image: bytes, date: str) -> bytes:
    patched, count = BANNER_DATE.subn(rb"\g<1>" + date.encode(), image)
    assert count, "the image has no banner"
    return patched


@pytest.fixture(scope="session")
def other_build(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The Pis' kernel from the same objects in another order, as if built on another day."""
    out = tmp_path_factory.mktemp("other") / "build"
    shutil.copytree(board_session.image_folder(boards.load("RPI4")), out / "RPI", symlinks=True)
    (out / "RPI" / "firmware.elf").unlink()
    choices = [f"OUT={out}", "LDFLAGS_EXTRA=-Wl,--sort-section=alignment"]
    command = ["make", "-C", str(ROOT), "image-RPI", *choices]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    own, image = (
        board_session.kernel(boards.load("RPI4")).read_bytes(),
        (out / "RPI/kernel8.img").read_bytes(),
    )
    same = sum(a == b for a, b in zip(own, image, strict=False))
    assert same < len(own) // 2, "the link order has no effect any more: find another difference"
    return dated(image, "1990-01-01")


def larger(image: bytes, extra: int) -> bytes:
    """A kernel that reaches over what lies behind the running one: tables, tree, metadata."""
    memory = int.from_bytes(image[SIZE_AT : SIZE_AT + 8], "little") + extra
    image = image[:SIZE_AT] + memory.to_bytes(8, "little") + image[SIZE_AT + 8 :]
    return image + b"\xa5" * (memory - len(image))


def chain(machine: Machine, image: bytes) -> None:
    """Boots `image` on a board in the raw REPL, and waits until it is there again."""
    bootloader.send(machine.link, image)
    board_session.wait_for_prompt(machine)
    machine.link.enter_raw_repl()


def built(machine: Machine) -> str:
    found = BANNER_DATE.search(machine.eval("sys.version", "import sys").encode())
    assert found
    return found[2].decode()


def facts(machine: Machine) -> dict[str, Any]:
    """What has to be the same under every kernel."""
    report = machine.eval("memory.report()", "import memory")
    keys = ("entry_el", "el", "mmu", "ram", "ram_from", "reserved", "model", "cores", "board")
    same = {key: report[key] for key in keys if key in report}
    same["frames"] = report["frames"]["total"], report["frames"]["reserved"]
    same["cntfrq"] = machine.eval("_memory.regs()['cntfrq']", "import _memory")
    assert machine.eval("memory.check()") == []
    assert report["uart"]["overruns"] == 0
    return same


def kernel_map(machine: Machine) -> object:
    """Where a kernel's own functions are: another link has them in other places."""
    addresses = "[id(t) for t in (memory.Frames, memory.Fault, memory.AddressSpace)]"
    return machine.eval(addresses, "import memory")


def device_tree(machine: Machine) -> bytes:
    """The packed copy, as it stands in memory."""
    start, end = machine.eval("_memory.boot_info()['dtb']", "import _memory")
    return machine.emulated().read_physical(start, end - start)


def parked(machine: Machine) -> list[bool]:
    text = machine.emulated().qmp.human("info registers -a")
    counters = [int(pc, 16) for pc in re.findall(r"PC=([0-9a-f]{16})", text)]
    return [PARKING_PAGE <= pc < PARKING_PAGE + 4096 for pc in counters[1:]]


@pytest.mark.parametrize("name", board_session.PIS)
def test_kernels_in_a_row_find_the_same_machine(name: str, other_build: bytes) -> None:
    own = board_session.kernel(boards.load(name)).read_bytes()
    with board_session.booted(name) as machine:
        first, sections, date = facts(machine), kernel_map(machine), built(machine)
        x0 = machine.eval("_memory.boot_info()['x0']", "import _memory")
        assert first["entry_el"] == 2
        for round in range(ROUNDS):
            machine.exec("import gc\njunk = bytearray(3 << 20)")
            chain(machine, own if round % 2 else other_build)
            assert built(machine) == (date if round % 2 else "1990-01-01")
            assert (kernel_map(machine) == sections) == bool(round % 2)
            assert facts(machine) == first
            assert machine.eval("_memory.boot_info()['x0']", "import _memory") == x0
            assert parked(machine) == [True] * 3
            assert not machine.eval("'junk' in globals()")


def virt_args(machine: str) -> dict[str, Any]:
    return {"board": dataclasses.replace(boards.load("QEMU_VIRT"), machine=machine)}


@pytest.mark.parametrize(("kind", "el"), [("virt", 1), ("virt,virtualization=on", 2)])
def test_the_device_tree_goes_along_unchanged(kind: str, el: int, tmp_path: Path) -> None:
    original = tmp_path / "virt.dtb"
    board = boards.load("QEMU_VIRT")
    command = [qemu_program(), "-M", f"{kind},dumpdtb={original}", *board.qemu_args]
    subprocess.run([*command, "-display", "none"], check=True, capture_output=True)
    with board_session.booted("QEMU_VIRT", **virt_args(kind)) as machine:
        first, tree = facts(machine), device_tree(machine)
        assert (first["entry_el"], first["ram_from"]) == (el, "device tree")
        assert len(tree) < 64 << 10, "packed: QEMU claims a MiB"
        assert int.from_bytes(tree[4:8], "big") == len(tree)
        for round in range(2):
            chain(machine, variant("QEMU_VIRT", f"1990-02-{round + 10}"))
            assert built(machine) == f"1990-02-{round + 10}"
            assert facts(machine) == first
            assert device_tree(machine) == tree
            assert machine.eval("_memory.boot_info()['x0']") % 8 == 0
        owners = machine.eval("memory.frames.owners()", "import memory")
        assert owners["device tree"] == -(-len(tree) // 4096)
    # QEMU adds to what it dumps (/chosen has random seeds): the nodes are there, whatever else is.
    assert tree[40:56] == original.read_bytes()[40:56]
    for word in (b"linux,dummy-virt\0", b"pl011@9000000\0", b"memory@40000000\0"):
        assert word in tree


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_an_image_over_everything_behind_the_running_one(name: str) -> None:
    with board_session.booted(name) as machine:
        first = facts(machine)
        chain(machine, larger(variant(name, "1990-03-10"), 3 << 20))
        assert built(machine) == "1990-03-10"
        assert facts(machine) == first


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_tree_of_the_firmware_goes_along(name: str, tmp_path: Path) -> None:
    path = tmp_path / "pi.dtb"
    model = MODELS[boards.load(name).soc]
    path.write_bytes(
        device_trees.build(device_trees.pi(*model, ((0, 0x3B400000),)), reserve=((0, 0x1000),))
    )
    args = kernel_args(board_session.kernel(boards.load(name)), path)
    with board_session.booted(name, args) as machine:
        first, tree = facts(machine), device_tree(machine)
        assert first["model"] == model[0]
        chain(machine, variant(name, "1990-04-10"))
        assert (facts(machine), device_tree(machine)) == (first, tree)


def test_a_kernel_entered_at_el3_starts_the_next_at_el2(tmp_path: Path) -> None:
    name = "RPI4"
    source, target = tmp_path / "wrap.S", tmp_path / "wrap.elf"
    kernel = board_session.kernel(boards.load(name))
    source.write_text(f'.text\n.global _start\n_start:\n.incbin "{kernel}"\n')
    link = ["-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x80000", "-Wl,--build-id=none"]
    subprocess.run(["aarch64-linux-gnu-gcc", *link, "-o", target, source], check=True)
    with board_session.booted(name, kernel_args(target)) as machine:
        first = facts(machine)
        assert first["entry_el"] == 3
        chain(machine, variant(name, "1990-05-10"))
        assert facts(machine) == {**first, "entry_el": 2}
        assert parked(machine) == [True] * 3


# What must leave the old system as it was.

Spoil = Callable[[Transfer], Transfer]


def flip_packed(transfer: Transfer) -> Transfer:
    """One bit of the packed data wrong before its blocks' CRCs are made."""
    data = bytearray(transfer.packed)
    data[len(data) // 2] ^= 4
    return Transfer(transfer.header, bytes(data))


def with_header(transfer: Transfer, index: int, number: int) -> Transfer:
    """Another number in a header whose own CRC is right."""
    words = list(struct.unpack("<IIII", transfer.header[8:24]))
    words[index] = number
    header = MAGIC + struct.pack("<IIII", *words)
    return Transfer(header + struct.pack("<I", zlib.crc32(header)), transfer.packed)


def flip_header(transfer: Transfer) -> Transfer:
    header = bytearray(transfer.header)
    header[9] ^= 1
    return Transfer(bytes(header), transfer.packed)


def no_image(transfer: Transfer) -> Transfer:
    image = zlib.decompress(transfer.packed, -15)
    image = image[:56] + b"XRM\x64" + image[60:]
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = packer.compress(image) + packer.flush()
    memory = int.from_bytes(transfer.header[16:20], "little")
    header = MAGIC + struct.pack("<IIII", len(packed), len(image), memory, zlib.crc32(image))
    return Transfer(header + struct.pack("<I", zlib.crc32(header)), packed)


SPOILED: dict[str, tuple[Spoil, str]] = {
    "packed byte": (flip_packed, r"OSError: \[Errno 5\] .*(CRC-32|image ends after)"),
    "image's CRC": (lambda t: with_header(t, 3, 0x12345678), r"OSError: \[Errno 5\] .*0x12345678"),
    "image shorter": (
        lambda t: with_header(t, 1, 70_000),
        r"OSError: \[Errno 5\] .*image's CRC-32",
    ),
    "image longer": (lambda t: with_header(t, 1, 900_000), r"OSError: \[Errno 5\] .*ends after"),
    "header's CRC": (flip_header, r"OSError: \[Errno 5\] .*header's CRC-32"),
    "no kernel": (no_image, r"OSError: \[Errno 22\] .*arm64"),
    "not in RAM": (
        lambda t: with_header(t, 2, 0xF0000000),
        r"OSError: \[Errno 16\] .*would lie over 0x",
    ),
    "no bytes": (lambda t: with_header(t, 0, 0), r"OSError: \[Errno 22\] .* 0 bytes packed"),
}


def beginning(image: bytes) -> bytes:
    """A hundred KiB of a kernel, for what is refused before any of it would run."""
    return image[: 100 << 10]


def check_untouched(machine: Machine, before: dict[str, Any], said: str) -> None:
    """The old system answers, has all its memory, and Ctrl-C works on it."""
    assert "bootloader" in said
    assert machine.eval("40 + 2") == 42
    assert facts(machine) == before
    assert machine.eval(STAGED, "import memory") is None
    machine.link.write(b"print('begun')\nwhile True: pass\x04")
    machine.link.read_until(b"begun")
    machine.link.write(b"\x03")
    assert b"KeyboardInterrupt" in machine.link.read_until(b"\x04>")


def test_a_spoiled_transfer_leaves_the_old_system() -> None:
    name = "RPI4"
    with board_session.booted(name) as machine:
        before = facts(machine)
        machine.exec("kept = 'as it was'")
        transfer = prepare(beginning(variant(name, "1990-06-10")))
        for what, (spoil, wanted) in SPOILED.items():
            size = start(machine.link)
            with pytest.raises(Rejected, match=wanted) as caught:
                transmit(machine.link, spoil(transfer), size, lambda count: None)
            print(f"{what}: {caught.value}")
            check_untouched(machine, before, str(caught.value))
        assert machine.eval("kept") == "as it was"
        assert built(machine) != "1990-06-10"
        chain(machine, variant(name, "1990-06-10"))
        assert built(machine) == "1990-06-10", "and then it can be done right"


def send_until(machine: Machine, transfer: Transfer, blocks: int, ms: int | None = None) -> bytes:
    """Header and `blocks` whole blocks; the block that would come next."""
    link = machine.link
    size = start(link, ms)
    link.write(transfer.header)
    bootloader.expect(link, "ACK 0")
    for number in range(blocks):
        block = transfer.packed[number * size : (number + 1) * size]
        bootloader.send_block(link, number + 1, block)
    return transfer.packed[blocks * size : (blocks + 1) * size]


def flipped(block: bytes) -> bytes:
    """One bit wrong on the line: the CRC is that of what was meant."""
    return block[:100] + bytes([block[100] ^ 0x40]) + block[101:]


def with_crc(block: bytes) -> bytes:
    return block + struct.pack("<I", zlib.crc32(block))


def refusal(machine: Machine) -> str:
    with pytest.raises(Rejected) as caught:
        bootloader.answer(machine.link)
    return str(caught.value)


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_line_that_stays_bad_or_is_cut_leaves_the_old_system(name: str) -> None:
    with board_session.booted(name) as machine:
        before = facts(machine)
        transfer = prepare(beginning(variant(name, "1990-07-10")))
        bad = flipped(with_crc(send_until(machine, transfer, 5)))
        for _ in range(3):
            machine.link.write(bad)
            bootloader.expect(machine.link, "NAK 6")
        machine.link.write(bad)
        said = refusal(machine)
        assert re.match(r"OSError: \[Errno 5\] .*block 6 came wrong 4 times", said), said
        check_untouched(machine, before, said)
        machine.link.write(send_until(machine, transfer, 3, PATIENCE_MS)[:1365])
        bootloader.expect(machine.link, "NAK 4")
        said = refusal(machine)
        assert re.match(r"OSError: .* ETIMEDOUT: .*nothing of block 4 within 2500 ms", said), said
        check_untouched(machine, before, said)


def test_a_flipped_byte_and_a_lost_one_are_sent_again() -> None:
    with board_session.booted("RPI4") as machine:
        transfer = prepare(variant("RPI4", "1990-07-11"))
        block = with_crc(send_until(machine, transfer, 2))
        for bad in (flipped(block), block[:500] + block[501:]):
            machine.link.write(bad)
            bootloader.expect(machine.link, "NAK 3", bootloader.UNPACK_SECONDS)
        size = len(block) - 4
        for number in range(2, -(-len(transfer.packed) // size)):
            at = number * size
            bootloader.send_block(machine.link, number + 1, transfer.packed[at : at + size])
        bootloader.expect(machine.link, "RUN", bootloader.UNPACK_SECONDS)
        board_session.wait_for_prompt(machine)
        machine.link.enter_raw_repl()
        assert built(machine) == "1990-07-11"


def test_an_image_for_another_machine_is_refused() -> None:
    with board_session.booted("RPI3") as machine:
        before = facts(machine)
        virt = board_session.kernel(boards.load("QEMU_VIRT")).read_bytes()
        wanted = r"OSError: \[Errno 22\] .*an image for QEMU_VIRT, .* the one for RPI$"
        with pytest.raises(Rejected, match=wanted) as caught:
            bootloader.send(machine.link, virt)
        check_untouched(machine, before, str(caught.value))


@pytest.mark.parametrize("name", board_session.PIS)
def test_without_a_header_it_gives_up(name: str) -> None:
    with board_session.booted(name) as machine:
        before = facts(machine)
        for typed, wanted in [
            (b"", r"OSError: .* ETIMEDOUT: .*0 of 28 header bytes within 2500 ms"),
            (b"\r\nPIMB", r"OSError: .* ETIMEDOUT: .*4 of 28 header bytes within 2500 ms"),
            (b"help()", r"OSError: \[Errno 22\] .*0x68 does not begin a header"),
        ]:
            start(machine.link, PATIENCE_MS)
            machine.link.write(typed)
            with pytest.raises(Rejected, match=wanted) as caught:
                bootloader.answer(machine.link)
            check_untouched(machine, before, str(caught.value))
        start(machine.link)
        machine.link.enter_raw_repl()  # returns and Ctrl-C, as every tool begins
        assert machine.eval("1 + 1") == 2
        for argument in ("0", "-1", "600001", "'x'"):
            with pytest.raises(board_session.BoardError):
                machine.exec(f"import machine\nmachine.bootloader({argument})")


def test_no_room_for_the_image() -> None:
    with board_session.booted("RPI3") as machine:
        transfer = with_header(prepare(variant("RPI3", "1990-08-10")), 1, 400 << 20)
        transfer = with_header(transfer, 2, 700 << 20)
        size = start(machine.link)
        with pytest.raises(Rejected, match=r"OSError: \[Errno 12\] .*frames in a run") as caught:
            transmit(machine.link, transfer, size, lambda count: None)
        assert "bootloader" in str(caught.value)
        assert machine.eval("1 + 1") == 2


# The command.


def pimem_boot(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command: Sequence[str | Path] = [sys.executable, "-m", "pimem", "boot", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_command_boots_an_image_and_shows_its_report(tmp_path: Path) -> None:
    kernel = tmp_path / "other.img"
    kernel.write_bytes(variant("RPI4", "1990-09-10"))
    with board_session.booted("RPI4") as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        pty = machine.emulated().pty
        done = pimem_boot(kernel, "--port", pty)
        assert done.returncode == 0, done.stderr
        assert "100 %" in done.stderr and "\x1b" not in done.stdout + done.stderr
        assert "entered at EL2" in done.stdout
        refused = pimem_boot(__file__, "--port", pty)
        assert refused.returncode == 2 and "arm64 image" in refused.stderr
        assert pimem_boot(tmp_path / "none.img", "--port", pty).returncode == 2
        with board_session.Link(pty) as link:
            link.enter_raw_repl()
            assert "on 1990-09-10" in link.run("import sys\nprint(sys.version)")


def test_interrupted_it_leaves_the_old_system_at_its_prompt(tmp_path: Path) -> None:
    kernel = tmp_path / "other.img"
    kernel.write_bytes(variant("RPI4", "1990-11-10"))
    half = len(prepare(kernel.read_bytes()).packed) // 2
    with board_session.booted("RPI4") as machine:
        date = built(machine)
        machine.link.leave_raw_repl()
        machine.link.close()
        with Bridge(machine.emulated(), telnet=False) as bridge:
            goes_on = bridge.uart.hold_back(half)
            command = [sys.executable, "-m", "pimem", "boot", kernel, "--port", bridge.url]
            with subprocess.Popen(
                command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
            ) as process:
                assert process.stderr
                assert " %, " in process.stderr.readline()
                process.send_signal(signal.SIGINT)
                goes_on.set()
                said = process.stderr.read()
        assert process.returncode == 130 and "100 %" not in said
        assert said.endswith("pimem: the board goes on as before\npimem: interrupted\n")
        with board_session.Link(machine.emulated().pty) as link:
            link.write(b"\r")
            link.read_until(b">>> ")
            link.enter_raw_repl()
            assert f"on {date}" in link.run("import sys\nprint(sys.version)")


def test_on_a_terminal_the_monitor_follows(tmp_path: Path) -> None:
    with board_session.booted("RPI4") as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        command = (
            "boot",
            str(board_session.kernel(boards.load("RPI4"))),
            "--port",
            machine.emulated().pty,
        )
        with at_a_terminal(*command) as (terminal, child):
            seen = read_until(terminal, b"Ctrl-] leaves", seconds=60)
            assert seen.count(b"\rkernel8.img: ") > 5 and b"100 %" in seen
            assert b"entered at EL2" in seen
            os.write(terminal, b"\rprint(6 * 7)\r")
            assert b"[ " in read_until(terminal, b"42\r\n", seconds=20)
            os.write(terminal, b"\x1d")
            assert child.wait(10) == 0


def test_a_refused_image_leaves_the_board_at_its_prompt(tmp_path: Path) -> None:
    with board_session.booted("RPI3") as machine:
        machine.link.close()
        pty = machine.emulated().pty
        done = pimem_boot(board_session.kernel(boards.load("QEMU_VIRT")), "--port", pty)
        assert done.returncode == 1
        assert "pimem: the board goes on as before: OSError: [Errno 22] " in done.stderr
        with board_session.Link(pty) as link:
            link.write(b"\r")
            link.read_until(b">>> ")


def test_mpremote_bootloader_leaves_a_board_that_waits(tmp_path: Path) -> None:
    with board_session.booted("RPI3") as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        pty = machine.emulated().pty
        command = [sys.executable, "-m", "mpremote", "connect", pty, "bootloader"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        kernel = tmp_path / "other.img"
        kernel.write_bytes(variant("RPI3", "1990-10-10"))
        assert pimem_boot(kernel, "--port", pty).returncode == 0
