# SPDX-License-Identifier: MIT
"""Check any bare-metal AArch64 kernel for what QEMU forgives and a Raspberry Pi does not.

The kernel runs in QEMU with the hardware checker (docs/hwcheck.md). Each violation is printed with
the instruction, what made it one, and the system instructions before it, on stdout.
"""

from __future__ import annotations

import argparse
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pimem.board.boards import Board
from pimem.board.hwcheck import EXCEPTION_LOOP, Violation, elf_end
from pimem.board.qemu import QEMU_ENDED, Qemu, kernel_args
from pimem.exits import CRASHED, FAILED, OK, Refusal, complain

SECONDS = 10.0
STEP = 0.1
HEAD = 4096
ELF = b"\x7fELF"
ELF_HEADER = struct.Struct("<4xBB10xHH36xH6x")  # bits, byte order, type, machine, segments
AARCH64 = (2, 1, 183)
ELF_PROGRAMS = (2, 3)  # at a fixed address, at any
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
  3    no kernel: it does nothing but repeat an exception; or QEMU ended by itself
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
    """Refuse what cannot be a kernel by its first bytes. Of others, how they run tells."""
    with image.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refusal(f"{image} is empty: name a raw image or an ELF")
    if b"\0" not in head and head.isascii():
        raise Refusal(f"{image} is text: name a raw image or an ELF")
    if head.startswith(ELF):
        require_aarch64(image, head)


def require_aarch64(image: Path, head: bytes) -> None:
    """Refuse an ELF that QEMU would not load, or that has nothing to load."""
    if len(head) < ELF_HEADER.size:
        raise Refusal(f"{image} is an ELF whose header breaks off")
    bits, order, kind, machine, segments = ELF_HEADER.unpack_from(head)
    if (bits, order, machine) != AARCH64:
        raise Refusal(f"{image} is an ELF of another machine than 64-bit Arm, little-endian")
    if kind not in ELF_PROGRAMS or not segments:
        raise Refusal(f"{image} is an ELF, but no linked program: it has no segments to load")
    try:
        end = elf_end(image)
    except struct.error:
        raise Refusal(f"{image} is an ELF that breaks off before its list of segments") from None
    size = image.stat().st_size
    if size < end:
        raise Refusal(f"{image} is an ELF that breaks off: it has {size} bytes of {end}")


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ELF


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


def no_kernel(image: Path, machine: str, loop: Violation) -> str:
    """Return what an exception that repeats for ever means."""
    return (
        f"{image} is no AArch64 kernel for {machine}, or one that crashed without a handler: "
        f"core {loop.core} does nothing but repeat an exception at {loop.pc:#x}, "
        f"which began at {loop.place(loop.va or 0)}"
    )


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
    loops = [each for each in violations if each.rule == EXCEPTION_LOOP]
    number = len(violations) - len(loops)
    complain(f"{ended}; {number or 'no'} violation{'' if number == 1 else 's'}")
    if loops:
        complain(no_kernel(options.image, name, loops[0]))
    if number:
        return FAILED
    return CRASHED if loops or ended.startswith(QEMU_ENDED) else OK
