# SPDX-License-Identifier: MIT
"""What runs, under the hardware checker, in an image with a bug planted: each workload boots the
image in its way, has it work, and returns what it said. Without a bug nothing is reported."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from boot_stub import (
    USUAL_DTB,
    Start,
    compile_raw,
    counter_args,
    head,
    start_args,
    usual_kernel,
    usual_tree,
)
from machine_code import code
from socs import soc_of

from pimem.board import bootloader
from pimem.board.boards import Board
from pimem.board.errors import BoardCrash
from pimem.board.link import Link
from pimem.board.qemu import kernel_args, loader_args
from pimem.testing import Machine, board_session

LOADER = Path(__file__).with_name("handover.S")
LOADER_AT = 0x2000000  # from the start of RAM; no part of the image is there
STAGED_AT = 0x3000000
TABLES = """
import gc, machine, memory, _memory
VA, PAGE = 0x40_0000_0000, 4096
BIG = VA + (1 << 30)
KERNEL = _memory.layout["free"][0] + (1 << 30)
frames = [memory.frames.alloc() for _ in range(4)]
big = memory.frames.alloc(512, align=512)
many = memory.frames.alloc(80)
with memory.AddressSpace() as space, memory.AddressSpace() as other:
    space.map(VA, frames[0])
    other.map(VA, frames[1])
    space.map(BIG, big)
    with space:
        memory.selftest()
        machine.mem32[BIG] = 1
        space.protect(BIG + PAGE, PAGE, "r")
        machine.mem32[BIG]
        space.protect(BIG + PAGE, PAGE, "rw")
        machine.mem32[BIG]
        space.compact()
        machine.mem32[BIG]
        space.unmap(BIG, 2 << 20)
        space.protect(VA, PAGE, "r")
        space.unmap(VA, PAGE)
        space.map(VA, frames[2])
        machine.mem32[VA]
        # more pages than are invalidated one by one
        space.map(BIG, many)
        for n in range(80):
            machine.mem32[BIG + n * PAGE]
        space.unmap(BIG, 80 * PAGE)
        space.map(BIG, frames[3])
        machine.mem32[BIG]
    with other:
        other.unmap(VA, PAGE)
for frame in frames[2:]:
    memory.kernel.map(KERNEL, frame)
    machine.mem32[KERNEL]
    memory.kernel.unmap(KERNEL, PAGE)
memory.kernel.map(KERNEL, big)
memory.kernel.protect(KERNEL + PAGE, PAGE, "r")
machine.mem32[KERNEL]
memory.kernel.unmap(KERNEL, 2 << 20)
"""
RUN_CODE = """
# mov x0, #7; ret, then another number in the same place
code = memory.frames.alloc()
LINEAR = 0xFFFF_0000_0000_0000
def write(number):
    machine.mem32[LINEAR + code.pa] = 0xD2800000 | number << 5
    machine.mem32[LINEAR + code.pa + 4] = 0xD65F03C0
for number in 7, 8:
    write(number)
    memory.kernel.map(KERNEL, code, prot="rx")
    print(memory.call(KERNEL))
    memory.kernel.unmap(KERNEL, PAGE)
# through a mapping that stays
memory.kernel.map(KERNEL, code, prot="rx")
for number in 9, 10:
    write(number)
    memory.sync_code(KERNEL, 8)
    print(memory.call(KERNEL))
memory.kernel.unmap(KERNEL, PAGE)
# in a space that is not in use, then used
with memory.AddressSpace() as third:
    write(11)
    third.map(VA, code, prot="rx")
    with third:
        print(memory.call(VA))
"""
PAGED = """
import uctypes
pages = memory.frames.alloc(3)
memoryview(pages)[0] = memoryview(pages)[PAGE] = 1
shared = memory.pagers.CopyOnWrite(pages)
one, two = memory.AddressSpace(), memory.AddressSpace()
shared.map(one, VA)
shared.map(two, VA)
with one:
    machine.mem8[VA] += 1
    print(machine.mem8[VA], machine.mem8[VA + PAGE])
with two:
    print(machine.mem8[VA], machine.mem8[VA + PAGE])
    machine.mem8[VA + PAGE] = 7
    print(machine.mem8[VA + PAGE])
with one:
    two.close()
one.close()
watch_space = memory.AddressSpace()
watch = memory.pagers.Watch(watch_space, VA, frames[0])
with watch_space:
    machine.mem8[VA] = 3
    print(machine.mem8[VA], watch.counts["read"], watch.counts["write"])
watch.close()
watch_space.close()
lazy = memory.AddressSpace()
lazy.reserve(VA, 8 * PAGE, "rw", pager=lambda va, access: memory.frames.alloc())
with lazy:
    for n in range(8):
        machine.mem8[VA + n * PAGE] = n
    lazy.evict(VA, 4 * PAGE)
    lazy.protect(VA + 4 * PAGE, 4 * PAGE, "r")
    print([machine.mem8[VA + n * PAGE] for n in range(8)])
