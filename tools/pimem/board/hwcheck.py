# SPDX-License-Identifier: MIT
"""The hardware checker: a plugin of QEMU that reports what a Cortex-A53 or A72 would not forgive.

Its sources are in tools/hwcheck; docs/hwcheck.md says what it checks. Qemu(hardware_check=True)
is the usual way to use it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gzip
import hashlib
import itertools
import json
import os
import re
import shlex
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pimem
from pimem.board import symbols, tree, windows
from pimem.compiler import compile_once
from pimem.exits import FAILED, USAGE, CommandError

FLAGS = shlex.split(
    "-std=gnu11 -O2 -g -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -pthread"
)
VARIABLE = "HWCHECK"  # HWCHECK=0: the tests run without
RAM_ID = "ram"
RAW_OFFSET = 0x80000  # from the start of RAM, where QEMU loads a raw kernel
#: The header of an image as Linux has it, if its magic number is there: two instructions, where it
#: is loaded from the start of RAM, its size in memory (0: older than this field), and flags.
IMAGE_HEADER = struct.Struct("<IIQQQ24x4s4x")
IMAGE_MAGIC = b"ARM\x64"
QEMU_LOADER, LOADER_SHIFT = 4096, 2 << 20  # QEMU moves an image away from its own first code
FIRST_CODE = 64  # bytes of that code, at the start of RAM: it starts a raw kernel
GZIP_MAGIC = b"\x1f\x8b"
PT_LOAD = 1
MOST_RANGES = 48  # of one kind, as in event.h
LAST = (1 << 64) - 1
#: The rule that tells of a guest which does nothing any more.
EXCEPTION_LOOP = "10-exception-loop"


class NoChecker(CommandError):
    """The plugin cannot be built; the text is what the compiler printed."""

    code = USAGE


class HardwareViolation(CommandError):
    """The guest did what a real core would not forgive; the text has each report."""

    code = FAILED

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = list(violations)
        super().__init__("\n".join(map(str, violations)))


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of, as its guest is told: ranges are (start, end)."""

    ram_base: int
    ram: tuple[tuple[int, int], ...]
    mmio: tuple[tuple[int, int], ...]
    gic: tuple[tuple[int, int], ...] = ()
    mailbox: int = 0  # the VideoCore's register for requests
    dma: tuple[tuple[int, int], ...] = ()  # its DMA engine's channels
    sdhci: tuple[tuple[int, int], ...] = ()  # SD host controllers
    device: tuple[tuple[int, int], ...] = ()  # those parts of `mmio` in which registers answer
    widths: tuple[tuple[int, int], ...] = ()  # those that take more than aligned words


MAILBOX = 0xB8A0
MMIO3 = ((0x3F000000, 0x40010000),)
DMA3, SDHCI3 = ((0x3F007000, 0x3F007F00),), ((0x3F300000, 0x3F300100),)
PI3 = (MMIO3, (), 0x3F000000 + MAILBOX, DMA3, SDHCI3, windows.BCM2837)
SDHCI4 = ((0xFE300000, 0xFE300100), (0xFE340000, 0xFE340100))
MACHINES = {
    "raspi3ap": Hardware(0, ((0, 0x1C000000),), *PI3),
    "raspi3b": Hardware(0, ((0, 0x3C000000),), *PI3),
    "raspi4b": Hardware(
        0,
        ((0, 0x3C000000), (0x40000000, 0x80000000)),
        ((0xFC000000, 0x100000000),),
        ((0xFF841000, 0xFF848000),),
        0xFE000000 + MAILBOX,
        ((0xFE007000, 0xFE007B00),),  # those from 11 on have other registers
        SDHCI4,
        windows.BCM2711,
    ),
}


DEFAULT_MEGABYTES = {"raspi3ap": 512, "raspi3b": 1024, "raspi4b": 2048}


#: Flash, fw_cfg, virtio and PCI have fields of 1, 2 and 8 bytes.
VIRT_WIDTHS = ((0, 0x08000000), (0x09020000, 0x09030000), (0x0A000000, 0x40000000))


def machine_of(machine: str, megabytes: int) -> Hardware:
    """Return what QEMU's machine of that name has."""
    name = machine.partition(",")[0]
    if name == "virt":
        base = 0x40000000
        ram = ((base, base + (megabytes << 20)),)
        gic = ((0x08000000, 0x08020000),)
        return Hardware(base, ram, ((0, base),), gic, device=windows.VIRT, widths=VIRT_WIDTHS)
    if name not in MACHINES:
        raise NoChecker(f"the hardware checker knows {', '.join([*MACHINES, 'virt'])}, not {name}")
    return MACHINES[name]


