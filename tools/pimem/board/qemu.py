# SPDX-License-Identifier: MIT
"""The one launcher of QEMU: every command and test that needs a machine starts it here.

    with Qemu(boards.load("RPI4")) as machine:
        link = Link(machine.pty)
        machine.resume()

The machine starts paused, so that nothing it prints can be lost, and never outlives its
parent: it dies with it, at close(), and with the thread that started it (start it from the
main thread).
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from pimem.board import hwcheck
from pimem.board.boards import Board
from pimem.board.qmp import Qmp, QmpError
from pimem.exits import USAGE, CommandError, Refusal
from pimem.setup.packages import qemu_program

PR_SET_PDEATHSIG = 1
#: The blocks that QEMU's machine of a board does not model, as memory.report()['missing'] names
#: them.
NO_MODEL = {
    "RPI3": frozenset({"SPI(1)"}),
    "RPI4": frozenset(
        {
            "random number generator",
            "I2C(3) to I2C(6)",
            "SPI(1)",
            "SPI(3) to SPI(6)",
            "UART(2) to UART(5)",
            "PWM",
        }
    ),
}
#: One guest instruction is one nanosecond of guest time: repeatable, and independent of load.
ICOUNT = ("-icount", "shift=0,sleep=off")
#: A guest that switches itself off stops the machine, but QEMU stays until close(): when it ends,
#: the kernel throws away what the pty still holds.
STAY = ("-no-shutdown",)
NO_REBOOT = ("-no-reboot",)  # a guest that resets itself stops the machine too
RUN_STATE = ("STOP", "RESUME")  # events: the guest stands, the guest runs
PTY_LINE = "char device redirected to"  # which QEMU prints of the serial line
QEMU_ENDED = "QEMU ended"  # begins the reason where its process is gone
EXIT_SECONDS = 2.0  # between the end of the connection and that of the process
STOPPED = ("shutdown", "guest-panicked", "internal-error", "io-error")

LEAST_CARD = 1 << 20  # bytes
MASKS = re.compile(r"\bPSTATE=([0-9a-f]{8})")  # in what "info registers" prints
ALL_MASKED = 0x3C0  # DAIF: scripts can mask three of the four
HALT_LOOKS, HALT_SECONDS = 5, 0.01  # an exception of a board that runs is over by then


logger = logging.getLogger(__name__)


class QemuError(CommandError):
    """The emulator could not be started or used; the text has what it said."""

    code = USAGE


def kernel_args(kernel: Path, dtb: Path | None = None) -> list[str]:
    """Return a raw image or an ELF, as firmware (raw) or a debugger (ELF) would start it."""
    return ["-kernel", str(kernel), *(["-dtb", str(dtb)] if dtb else [])]


def loader_args(path: Path, address: int, cpu: int | None = None) -> list[str]:
    """Place a file's bytes at a physical address; with `cpu`, that core starts there."""
    start = f",cpu-num={cpu}" if cpu is not None else ""
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on{start}"]


def card_args(board: Board, card: Path) -> list[str]:
    """Return a file as the card in the board's slot; it keeps what is written. A Refusal says what
    is wrong with it."""
    if not board.qemu_card:
        raise Refusal(f"{board.name} has no slot for a card in QEMU")
    try:
        size = card.stat().st_size
    except OSError as exc:
        raise Refusal(f"cannot read the card {card}: {exc.strerror}") from exc
    if not card.is_file():
        raise Refusal(f"{card} is no file: the card in QEMU is an image")
    if size < LEAST_CARD or size & (size - 1):
        raise Refusal(
            f"{card} has {size} bytes: a card in QEMU has a power of two of them "
            f"(`truncate -s {card_size(size)} {shlex.quote(str(card))}` makes it one)"
        )
    name = str(card).replace(",", ",,")  # as QEMU's options have it
    return [argument.replace("{}", name) for argument in board.qemu_card]


def card_size(size: int) -> int:
    """Return the smallest size of a card that holds so much."""
    return max(LEAST_CARD, 1 << max(size - 1, 0).bit_length())


