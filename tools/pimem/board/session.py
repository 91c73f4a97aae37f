# SPDX-License-Identifier: MIT
"""The one way to reach a board: its image, QEMU or a port, and the link.

    with open_session(boards.load("RPI4")) as session:
        session.finish_boot()
        session.link.enter_raw_repl()

launch() starts a machine without a link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pimem.board.boards import Board
from pimem.board.line import SILENCE, Sink
from pimem.board.link import BANNER, PROMPT, Link
from pimem.board.qemu import Qemu, card_args, kernel_args
from pimem.board.text import to_text
from pimem.exits import Refusal

BOOT_SECONDS = 120.0


def kernel_of(board: Board, kernel: Path | None = None) -> Path:
    """Return the image to boot: `kernel`, or else the board's own. Refusal if it is not there."""
    path = kernel or board.kernel
    if not path.is_file():
        raise Refusal(f"no image {path}: `make BOARD={board.name}` builds it")
    return path


def elf_of(board: Board, kernel: Path | None = None) -> Path:
    """Return the ELF of the image that runs: that of a kernel lies beside it."""
    return kernel.with_name(board.elf.name) if kernel else board.elf


def launch(
    board: Board,
    kernel: Path | None = None,
    *,
    card: Path | None = None,
    icount: bool = False,
    reboot: bool = False,
    log: Path | None = None,
    extra: Sequence[str] = (),
    hardware_check: bool = False,
) -> Qemu:
    """Start the board's machine, paused, with `kernel` or the board's own image, and `card` in its
    slot; with `reboot` it restarts when the guest resets it."""
    boot = kernel_args(kernel_of(board, kernel))
    extra = [*extra, *(card_args(board, card) if card else ())]
    return Qemu(
        board,
        boot,
        icount=icount,
        reboot=reboot,
        log=log,
        extra=extra,
        hardware_check=hardware_check,
    )


def require_emulated(port: str | None, hardware_check: bool, card: Path | None) -> None:
    """Refuse for a real board what only an emulated one has."""
    if port is not None and hardware_check:
        raise Refusal("the hardware checker is a part of QEMU: leave --port or it out")
    if port is not None and card is not None:
        raise Refusal("--card is for QEMU: the board on --port has a slot of its own")


def finish_boot(link: Link, sink: Sink | None = None) -> str:
    """Wait for a booting board's first prompt; return its boot report, which `sink` gets too."""
    report = link.read_until(BANNER, total=BOOT_SECONDS, sink=sink)
    link.read_until(PROMPT, total=BOOT_SECONDS)
    link.prompt_seen()
    return to_text(report.removesuffix(BANNER))


@dataclass
class Session:
    """A board and the link to it; `machine` is its QEMU, None for a real board."""

    board: Board
    link: Link
    machine: Qemu | None = None

    @property
    def booting(self) -> bool:
        """Whether the session began with power on, as opposed to a board that runs already."""
        return self.machine is not None

    def finish_boot(self, sink: Sink | None = None) -> str:
        return finish_boot(self.link, sink)

    def close(self) -> None:
        self.link.close()
        if self.machine is not None:
            self.machine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def attach(machine: Qemu, *, elf: Path | None = None, silence: float = SILENCE) -> Session:
    """Open the link to a machine that is paused, and let it run. The session owns the machine."""
    try:
        link = Link(
            machine.pty,
            ended=machine.ended,
            restarts=machine.restarts,
            halted=machine.halted,
            silence=silence,
            elf=elf,
        )
        machine.resume()
    except BaseException:
        machine.close()
        raise
    return Session(machine.board, link, machine)


def open_session(
    board: Board,
    *,
    port: str | None = None,
    kernel: Path | None = None,
    card: Path | None = None,
    icount: bool = False,
    reboot: bool = False,
    silence: float = SILENCE,
    extra: Sequence[str] = (),
    hardware_check: bool = False,
) -> Session:
    """Open a session: with the board on `port` as it is, or with an emulated one that boots.

    Of a real board `kernel` is the image that it runs, for crash reports. A Refusal says which
    image is missing, QemuError and NoAnswer what cannot be started or opened.
    """
    elf = elf_of(board, kernel)
    require_emulated(port, hardware_check, card)
    if port is not None:
        return Session(board, Link(port, silence=silence, elf=elf))
    machine = launch(
        board,
        kernel,
        card=card,
        icount=icount,
        reboot=reboot,
        extra=extra,
        hardware_check=hardware_check,
    )
    return attach(machine, elf=elf, silence=silence)