@dataclass(frozen=True)
class Violation:
    """One report of the plugin, with places where symbols were found."""

    rule: str
    text: str
    core: int
    el: int
    pc: int
    va: int | None = None
    pa: int | None = None
    cause: int | None = None  # the instruction that made it so
    recent: tuple[dict[str, Any], ...] = ()  # the last system instructions
    places: dict[int, str] = field(default_factory=dict)

    def place(self, address: int) -> str:
        named = self.places.get(address)
        return f"{address:#x} ({named})" if named else f"{address:#x}"

    def __str__(self) -> str:
        lines = [f"rule {self.rule}: {self.text}", f"  at {self.place(self.pc)}, EL{self.el}"]
        if self.va is not None:
            lines[-1] += f", address {self.va:#x}"
        if self.cause is not None:
            lines.append(f"  because of {self.place(self.cause)}")
        lines += [f"  before: {each['text']} at {each['pc']}" for each in self.recent]
        return "\n".join(lines)


def folder() -> Path:
    return pimem.ROOT / "tools" / "hwcheck"


def build() -> Path:
    """Return the plugin, compiled now if it is not there yet."""
    sources = sorted(folder().glob("*.c"))
    compiler = shlex.split(os.environ.get("HOSTCC", "gcc"))
    command = [*compiler, *FLAGS, *map(str, sources)]
    digest = hashlib.sha256("\0".join(command).encode())
    for path in sorted(folder().glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    target = pimem.BUILD / "hwcheck" / f"hwcheck-{digest.hexdigest()[:16]}.so"
    said = compile_once(target, command)
    if said:
        raise NoChecker(f"the hardware checker cannot be built:\n{said}")
    return target


def ram_base(machine: str) -> int:
    return machine_of(machine, 0).ram_base


def ranges(name: str, listed: Iterable[tuple[int, int]]) -> list[str]:
    return [f"{name}={start:x}-{end:x}" for start, end in listed]


def megabytes_of(machine: str, args: Sequence[str]) -> int:
    """Return the size of RAM, which the launcher has to make: what the last `-m` says, or what
    the machine has."""
    sizes = [value for option, value in itertools.pairwise(args) if option == "-m"]
    if not sizes:
        return DEFAULT_MEGABYTES.get(machine.partition(",")[0], 128)
    size = sizes[-1]
    return int(size[:-1]) << 10 if size[-1] in "gG" else int(size.rstrip("mM"))


def whole_ram(hardware: Hardware) -> tuple[tuple[int, int], ...]:
    """Return the first bank up to the first device above it, and the other banks."""
    start, end = hardware.ram[0]
    devices = min((first for first, _ in hardware.mmio if first >= end), default=end)
    return ((start, min(devices, 0x40000000 + start)), *hardware.ram[1:])


def banks_of_tree(command: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the RAM of the device tree that a command line gives to the guest; none: it gives
    none, or one that tells of no memory, or of more banks than the plugin takes."""
    named = [value for option, value in itertools.pairwise(command) if option == "-dtb"]
    named += [str(path) for path, _ in loader_files(command)]
    for name in named:
        with contextlib.suppress(OSError, ValueError):
            data = Path(name).read_bytes()
            told = tree.memory(tree.parse(data))
            banks = tree.merged((start, min(end, LAST)) for start, end in told)
            if 0 < len(banks) <= MOST_RANGES:
                return tuple(banks)
    return ()


def plugin_options(machine: str, command: Sequence[str]) -> list[str]:
    """Return what the plugin has to know of the machine that a command line of QEMU starts."""
    hardware = machine_of(machine, megabytes_of(machine, command))
    banks = banks_of_tree(command)
    if banks:  # the mailbox tells the guest of its own
        hardware = dataclasses.replace(hardware, ram=tuple(tree.merged([*hardware.ram, *banks])))
    elif "-dtb" in command:  # it may give the guest all of RAM
        hardware = dataclasses.replace(hardware, ram=whole_ram(hardware))
    options = [f"ram_base={hardware.ram_base:x}"]
    options += ranges("ram", hardware.ram) + ranges("mmio", hardware.mmio)
    options += ranges("gic", hardware.gic) + ranges("image", loaded(command, hardware.ram_base))
    options += ranges("dma", hardware.dma) + ranges("sdhci", hardware.sdhci)
    options += ranges("device", hardware.device) + ranges("widths", hardware.widths)
    return options + ([f"mailbox={hardware.mailbox:x}"] if hardware.mailbox else [])


def with_checker(command: Sequence[str], out: Path) -> list[str]:
    """Return QEMU's command line with the checker in it, which reports to the file `out`, and
    with RAM that it can read."""
    if "-icount" in command:
        raise NoChecker("the hardware checker does not work with icount: leave one of them out")
    at = list(command).index("-M") + 1
    machine = command[at]
    megabytes = megabytes_of(machine, command)
    options = ",".join([str(build()), f"out={out}", *plugin_options(machine, command)])
    memory = f"memory-backend-memfd,id={RAM_ID},size={megabytes}M,share=on"
    before, after = command[: at - 1], command[at + 1 :]
    if any(each.startswith("memory-backend=") for each in after):  # a memfd of the caller's
        return [*before, "-M", machine, "-plugin", options, *after]
    own = ["-object", memory, "-M", f"{machine},memory-backend={RAM_ID}", "-plugin", options]
    return [*before, *own, *after]


def number(value: str | None) -> int | None:
    return None if value is None else int(value, 16)


def parse(line: str) -> Violation:
    data = json.loads(line)
    return Violation(
        rule=data["rule"],
        text=data["text"],
        core=data["core"],
        el=data["el"],
        pc=int(data["pc"], 16),
        va=number(data.get("va")),
        pa=number(data.get("pa")),
        cause=number(data.get("cause")),
        recent=tuple(data["recent"]),
    )


def add_places(violations: Sequence[Violation], elf: Path | None) -> None:
    """Look the addresses up, if there is an ELF that has them."""
    if elf is None or not elf.is_file():
        return
    wanted = sorted({at for each in violations for at in (each.pc, each.cause) if at is not None})
    try:
        found = symbols.resolve(elf, wanted) if wanted else []
    except symbols.NoSymbols:
        return
    named = {at: places for at, places in zip(wanted, found, strict=True) if places}
    for each in violations:
        for at in (each.pc, each.cause):
            if at in named and named[at][0].function != symbols.UNKNOWN:
                each.places[at] = str(named[at][0])


def read(out: Path, elf: Path | None = None) -> list[Violation]:
    """Return what was reported since the last time, and empty the file. The plugin tells again
    then what it told before."""
    try:
        with out.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = file.read().splitlines()
            file.truncate(0)
    except FileNotFoundError:
        return []
    violations = [parse(line) for line in lines]
    add_places(violations, elf)
    return violations


def wanted() -> bool:
    """Return whether tests check hardware unless they say otherwise: $HWCHECK is 1."""
    return os.environ.get(VARIABLE) == "1"


def elf_segments(elf: Path) -> Iterator[tuple[int, int, int, int]]:
    """Yield each loaded segment: its offset and size in the file, its address and size in
    memory. struct.error where the file breaks off before their list ends."""
    data = elf.read_bytes()
    table, size, count = struct.unpack_from("<32xQ14xHH", data)
    for number in range(count):
        at = table + number * size
        kind, offset, address, kept, length = struct.unpack_from("<I4xQ8xQQQ", data, at)
        if kind == PT_LOAD:
            yield offset, kept, address, length


def loaded_elf(elf: Path) -> list[tuple[int, int]]:
    """Return where an ELF's segments are loaded."""
    return [(address, address + length) for _, _, address, length in elf_segments(elf)]


def elf_end(elf: Path) -> int:
    """Return how long the file has to be for its segments."""
    return max((offset + kept for offset, kept, _, _ in elf_segments(elf)), default=0)


def loader_files(command: Sequence[str]) -> list[tuple[Path, int]]:
    """Return the files that loader devices place in memory, with their addresses."""
    found = []
    for option, value in itertools.pairwise(command):
        place = re.fullmatch(r"loader,file=(.+?),addr=(0x[0-9a-f]+)(,.*)?", value)
        if option == "-device" and place and Path(place[1]).is_file():
            found.append((Path(place[1]), int(place[2], 16)))
    return found


def with_header(image: bytes, offset: int) -> bytes:
    """Return a raw image behind a header that lets QEMU load it at an offset from the start of
    RAM, and start it as it starts each raw image."""
    size = IMAGE_HEADER.size
    branch = 0x14000000 | size // 4
    header = IMAGE_HEADER.pack(branch, 0, offset - size, size + len(image), 0, IMAGE_MAGIC)
    return header + image


def raw_offset(image: bytes) -> int:
    """Return where QEMU loads a raw image, from the start of RAM."""
    if len(image) >= IMAGE_HEADER.size:
        _, _, offset, size, _, magic = IMAGE_HEADER.unpack_from(image)
        if magic == IMAGE_MAGIC and size:
            return int(offset + LOADER_SHIFT if offset < QEMU_LOADER else offset)
    return RAW_OFFSET


def loaded_kernel(kernel: Path, ram_base: int) -> list[tuple[int, int]]:
    """Return where QEMU loads the file of its option -kernel."""
    data = kernel.read_bytes()
    if data.startswith(b"\x7fELF"):
        return loaded_elf(kernel)
    if data.startswith(GZIP_MAGIC):
        with contextlib.suppress(OSError, EOFError, zlib.error):
            data = gzip.decompress(data)
    start = ram_base + raw_offset(data)
    return [(ram_base, ram_base + FIRST_CODE), (start, start + len(data))]


def loaded(boot: Sequence[str], ram_base: int) -> list[tuple[int, int]]:
    """Return what QEMU writes to memory at each reset: kernel and files of loader devices. It
    places a device tree by itself, where no guest writes."""
    found = []
    for option, value in itertools.pairwise(boot):
        if option == "-kernel" and Path(value).is_file():
            found += loaded_kernel(Path(value), ram_base)
    for path, start in loader_files(boot):
        found.append((start, start + path.stat().st_size))
    return found
