# SPDX-License-Identifier: MIT
"""Check any bare-metal AArch64 kernel for what QEMU forgives and a Raspberry Pi does not.

The kernel runs in QEMU with the hardware checker (docs/hwcheck.md). Each violation is printed with
the instruction, what made it one, and the system instructions before it, on stdout. The last line
on stderr tells how far the kernel came: what it printed, and where core 0 is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pimem.board import symbols
from pimem.board.boards import Board
from pimem.board.hwcheck import (
    EXCEPTION_LOOP,
    IMAGE_HEADER,
    Violation,
    elf_end,
    ram_base,
    with_header,
)
from pimem.board.qemu import QEMU_ENDED, Qemu, QemuError, kernel_args
from pimem.board.qmp import QmpError
from pimem.commands import _options
from pimem.exits import CRASHED, FAILED, INTERRUPTED, OK, Refusal, complain

SECONDS = 10.0
STEP = 0.1
STOPPED = "it ran until Ctrl-C"
HEAD = 4096
LAST_LINE = 60  # of what the kernel printed
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
A raw image starts as the firmware starts it, at EL2 (virt: EL1), at 0x80000 of RAM or where its
header says. An ELF starts as a debugger starts it: all cores at once, at the highest level.
Addresses get names from --elf, else from the kernel itself if it is an ELF, else from a file of
the same name with .elf, or from kernel8.elf or firmware.elf beside it.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", type=Path, help="a raw image (kernel8.img) or an ELF")
    parser.add_argument(
        "--machine", choices=MACHINES, default="raspi4b", help="default: %(default)s"
    )
    parser.add_argument("--dtb", type=Path, metavar="FILE", help="the device tree it is given")
    parser.add_argument(
        "--address",
        type=lambda text: int(text, 0),
        metavar="A",
        help="where a raw image without a header is loaded (default: 0x80000 of RAM)",
    )
    parser.add_argument("--elf", type=Path, metavar="FILE", help="where its symbols are")
    parser.add_argument(
        "--seconds",
        type=_options.seconds,
        default=SECONDS,
        metavar="N",
        help="how long it runs, if it does not end before (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a violation")


def require(path: Path | None) -> None:
    if path is None:
        return
    if not path.is_file():
        raise Refusal(f"no file {path}")
    try:
        path.open("rb").close()
    except OSError as exc:
        raise Refusal(f"cannot read {path}: {exc.strerror}") from None


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


def placed(image: Path, machine: str, address: int | None, folder: Path) -> Path:
    """Return the image to start: where an address is given, one with a header that has it."""
    if address is None:
        return image
    if is_elf(image):
        raise Refusal(f"{image} is an ELF, which has its own addresses: leave --address out")
    offset = address - ram_base(machine)
    if offset <= IMAGE_HEADER.size or address % 4:
        raise Refusal(
            f"--address {address:#x} is not in the RAM of {machine}, or no multiple of 4"
        )
    copy = folder / image.name
    copy.write_bytes(with_header(image.read_bytes(), offset))
    return copy


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
    try:
        while time.monotonic() < end:
            ended = machine.ended()
            if ended:
                return ended
            time.sleep(min(STEP, max(end - time.monotonic(), 0)))
    except KeyboardInterrupt:
        return STOPPED
    return f"it ran for {seconds:g} s"


def printed(logs: Sequence[Path]) -> str:
    """Return how much the kernel sent to its UARTs, and the last line."""
    data = b"".join(log.read_bytes() for log in logs if log.is_file())
    lines = data.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not data:
        return "it printed nothing"
    return f"it printed {len(data)} bytes, at last {last[-LAST_LINE:]!r}"


def place_of_core_0(machine: Qemu, elf: Path | None) -> str:
    """Return where core 0 is, or "" where QEMU does not tell."""
    try:
        found = re.search(r"\bPC=([0-9a-f]+)", machine.registers())
    except (QemuError, QmpError):
        return ""
    if not found:
        return ""
    address = int(found[1], 16)
    name = ""
    if elf:
        with contextlib.suppress(symbols.NoSymbols):
            place = symbols.resolve(elf, [address])[0][0]
            name = f" ({place})" if place.function != symbols.UNKNOWN else ""
    return f"core 0 is at {address:#x}{name}; "


def show(violations: Sequence[Violation], as_json: bool) -> None:
    for each in violations:
        if as_json:
            data = asdict(each)
            data["places"] = {f"{at:#x}": place for at, place in each.places.items()}
            print(json.dumps(data))
        else:
            print(f"{each}\n")


def no_kernel(image: Path, machine: str, loop: Violation) -> str:
    """Return what an exception that repeats endlessly means."""
    return (
        f"{image} is no AArch64 kernel for {machine}, or one that crashed without a handler: "
        f"core {loop.core} does nothing but repeat an exception at {loop.pc:#x}, "
        f"which began at {loop.place(loop.va or 0)}"
    )


def run(options: argparse.Namespace) -> int:
    for path in (options.image, options.dtb, options.elf):
        require(path)
    require_code(options.image)
    name = options.machine
    board = Board(name, name, "", name, MACHINES[name], False, "", "", ())
    elf = symbols_of(options.image, options.elf)
    with tempfile.TemporaryDirectory(prefix="pimem-hwcheck-") as made:
        folder = Path(made)
        image = placed(options.image, name, options.address, folder)
        # The mini UART of a Raspberry Pi, which many kernels print to, is QEMU's second one.
        logs = [folder / "uart0", folder / "uart1"]
        second = ("-serial", "null" if name == "virt" else f"file:{logs[1]}")
        boot = kernel_args(image, options.dtb)
        with Qemu(board, boot, hardware_check=True, log=logs[0], extra=second) as machine:
            ended = watch(machine, options.seconds)
            place = place_of_core_0(machine, elf) if machine.ended() is None else ""
            violations = machine.violations(elf)
        said = printed(logs)
    show(violations, options.json)
    loops = [each for each in violations if each.rule == EXCEPTION_LOOP]
    number = len(violations) - len(loops)
    complain(f"{ended}; {place}{said}; {number or 'no'} violation{'' if number == 1 else 's'}")
    if loops:
        complain(no_kernel(options.image, name, loops[0]))
    if number:
        return FAILED
    if ended == STOPPED:
        return INTERRUPTED
    return CRASHED if loops or ended.startswith(QEMU_ENDED) else OK
