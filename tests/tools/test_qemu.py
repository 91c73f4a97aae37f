# SPDX-License-Identifier: MIT
"""The launcher, with images of a few instructions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from limits import wait_for

from pimem.board import boards
from pimem.board.link import BoardCrash, Link
from pimem.board.qemu import Qemu, QemuError, card_args, kernel_args, loader_args
from pimem.board.qmp import QmpError
from pimem.exits import Refusal

Tiny = Callable[..., Path]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("name", boards.names())
@pytest.mark.parametrize("icount", [False, True])
def test_every_board_boots_and_not_a_byte_is_lost(tiny: Tiny, name: str, icount: bool) -> None:
    text = "".join(f"line {n}\r\n" for n in range(200)) + "end"
    boot = kernel_args(tiny(name, text))
    with Qemu(boards.load(name), boot, icount=icount) as machine, Link(machine.pty) as link:
        machine.resume()
        assert link.read_until(b"end").decode() == text


def test_an_elf_and_a_bare_loader_boot_as_well(tiny: Tiny) -> None:
    image = tiny("RPI4", "hello")
    board = boards.load("RPI4")
    for boot in (kernel_args(image.with_suffix(".elf")), loader_args(image, 0x80000, cpu=0)):
        with Qemu(board, boot) as machine, Link(machine.pty) as link:
            machine.resume()
            link.read_until(b"hello")


def test_physical_memory_holds_the_image(tiny: Tiny) -> None:
    image = tiny("RPI3", "hello")
    with Qemu(boards.load("RPI3"), kernel_args(image)) as machine:
        size = image.stat().st_size
        assert machine.read_physical(0x80000, size) == image.read_bytes()


def test_the_machine_waits_until_it_is_resumed(tiny: Tiny) -> None:
    with Qemu(boards.load("RPI4"), kernel_args(tiny("RPI4", "hello"))) as machine:
        assert machine.qmp.execute("query-status")["status"] == "prelaunch"
        machine.resume()
        assert machine.qmp.execute("query-status")["status"] == "running"
        machine.pause()
        assert machine.qmp.execute("query-status")["status"] == "paused"


def test_guest_errors_and_output_are_collected(tiny: Tiny, tmp_path: Path) -> None:
    errors, log = tmp_path / "errors", tmp_path / "log"
    boot = kernel_args(tiny("RPI4", "hello"))
    board = boards.load("RPI4")
    with Qemu(board, boot, guest_errors=errors, log=log) as machine, Link(machine.pty) as link:
        machine.resume()
        link.read_until(b"hello")
        machine.pause()  # QEMU writes the log after the line
    assert "disabled UART" in errors.read_text()
    assert log.read_text() == "hello"


def test_a_reset_ends_the_machine_unless_it_may_reboot(tiny: Tiny) -> None:
    boot = kernel_args(tiny("QEMU_VIRT", "again ", then="reset"))
    board = boards.load("QEMU_VIRT")
    with Qemu(board, boot) as machine, Link(machine.pty, ended=machine.ended) as link:
        machine.resume()
        with pytest.raises(BoardCrash, match="the guest ended in state 'shutdown'"):
            link.read_until(b"again again ")
        assert link.unread() == b"again "
    with Qemu(board, boot, reboot=True) as machine, Link(machine.pty) as link:
        machine.resume()
        link.read_until(b"again again again ")


def test_closing_ends_qemu_and_twice_is_harmless(tiny: Tiny) -> None:
    machine = Qemu(boards.load("RPI4"), kernel_args(tiny("RPI4", "hello")))
    pid = machine.pid
    machine.close()
    machine.close()
    wait_for(lambda: gone(pid))
    with pytest.raises(QemuError, match="closed"):
        machine.resume()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_qemu_does_not_outlive_its_parent(tiny: Tiny, signal_number: int) -> None:
    code = f"""
        import time
        from pimem.board import boards
        from pimem.board.qemu import Qemu, kernel_args
        machine = Qemu(boards.load("RPI4"), kernel_args({str(tiny("RPI4", "hello"))!r}))
        print(machine.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal_number)
        wait_for(lambda: gone(pid))


def test_a_missing_emulator_is_named(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QEMU", "/no/such/qemu")
    with pytest.raises(QemuError, match="/no/such/qemu"):
        Qemu(boards.load("RPI4"), kernel_args(tiny("RPI4", "hello")))


def test_what_qemu_says_when_it_does_not_start_is_passed_on() -> None:
    with pytest.raises(QemuError, match="no-such-image"):
        Qemu(boards.load("RPI4"), kernel_args(Path("no-such-image")))


def test_a_refused_monitor_command_is_named(tiny: Tiny) -> None:
    boot = kernel_args(tiny("RPI4", "hello"))
    with Qemu(boards.load("RPI4"), boot) as machine, pytest.raises(QmpError, match="no-such"):
        machine.qmp.execute("no-such-command")


def test_an_emulator_that_dies_at_its_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "qemu"
    program.write_text("#!/bin/sh\necho 'no such machine' >&2\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setenv("QEMU", str(program))
    with pytest.raises(QemuError, match=r"QEMU did not start \(status -11\): no such machine"):
        Qemu(boards.load("RPI4"))


def test_what_qemu_says_of_its_serial_line_is_no_error(tmp_path: Path) -> None:
    kernel = tmp_path / "cut.elf"
    kernel.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(44))
    with pytest.raises(QemuError) as caught:
        Qemu(boards.load("RPI4"), kernel_args(kernel))
    assert "cut.elf" in str(caught.value) and "redirected" not in str(caught.value)


def file_of(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize("name", ["RPI3", "RPI4"])
def test_a_card_is_in_the_slot(tiny: Tiny, name: str, tmp_path: Path) -> None:
    card = file_of(tmp_path / "a card, with a comma", 2 << 20)
    boot = kernel_args(tiny(name, "hello"))
    with Qemu(boards.load(name), boot, extra=card_args(boards.load(name), card)) as machine:
        devices = machine.qmp.execute("query-block")
        [found] = [each for each in devices if each["device"] == "card"]
        assert found["inserted"]["file"] == str(card) and not found["inserted"]["ro"]


@pytest.mark.parametrize(("size", "better"), [(0, 1 << 20), (3 << 20, 4 << 20), (512, 1 << 20)])
def test_a_card_of_an_odd_size_is_refused(size: int, better: int, tmp_path: Path) -> None:
    card = file_of(tmp_path / "card", size)
    with pytest.raises(Refusal, match=f"truncate -s {better} "):
        card_args(boards.load("RPI4"), card)


def test_a_card_that_is_not_there_or_has_no_slot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="cannot read the card"):
        card_args(boards.load("RPI4"), tmp_path / "none")
    with pytest.raises(Refusal, match="no slot"):
        card_args(boards.load("QEMU_VIRT"), file_of(tmp_path / "card", 1 << 20))
