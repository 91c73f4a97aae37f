# SPDX-License-Identifier: MIT
"""What is in the image, as binutils see it: size, header, and what must not be there."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest

from pimem.board import boards
from pimem.testing import board_session

MAX_SIZE = 782_336
OBJDUMP = "aarch64-linux-gnu-objdump"
NM = "aarch64-linux-gnu-nm"
# Runs, at least once, with the MMU off: all memory is device memory then.
EARLY_C = ("boot/boot_map.o", "boot/early.o", "boot/soc.o")
EARLY_C += ("drivers/early_uart.o", "drivers/gpio.o")
EARLY_S = ("aarch64/start.o", "aarch64/el2.o", "aarch64/chain.o", "aarch64/parking.o")
# What start.S calls that is not in it: boot_map_build() before the MMU is on, the others after.
CALLED_EARLY = {"boot_map_build", "entry_serror_take", "boot_main"}
PLANNER = "frames_init:frames_metadata_size"
STACK_BYTES = 1024  # of a function's frame; the exception stack has 16 KiB, the thread's 64
EXCLUSIVE = re.compile(r"\b(ld[a]?xrb?h?|ld[a]?xp|st[l]?xrb?h?|st[l]?xp|cas\w*|ldadd\w*|swp\w*)\b")
VECTOR = re.compile(r"\b[qvdsh]\d{1,2}\b|\b(ldnp|stnp)\b")
BRANCH = re.compile(r"(b|bl|b\.\w+|cbn?z|tbn?z|adrp?)\s")
# Of bootloader.c: the new kernel's bytes leave the caches while all still runs; then nothing
# may interrupt any more. What follows the jump is chain.S, which the host tests read.
HAND_OVER = (
    "arch_clean_inval_poc arch_sync_code mp_printf uart_flush machine_pin_deinit "
    "daifset cntp_ctl_el0 irq_init parking_wake chain_jump"
)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def instructions(path: Path) -> list[str]:
    """Mnemonic and operands, one line each, without symbols and comments."""
    lines = run(OBJDUMP, "-d", "--no-show-raw-insn", str(path)).splitlines()
    code = [line.partition("\t")[2] for line in lines if re.match(r"\s*[0-9a-f]+:\t", line)]
    return [re.split(r"\s*(?:<|//)", line)[0] for line in code]


@pytest.fixture(params=board_session.IMAGES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_both_pis_boot_the_same_file() -> None:
    images = {board_session.kernel(boards.load(board)) for board in board_session.PIS}
    assert len(images) == 1, "one file: byte-identical by construction"


def test_building_for_either_pi_gives_the_same_bytes() -> None:
    """Nothing of the build but the folder names the board: checked where it could creep in."""
    text = run(OBJDUMP, "-s", "-j", ".rodata", str(board_session.elf(boards.load("RPI4"))))
    data = "".join(re.findall(r"^ [0-9a-f]+ .{35}  (.*)$", text, re.MULTILINE))
    assert not re.search(rf"boards/({'|'.join(boards.names())})\b", data)


@pytest.mark.parametrize("file", ["mpconfigboard.mk", "mpconfigboard.h"])
def test_boards_of_one_image_have_the_same_settings(file: str) -> None:
    texts: dict[str, set[str]] = {}
    for board in boards.load_all():
        settings = boards.folder() / board.name / file
        texts.setdefault(board.image, set()).add(settings.read_text())
    assert [image for image, different in texts.items() if len(different) > 1] == []


def test_the_image_is_small(name: str) -> None:
    assert board_session.kernel(boards.load(name)).stat().st_size <= MAX_SIZE


def test_the_header_is_that_of_an_arm64_image(name: str) -> None:
    board = boards.load(name)
    image = board_session.kernel(board).read_bytes()
    offset, size, flags = struct.unpack_from("<QQQ", image, 8)
    symbols = {
        line.split()[2]: int(line.split()[0], 16)
        for line in run(NM, str(board_session.elf(board))).splitlines()
        if len(line.split()) == 3
    }
    assert image[56:60] == b"ARM\x64"
    assert offset == 0x80000
    assert flags == 0xA
    assert size == symbols["__image_end"] - symbols["__image_start"]
    assert size >= len(image), ".bss and stacks are covered, so nothing is loaded there"


def test_there_are_no_exclusives_and_no_outlined_atomics(name: str) -> None:
    elf = board_session.elf(boards.load(name))
    found = [line for line in instructions(elf) if EXCLUSIVE.search(line)]
    assert found == []
    assert "__aarch64_" not in run(NM, str(elf))


@pytest.mark.parametrize("part", EARLY_C + EARLY_S)
def test_early_code_uses_no_vector_registers_and_no_dc_zva(name: str, part: str) -> None:
    code = instructions(board_session.image_folder(boards.load(name)) / part)
    assert len(code) > 4
    code = [line for line in code if not BRANCH.match(line)]  # their targets are hexadecimal
    assert [line for line in code if VECTOR.search(line)] == []
    assert [line for line in code if "zva" in line] == []


@pytest.mark.parametrize("part", EARLY_C)
def test_early_c_code_calls_nothing_outside_itself(name: str, part: str) -> None:
    """memset and memcpy use unaligned and vector accesses, and tables hold absolute pointers."""
    path = board_session.image_folder(boards.load(name)) / part
    undefined = [line.split()[-1] for line in run(NM, "-u", str(path)).splitlines()]
    allowed = re.compile(r"^(__\w+_(start|end)|soc|soc_init|(boot|early|gpio)_\w+)$")
    assert [symbol for symbol in undefined if not allowed.match(symbol)] == []


@pytest.mark.parametrize("part", EARLY_S)
def test_early_assembly_calls_early_code_only(name: str, part: str) -> None:
    """So that the list above is all that runs with the MMU off."""
    listing = run(OBJDUMP, "-dr", str(board_session.image_folder(boards.load(name)) / part))
    called = set(re.findall(r"R_AARCH64_(?:CALL26|JUMP26)\s+(\w+)$", listing, re.MULTILINE))
    assert called - {symbol for symbol in called if f"<{symbol}>:" in listing} <= CALLED_EARLY


def frames(path: Path) -> dict[str, int]:
    """Bytes of stack of each function of an object; one of variable size counts as endless."""
    sizes: dict[str, int] = {}
    function = ""
    for line in run(OBJDUMP, "-d", "--no-show-raw-insn", str(path)).splitlines():
        if start := re.match(r"[0-9a-f]+ <(\S+)>:", line):
            function = start[1]
            sizes[function] = 0
        elif found := re.search(r"\tsub\tsp, sp, #(\w+)(, lsl #12)?", line):
            sizes[function] += int(found[1], 0) << (12 if found[2] else 0)
        elif found := re.search(r"\[sp, #-(\d+)\]!", line):
            sizes[function] += int(found[1])
        elif re.search(r"\t(sub|and)\tsp, (?!sp, #)", line):
            sizes[function] = 1 << 30
    return sizes


def test_no_function_of_ours_has_a_large_or_endless_stack_frame(name: str) -> None:
    folder = board_session.image_folder(boards.load(name))
    port = Path(__file__).parents[2] / "ports" / "rpi-aarch64"
    objects = list((folder / "memory").rglob("*.o"))
    objects += [(folder / p.relative_to(port)).with_suffix(".o") for p in port.rglob("*.c")]
    # Files that MicroPython includes have no object of their own.
    present = [path for path in objects if path.exists()]
    found = {f"{path.stem}:{f}": size for path in present for f, size in frames(path).items()}
    assert len(found) > 500
    # It plans with an allocator on its stack, once, at boot; so the listing is understood, too.
    assert [f for f, size in found.items() if size > STACK_BYTES] == [PLANNER]
    assert found[PLANNER] < 2 * STACK_BYTES


def test_set_and_longjmp_save_the_float_registers(name: str) -> None:
    """MicroPython's own AArch64 code for exceptions does not: the port takes picolibc's."""
    listing = run(OBJDUMP, "-d", "--no-show-raw-insn", str(board_session.elf(boards.load(name))))
    for function, access in (("setjmp", "stp"), ("longjmp", "ldp")):
        body = re.search(rf"<{function}>:\n(.*?)\n\n", listing, re.DOTALL)
        assert body, f"{function} is linked"
        for pair in ("d8, d9", "d10, d11", "d12, d13", "d14, d15"):
            assert re.search(rf"{access}\s+{pair}", body[1]), (function, pair)


def test_the_hand_over_to_another_kernel_is_in_order(name: str) -> None:
    folder = board_session.image_folder(boards.load(name)) / "boot"
    listing = run(OBJDUMP, "-dr", str(folder / "bootloader.o"))
    steps = re.compile(r"(?:CALL26|JUMP26)\s+(\w+)|msr\s+(daifset|cntp_ctl_el0)")
    found = [match[1] or match[2] for match in steps.finditer(listing)]
    end = found.index("chain_jump") + 1
    assert " ".join(found[:end]).endswith(HAND_OVER)


def test_a_wrapped_function_is_called_by_its_wrapper_only(name: str) -> None:
    """The linker's --wrap acts on calls between objects; in the object that defines the function,
    and where the compiler has merged objects, calls would go past the wrapper."""
    elf = board_session.elf(boards.load(name))
    symbols = [line.split()[-1] for line in run(NM, str(elf)).splitlines()]
    wrapped = {symbol.removeprefix("__wrap_") for symbol in symbols if "__wrap_" in symbol}
    assert len(wrapped) >= 7
    callers: dict[str, set[str]] = {function: set() for function in wrapped}
    function = ""
    for line in run(OBJDUMP, "-d", "--no-show-raw-insn", str(elf)).splitlines():
        if header := re.match(r"[0-9a-f]+ <(.*)>:", line):
            function = header[1]
        elif (call := re.search(r"\tbl?\s.*<(\w+)>", line)) and call[1] in wrapped:
            callers[call[1]].add(function)
    assert callers == {function: {f"__wrap_{function}"} for function in wrapped}
