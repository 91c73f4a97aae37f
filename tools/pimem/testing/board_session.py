# SPDX-License-Identifier: MIT
"""A booted board for tests: an emulated one, or the real one on a serial line.

boot() and attach() make every Machine. Images come from build/<image>/ of the source tree, or
from $PIMEM_BUILD/<image>/; nothing else is shared between tests, so they may run in several
processes at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pimem
from pimem.board import boards, hwcheck, reset, session
from pimem.board.boards import Board
from pimem.board.errors import BoardCrash, BoardError, NoAnswer, ScriptError
from pimem.board.hwcheck import Violation
from pimem.board.link import END, RAW_PROMPT, RESET_SECONDS, Link
from pimem.board.qemu import Qemu, kernel_args
from pimem.board.text import to_text
from pimem.exits import Refusal

#: QEMU's arguments that start a board of some name; None: its raw image.
StartArgs = Callable[[str], Sequence[str] | None]
#: The names of all boards, and of the Raspberry Pis among them.
BOARDS: tuple[str, ...]
PIS: tuple[str, ...]
#: A board of each image.
IMAGES: tuple[str, ...]
BOOT_SECONDS = 60.0
WAKE_SECONDS = 10.0  # a real board with its firmware boots in half of that
DRAIN_SECONDS = 2.0
MOST_ERROR_BYTES = 1 << 20  # of QEMU's log at one look: a guest may err without end
FREE = "import gc, memory\ngc.collect()\nprint(memory.frames.stats()['free'])"


def __getattr__(name: str) -> tuple[str, ...]:
    """Look up BOARDS, PIS and IMAGES when they are used: the types need no source tree."""
    if name == "BOARDS":
        return tuple(boards.names())
    if name == "PIS":
        return tuple(board.name for board in boards.load_all() if board.family == "rpi")
    if name == "IMAGES":
        return tuple({board.image: board.name for board in boards.load_all()}.values())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class NoImage(Refusal, FileNotFoundError):
    """The image of a board has not been built."""


#: The logs of `-d guest_errors,unimp` of machines that start while `guest_error_folder` is one.
GUEST_ERRORS: list[GuestErrors] = []
guest_error_folder: Path | None = None

#: Machines whose hardware is checked, with the ELF of their symbols, for new_violations().
CHECKED: list[tuple[Qemu, Path]] = []


def new_violations() -> list[Violation]:
    """Return what was reported since the last time; machines that ended are forgotten."""
    found = [each for qemu, symbols in CHECKED for each in qemu.violations(symbols)]
    CHECKED[:] = [each for each in CHECKED if each[0].running()]
    return found


@dataclass
class GuestErrors:
    """What QEMU finds wrong with the guest of one machine, as it is told."""

    board: str
    path: Path
    qemu: Qemu
    seen: int = 0

    def new_lines(self) -> list[str]:
        """Return the whole lines since the last time; of many the first MOST_ERROR_BYTES."""
        if not self.path.is_file():
            return []
        with self.path.open("rb") as file:
            file.seek(self.seen)
            data = file.read(MOST_ERROR_BYTES)
            whole = data[: data.rfind(b"\n") + 1]
            self.seen += len(whole)
            if len(data) == MOST_ERROR_BYTES:  # the rest is no error of the next test
                self.seen = file.seek(0, os.SEEK_END)
        return whole.decode(errors="replace").splitlines()


def new_guest_errors() -> list[tuple[str, str]]:
    """Return boards and lines since the last time; machines that ended are forgotten."""
    ended = [each for each in GUEST_ERRORS if not each.qemu.running()]
    found = [(each.board, line) for each in GUEST_ERRORS for line in each.new_lines()]
    GUEST_ERRORS[:] = [each for each in GUEST_ERRORS if each not in ended]
    return found


def log_of_guest_errors(given: Path | None) -> Path | None:
    """Return where a machine logs them: where its test says, or in the folder of all."""
    if given or guest_error_folder is None:
        return given
    handle, name = tempfile.mkstemp(dir=guest_error_folder)
    os.close(handle)
    return Path(name)


def image_folder(board: Board) -> Path:
    return Path(os.environ.get("PIMEM_BUILD") or pimem.BUILD) / board.image


def kernel(board: Board) -> Path:
    """Return the raw image of a board; its absence is an error, never a reason to skip."""
    path = image_folder(board) / "kernel8.img"
    if not path.is_file():
        raise NoImage(f"no image {path}: `make images` builds it")
    return path


def elf(board: Board) -> Path:
    return kernel(board).with_name("firmware.elf")


@dataclass
class Machine:
    """One board that has booted, its link in the raw REPL."""

    board: Board
    link: Link
    report: str = ""  # what it printed before the banner
    qemu: Qemu | None = None  # None: a real board
    lost: bool = False  # it crashed, or does not answer

    @property
    def name(self) -> str:
        return self.board.name

    def exec(self, code: str, timeout: float | None = None) -> str:
        """Run a script and return its output. ScriptError if it raises: `traceback` is what the
        board printed, and part of what pytest shows."""
        try:
            return self.link.run(code, silence=timeout)
        except ScriptError as exc:
            exc.add_note(exc.traceback)
            raise
        except (BoardCrash, NoAnswer):
            self.lost = True
            raise

    def eval(self, expression: str, setup: str = "", timeout: float | None = None) -> Any:
        """Return the value of an expression, sent as JSON (tuples arrive as lists). TypeError for
        a value that JSON does not have."""
        code = f"{setup}\nimport json\nprint('\\x1e' + json.dumps({expression}) + '\\x1e')\n"
        output = self.exec(code, timeout).rpartition("\x1e")[0]  # callbacks may print after it
        sent = output.rpartition("\x1e")[2]
        try:
            return json.loads(sent)
        except json.JSONDecodeError:
            raise TypeError(f"{expression} is {sent}, which JSON does not have") from None

    def free_frames(self) -> int:
        return int(self.exec(FREE))

    def soft_reset(self) -> str:
        """Press Ctrl-D; return what was printed, also by exit functions, until the raw REPL."""
        self.link.write(END)
        silence, total = BOOT_SECONDS, RESET_SECONDS
        return to_text(self.link.read_until(RAW_PROMPT, silence=silence, total=total))

    def emulated(self) -> Qemu:
        if self.qemu is None:
            raise RuntimeError(f"{self.name} is a real board")
        return self.qemu

    def close(self) -> None:
        if self.qemu is None and not self.lost:
            with contextlib.suppress(BoardError):
                self.link.leave_raw_repl()  # the next user of the port expects a prompt
        self.link.close()
        if self.qemu is not None:
            self.qemu.close()


def start(
    name: str,
    args: Sequence[str] | None = None,
    *,
    icount: bool = False,
    reboot: bool = False,
    board: Board | None = None,
    extra: Sequence[str] = (),
    guest_errors: Path | None = None,
    hardware_check: bool | None = None,
) -> Machine:
    """Start an emulated board; nothing has been read from it yet. What the hardware checker
    reports of it, new_violations() gives; None: it is checked if $HWCHECK is 1 and the run does
    not count instructions."""
    board = board or boards.load(name)
    checked = hwcheck.wanted() and not icount if hardware_check is None else hardware_check
    errors = log_of_guest_errors(guest_errors)
    qemu = Qemu(
        board,
        kernel_args(kernel(board)) if args is None else args,
        icount=icount,
        reboot=reboot,
        extra=extra,
        guest_errors=errors,
        hardware_check=checked,
    )
    if errors and errors != guest_errors:
        GUEST_ERRORS.append(GuestErrors(name, errors, qemu))
    if checked:
        CHECKED.append((qemu, elf(board)))
    return Machine(board, session.attach(qemu).link, qemu=qemu)


def wait_for_prompt(machine: Machine) -> None:
    """Read the boot report into `machine.report`, up to the first prompt."""
    machine.report = session.finish_boot(machine.link) + "\n"


def boot(name: str, args: Sequence[str] | None = None, **options: Any) -> Machine:
    """Start a board, wait for its prompt and enter the raw REPL."""
    machine = start(name, args, **options)
    try:
        wait_for_prompt(machine)
        machine.link.enter_raw_repl()
    except BoardError as exc:
        errors = machine.emulated().said()
        machine.close()
        text = getattr(exc, "text", "")
        raise RuntimeError(f"{name} did not boot: {exc}\n{errors}\n{text}") from exc
    except BaseException:
        machine.close()
        raise
    return machine


def wake(link: Link) -> None:
    """Enter the raw REPL of a board that may be idle, busy or still booting."""
    end = time.monotonic() + WAKE_SECONDS
    while True:
        link.write(b"\r\x03\x03\r\x01")
        try:
            link.read_until(RAW_PROMPT, silence=1, total=2)
            break
        except NoAnswer as exc:
            if time.monotonic() > end:
                raise NoAnswer(
                    f"no MicroPython answered within {WAKE_SECONDS:.0f} s of asking with Ctrl-C "
                    f"and Ctrl-A: {exc}"
                ) from exc
    end = time.monotonic() + DRAIN_SECONDS
    while link.receive() and time.monotonic() < end:  # answers to what was asked while it booted
        pass
    link.forget()


def attach(name: str, port: str, sequence: str | None = None) -> Machine:
    """Attach to the real board on a serial line, reset by a sequence for DTR and RTS if there is
    one. If it crashes, it resets itself."""
    if sequence:
        reset.reset(port, sequence)
    link = Link(port)
    try:
        wake(link)
        link.soft_reset()
        link.run("import memory\nmemory.crash_action('reset')")
    except BaseException:
        link.close()
        raise
    return Machine(boards.load(name), link)


@contextlib.contextmanager
def booted(name: str, args: Sequence[str] | None = None, **options: Any) -> Iterator[Machine]:
    machine = boot(name, args, **options)
    try:
        yield machine
    finally:
        machine.close()