def die_with_parent() -> None:
    """Run in the child before QEMU does: the kernel kills it when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Qemu:
    def __init__(
        self,
        board: Board,
        boot: Sequence[str] | None = None,
        *,
        icount: bool = False,
        reboot: bool = False,
        guest_errors: Path | None = None,
        log: Path | None = None,
        extra: Sequence[str] = (),
        hardware_check: bool = False,
    ) -> None:
        """Start the board's machine, paused, with its serial line on the pty `self.pty`.

        `boot` is what kernel_args() or loader_args() give; by default the board's own image.
        Without `reboot`, a reset by the guest is the machine's end. `guest_errors` is a file that
        collects what QEMU thinks the guest did wrong, `log` one that gets a copy of all that
        the guest prints. With `hardware_check`, violations() tells what the guest did that a real
        core would not forgive.
        """
        self.board = board
        self._folder = Path(tempfile.mkdtemp(prefix="pimem-qemu-"))
        self._said = self._folder / "stderr"
        self._qmp: Qmp | None = None
        self._pty_fd = -1
        self._last_violations: list[hwcheck.Violation] = []
        serial = f"pty,id=serial0,logfile={log}" if log else "pty,id=serial0"
        # A socket that is connected from the start: QEMU 10.0 hangs or crashes now and then when a
        # client connects to its monitor while it starts.
        ours, theirs = socket.socketpair()
        self.command = self._command(boot, serial, icount, reboot)
        self.command += ["-chardev", f"socket,id=qmp0,fd={theirs.fileno()}"]
        self.command += ["-mon", "chardev=qmp0,mode=control"]
        if guest_errors:
            self.command += ["-d", "guest_errors,unimp", "-D", str(guest_errors)]
        self.command += extra
        self._reports = self._folder / "hwcheck.json" if hardware_check else None
        try:
            self._process = self._start(theirs)
        except CommandError:
            ours.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        atexit.register(self.close)
        self._connect(ours)

    def _connect(self, monitor: socket.socket) -> None:
        """Find the pty of the serial line over QEMU's monitor, and make the machine."""
        try:
            self._qmp = Qmp(monitor)
            self.pty = self._find_pty()
            self._create_machine()
        except QmpError as exc:
            reason = self._why_not_started(exc)
            monitor.close()
            self.close()
            raise QemuError(reason) from exc

    def _why_not_started(self, exc: QmpError) -> str:
        """Return what QEMU printed if it has ended, as it does when it refuses an argument."""
        try:
            status = self._process.wait(timeout=EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"{exc}\n{self.said()}".strip()
        return f"QEMU did not start (status {status}): {self.said()}"

    def _command(
        self, boot: Sequence[str] | None, serial: str, icount: bool, reboot: bool
    ) -> list[str]:
        command = [qemu_program(), "-M", self.board.machine, *self.board.qemu_args]
        command += ["-display", "none", "-monitor", "none", "-S", "-preconfig"]
        command += ["-chardev", serial, "-serial", "chardev:serial0"]
        command += kernel_args(self.board.kernel) if boot is None else boot
        if icount:
            command += ICOUNT
        command += STAY
        if not reboot:
            command += NO_REBOOT
        return command

    @property
    def checks_hardware(self) -> bool:
        return self._reports is not None

    def violations(self, elf: Path | None = None) -> list[hwcheck.Violation]:
        """Return what the hardware checker has reported since the last time, with symbols of
        `elf`; after close() too."""
        if self._reports is None:
            raise QemuError("this machine was started without hardware_check=True")
        found = [*self._last_violations, *hwcheck.read(self._reports)]
        self._last_violations = []
        hwcheck.add_places(found, elf)
        return found

    def _start(self, monitor: socket.socket) -> subprocess.Popen[bytes]:
        """Start QEMU, which takes its end of the monitor's connection over."""
        with monitor:
            if self._reports:
                self.command = hwcheck.with_checker(self.command, self._reports)
            return self._start_process(monitor)

    def _start_process(self, monitor: socket.socket) -> subprocess.Popen[bytes]:
        logger.info("starting %s", shlex.join(self.command))
        try:
            with self._said.open("wb") as said:
                return subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    pass_fds=(monitor.fileno(),),
                    preexec_fn=die_with_parent,
                    start_new_session=True,  # the terminal's Ctrl-C is not for QEMU
                )
        except OSError as exc:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise QemuError(f"cannot start {self.command[0]}: {exc.strerror}") from exc

    def _find_pty(self) -> str:
        for device in self.qmp.execute("query-chardev"):
            if device["label"] == "serial0":
                return str(device["filename"]).removeprefix("pty:")
        raise QmpError("QEMU names no pty for its serial line")

    def _create_machine(self) -> None:
        """Leave QEMU's preconfig state, with the pty open meanwhile. QEMU looks whether the other
        end of a pty is open when the UART is created, and then once a second: what is typed waits
        until it has noticed."""
        self._pty_fd = os.open(self.pty, os.O_RDWR | os.O_NOCTTY)
        self.qmp.execute("x-exit-preconfig")

    def _release_pty(self) -> None:
        if self._pty_fd >= 0:
            os.close(self._pty_fd)
            self._pty_fd = -1

    @property
    def qmp(self) -> Qmp:
        if self._qmp is None:
            raise QemuError("this machine is closed")
        return self._qmp

    @property
    def pid(self) -> int:
        return self._process.pid

    def resume(self) -> None:
        """Let the guest run. A link to the pty is best opened before: what the guest prints while
        nothing has it open is lost."""
        self._release_pty()
        self.qmp.execute("cont")

    def pause(self) -> None:
        self.qmp.execute("stop")

    def running(self) -> bool:
        """Return whether the QEMU process is there, even if the guest has stopped."""
        return self._process.poll() is None

    def said(self) -> str:
        """Return what QEMU itself printed: its own errors, not the guest's."""
        try:
            lines = self._said.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(line for line in lines if not line.startswith(PTY_LINE)).strip()

    def ended(self) -> str | None:
        """Return why the guest cannot send anything any more, or None while it may."""
        try:
            self.qmp.notice()
        except QmpError:  # it closes the connection when it ends, and only then
            self._process.wait(timeout=10)
        if not self.running():
            return f"{QEMU_ENDED} with status {self._process.returncode} {self.said()}".strip()
        changes = [event["event"] for event in self.qmp.events if event["event"] in RUN_STATE]
        if changes[-1:] != ["STOP"]:
            return None
        status = self.qmp.execute("query-status")["status"]
        return f"the guest ended in state '{status}'" if status in STOPPED else None

    def restarts(self) -> int:
        """Return how often the guest has reset itself."""
        with contextlib.suppress(QmpError):  # QEMU is gone, as ended() tells
            self.qmp.notice()
        return sum(
            event["event"] == "RESET" and bool(event["data"].get("guest"))
            for event in self.qmp.events
        )

    def halted(self) -> bool:
        """Return whether core 0 stays where all interrupts are masked, as after a crash; True also
        where QEMU does not tell."""
        for _ in range(HALT_LOOKS):
            try:
                found = MASKS.search(self.registers())
            except (QemuError, QmpError):
                return True
            if found and int(found[1], 16) & ALL_MASKED != ALL_MASKED:
                return False
            time.sleep(HALT_SECONDS)
        return True

    def read_physical(self, address: int, size: int) -> bytes:
        """Return guest memory as the bus sees it, independent of the MMU."""
        target = self._folder / "pmemsave"
        self.qmp.execute("pmemsave", val=address, size=size, filename=str(target))
        data = target.read_bytes()
        target.unlink()
        return data

    def registers(self) -> str:
        """Return all registers of core 0, in QEMU's own words."""
        return self.qmp.human("info registers")

    def close(self) -> None:
        """End the machine; harmless when it has ended already."""
        atexit.unregister(self.close)
        self._release_pty()
        if self._qmp is not None:
            self._qmp.close()
            self._qmp = None
        if self.running():
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=10)
        if self._reports:
            self._last_violations += hwcheck.read(self._reports)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Qemu:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
