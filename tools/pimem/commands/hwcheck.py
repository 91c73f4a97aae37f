# SPDX-License-Identifier: MIT
"""Check any bare-metal AArch64 kernel for what QEMU forgives and a Raspberry Pi does not.

The kernel runs in QEMU with the hardware checker (docs/hwcheck.md). Each violation is printed with
the instruction, what made it one, and the system instructions before it, on stdout.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pimem.board.boards import Board
from pimem.board.hwcheck import Violation
from pimem.board.qemu import Qemu, kernel_args
from pimem.exits import FAILED, OK, Refusal, complain

SECONDS = 10.0
STEP = 0.1
HEAD = 4096
MACHINES = {
    "raspi3b": ("-m", "1G", "-smp", "4"),
    "raspi4b": ("-m", "2G", "-smp", "4"),
    "virt": ("-cpu", "cortex-a72", "-m", "1G", "-nic", "none"),
}
EPILOG = """\
exit codes:
  0    no violation
  1    violations
  2    usage, or the checker does not work here
Addresses get names from --elf, else from the kernel itself if it is an ELF, else from a file of
the same name with .elf, or from kernel8.elf or firmware.elf beside it.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, help="a raw image (kernel8.img) or an ELF")
    parser.add_argument(
        "--machine", choices=MACHINES, default="raspi4b", help="default: %(default)s"
    )
    parser.add_argument("--dtb", type=Path, metavar="FILE", help="the device tree it is given")
    parser.add_argument("--elf", type=Path, metavar="FILE", help="where its symbols are")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        metavar="N",
        help="how long it runs, if it does not end before (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a violation")


def require(path: Path | None) -> None:
    if path is not None and not path.is_file():
        raise Refusal(f"no file {path}")


def require_code(image: Path) -> None:
    """Refuse what cannot be a kernel: it would run into nothing, and end without a violation."""
    with image.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refusal(f"{image} is empty: name a raw image or an ELF")
    if b"\0" not in head and head.isascii():
        raise Refusal(f"{image} is text: name a raw image or an ELF")


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def symbols_of(image: Path, named: Path | None) -> Path | None:
    """Return the ELF with the symbols of an image, if there is one."""
    if named or is_elf(image):
        return named or image
    beside = [image.with_suffix(".elf")]
    beside += [image.with_name(name) for name in ("kernel8.elf", "firmware.elf")]
    return next((path for path in beside if path.is_file()), None)


def watch(machine: Qemu, seconds: float) -> str:
    """Let the kernel run; return how it ended."""
    end = time.monotonic() + seconds
    machine.resume()
    while time.monotonic() < end:
        ended = machine.ended()
        if ended:
            return ended
        time.sleep(min(STEP, max(end - time.monotonic(), 0)))
    return f"it ran for {seconds:g} s"


def show(violations: Sequence[Violation], as_json: bool) -> None:
    for each in violations:
        if as_json:
            data = asdict(each)
            data["places"] = {f"{at:#x}": place for at, place in each.places.items()}
            print(json.dumps(data))
        else:
            print(f"{each}\n")


def run(options: argparse.Namespace) -> int:
    if options.seconds <= 0:
        raise Refusal(f"--seconds {options.seconds:g} is not positive")
    for path in (options.image, options.dtb, options.elf):
        require(path)
    require_code(options.image)
    name = options.machine
    board = Board(name, name, "", name, MACHINES[name], False, "", "", ())
    boot = kernel_args(options.image, options.dtb)
    with Qemu(board, boot, hardware_check=True) as machine:
        ended = watch(machine, options.seconds)
        violations = machine.violations(symbols_of(options.image, options.elf))
    show(violations, options.json)
    number = len(violations)
    complain(f"{ended}; {number or 'no'} violation{'' if number == 1 else 's'}")
    return FAILED if violations else OK