lazy.close()
"""
USER = """
# two programs in one place; each calls, the second one is stopped by the timer
import memory
from memory import user
for number in 1, 2:
    regs = user.run({call}, handler=lambda number, _: None if number else user.EXIT)
    print(regs.x0, regs.call)
try:
    user.run({endless}, limit_ms=20)
except OSError as exc:
    print(exc.errno)
try:
    user.run({fault})
except memory.Fault as exc:
    print(exc.kind)
"""
FP_OFF = """
# code that turns FP off, then faults
off = {off}
for at in range(0, len(off), 4):
    machine.mem32[LINEAR + code.pa + at] = int.from_bytes(off[at:at + 4], "little")
memory.kernel.map(KERNEL, code, prot="rx")
try:
    memory.call(KERNEL)
except memory.Fault as exc:
    print(exc.kind)
memory.kernel.unmap(KERNEL, PAGE)
"""


@dataclass(frozen=True)
class Workload:
    """How a planted image is booted and what it does then."""

    work: Callable[[Machine], str]
    args: Callable[[Board, Path, Path], Sequence[str]] = lambda board, image, _: kernel_args(image)
    reboot: bool = False
    pi: bool = False  # for a Raspberry Pi only

    def start(self, board: Board, image: Path, folder: Path, checked: bool) -> Machine:
        args = self.args(board, image, folder)
        return board_session.start(board.name, args, hardware_check=checked, reboot=self.reboot)


def handed_over(board: Board, image: Path, folder: Path) -> list[str]:
    """Started at EL1 by the loader of handover.S."""
    ram = soc_of(board).ram
    flags = [f"-DRAM={ram:#x}", f"-DKERNEL={usual_kernel(board):#x}"]
    flags += [f"-DSTAGED={ram + STAGED_AT:#x}", f"-DSIZE={(image.stat().st_size + 63) & ~63}"]
    loader = compile_raw(LOADER, folder / "handover.bin", ram + LOADER_AT, flags)
    files = ((image, ram + STAGED_AT),)
    start = Start(usual_tree(board), USUAL_DTB, ram + LOADER_AT, entry_el=1, files=files)
    return [*start_args(board, folder, start, loader), *counter_args(board)]


def at_el3(board: Board, image: Path, folder: Path) -> list[str]:
    """Entered at EL3, on all cores, without a loader."""
    first = folder / "head.bin"
    first.write_bytes(head(usual_kernel(board)))
    return loader_args(image, usual_kernel(board)) + loader_args(first, 0, cpu=0)


def ready(machine: Machine) -> str:
    """Wait for the next kernel; return what it thinks of its memory."""
    board_session.wait_for_prompt(machine)
    machine.link.enter_raw_repl()
    return machine.exec(STATE)


def chain(machine: Machine) -> str:
    """Have the running kernel start another one, which has no bug."""
    bootloader.send(machine.link, board_session.kernel(machine.board).read_bytes())
    return ready(machine)


def reset(machine: Machine) -> str:
    """Reset by the watchdog, then from outside."""
    machine.link.write(b"import machine\nmachine.reset()\n\x04")
    said = ready(machine)
    machine.emulated().qmp.execute("system_reset")
    return said + ready(machine)


def crash(machine: Machine) -> str:
    """Crash, with the setting that resets then; return what the next start tells of it."""
    machine.exec("import memory\nmemory.crash_action('reset')")
    with contextlib.suppress(BoardCrash):
        machine.exec("import machine\nmachine.disable_irq()\nmachine.mem8[8]")
    machine.link.close()  # this one has nothing but the crash
    machine.link = Link(machine.emulated().pty, ended=machine.emulated().ended)
    board_session.wake(machine.link)
    return machine.exec(STATE)


def script(text: str) -> Callable[[Machine], str]:
    return lambda machine: machine.exec(text)


PROGRAMS = USER.format(
    call=code("mov x0, #7; svc #1; add x0, x0, #1; svc #0"),
    endless=code("1: add x0, x0, #1; b 1b"),
    fault=code("mov x0, #8; ldr x0, [x0]"),
)
NO_FP = FP_OFF.format(
    off=code("mrs x0, cpacr_el1; bic x0, x0, #(3 << 20); msr cpacr_el1, x0; isb; udf #0")
)
STACK = """
def depth(n):
    return n and 1 + depth(n - 1)
print(depth(3000))
"""
STATE = """
import machine, memory
print(memory.check(), memory.last_crash(), machine.reset_cause())
"""
WORKLOADS = {
    "tables": Workload(script(TABLES + RUN_CODE + NO_FP)),
    "pages": Workload(script(TABLES + PAGED)),
    "stack": Workload(script(STACK)),
    "user": Workload(script(PROGRAMS)),
    "chain": Workload(chain, pi=True),
    "handover": Workload(script(STATE), handed_over, pi=True),
    "cores": Workload(script(STATE), at_el3, pi=True),
    "crash": Workload(crash, reboot=True),
    "reset": Workload(reset, reboot=True),
}
