# SPDX-License-Identifier: MIT
"""pimem hwcheck of kernels that are not ours: of each flawed one the rules that it breaks, of each
mended one nothing; and what it tells of kernels that are elsewhere, crash or print nothing."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import device_trees
import kernels
import pytest
from kernels import Kernel
from limits import HANG_SECONDS

from pimem import ROOT
from pimem.board import hwcheck
from pimem.board.symbols import binutil

PIS = ("raspi3b", "raspi4b")
#: By kernel: what it prints at last, and the rules that its flawed version breaks.
HELLO = {"5b", "5c", "5e", "5h", "6a", "7b", "7c", "7d"}
CORES = {"1-exclusive-not-cacheable", "3-stale-instruction-fetch"}
KERNELS = {
    # virt has RAM where the Pis have the VideoCore's: no 7a
    "hello": {"raspi3b": {*HELLO, "7a"}, "raspi4b": {*HELLO, "7a"}, "virt": HELLO},
    "framebuffer": dict.fromkeys(PIS, {"4a", "4b", "4c"}),
    "cores": dict.fromkeys(PIS, CORES),
}
SAID = {"hello": "three frames", "framebuffer": "a square", "cores": "called"}
#: The one flaw of all that QEMU shows by itself: its own TLB is stale.
SEEN = {"hello": "too few frames"}
RUNS = [
    Kernel(name, machine, flawed)
    for name, machines in KERNELS.items()
    for machine in machines
    for flawed in (True, False)
]


def check(machine: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", "hwcheck", "--machine", machine, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


@pytest.mark.parametrize("kernel", RUNS, ids=str)
def test_a_kernel_of_a_beginner(kernel: Kernel) -> None:
    rules = KERNELS[kernel.name][kernel.machine]
    said = SEEN.get(kernel.name, SAID[kernel.name]) if kernel.flawed else SAID[kernel.name]
    done = check(kernel.machine, "--json", "--seconds", "60", str(kernels.build(kernel)))
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["rule"] for each in told} == (rules if kernel.flawed else set()), done.stdout
    assert done.returncode == int(kernel.flawed)
    assert f", at last '{said}'; " in done.stderr
    places = [place for each in told for place in each["places"].values()]
    own = re.compile(rf" at tests/hwcheck/kernels/({kernel.name}\.c|start\.S|board\.h|caches\.h):")
    assert all(own.search(place) for place in places), places
    assert bool(places) == kernel.flawed


def hello(machine: str = "raspi3b", **options: object) -> Path:
    return kernels.build(Kernel("hello", machine, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("machine", ["raspi3b", "raspi4b", "virt"])
def test_a_raw_image_without_a_header_at_another_address(machine: str) -> None:
    """The newer firmware's default is 2 MiB."""
    address = 0x200000 + hwcheck.ram_base(machine)
    image = str(hello(machine, load=address, flawed=True))
    done = check(machine, "--address", hex(address), "--seconds", "60", image)
    assert done.returncode == 1 and f"at last '{SEEN['hello']}'" in done.stderr
    places = re.findall(r"^  at (0x[0-9a-f]+) \(\w+ at .*hello\.c:\d+", done.stdout, re.MULTILINE)
    assert places and all(address <= int(place, 16) < address + 0x10000 for place in places)


def test_an_image_with_a_header_is_loaded_where_it_says(tmp_path: Path) -> None:
    address = 0x200000
    path = tmp_path / "image.img"
    path.write_bytes(hwcheck.with_header(hello(load=address).read_bytes(), address))
    assert hwcheck.loaded_kernel(path, 0)[1][0] == address - hwcheck.IMAGE_HEADER.size
    packed = tmp_path / "packed.img"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert hwcheck.loaded_kernel(packed, 0) == hwcheck.loaded_kernel(path, 0)
    for image in (path, packed):
        done = check("raspi3b", "--seconds", "60", str(image))
        assert done.returncode == 0 and "at last 'three frames'" in done.stderr


def test_an_image_whose_header_names_the_start_of_ram(tmp_path: Path) -> None:
    """QEMU needs the first page for itself, and loads it 2 MiB higher."""
    path = tmp_path / "image.img"
    path.write_bytes(hwcheck.IMAGE_HEADER.pack(0, 0, 0, 4096, 0, hwcheck.IMAGE_MAGIC))
    assert hwcheck.loaded_kernel(path, 0) == [(0, 0x40), (0x200000, 0x200040)]
    path.write_bytes(hwcheck.IMAGE_HEADER.pack(0, 0, 0, 0, 0, hwcheck.IMAGE_MAGIC))
    assert hwcheck.loaded_kernel(path, 0) == [(0, 0x40), (0x80000, 0x80040)]


def test_an_elf_and_symbols_beside_the_image(tmp_path: Path) -> None:
    image = hello(flawed=True)
    (tmp_path / "kernel8.img").write_bytes(image.read_bytes())
    (tmp_path / "kernel8.elf").write_bytes(image.with_suffix(".elf").read_bytes())
    done = check("raspi3b", "--seconds", "60", str(tmp_path / "kernel8.img"))
    assert "(turn_mmu_on at tests/hwcheck/kernels/hello.c:" in done.stdout
    elf = check("virt", "--seconds", "60", str(hello("virt").with_suffix(".elf")))
    assert (elf.returncode, elf.stdout) == (0, ""), elf.stderr


def test_the_ram_of_the_tree(tmp_path: Path) -> None:
    """What a flawed kernel maps beyond a bank is told by the tree that it gets."""
    given = tmp_path / "given.dtb"
    pi = device_trees.pi("Raspberry Pi 3 Model B", "raspberrypi,3-model-b", ((0, 0x3F000000),))
    given.write_bytes(device_trees.build(pi))
    image = str(hello(flawed=True))
    done = check("raspi3b", "--json", "--seconds", "60", "--dtb", str(given), image)
    rules = {json.loads(line)["rule"] for line in done.stdout.splitlines()}
    assert rules == HELLO and done.returncode == 1


def assembled(tmp_path: Path, *lines: str) -> str:
    """Return a raw image of these instructions, its ELF beside it."""
    source, elf = tmp_path / "own.S", tmp_path / "own.elf"
    source.write_text("\n".join([".globl _start", "_start:", *lines, ""]))
    binutil("gcc", "-g", "-nostdlib", "-Wl,-Ttext=0x80000", str(source), "-o", str(elf))
    binutil("objcopy", "-O", "binary", "-j", ".text", str(elf), str(tmp_path / "own.img"))
    return str(tmp_path / "own.img")


HANG = ("vectors:", ".rept 16", ".balign 128", "b hang", ".endr", "hang: wfe", "b hang")


def test_a_kernel_that_crashes_early_and_stays_in_its_handler(tmp_path: Path) -> None:
    lines = ("adr x0, vectors", "msr vbar_el2, x0", "isb", "ldr x1, =0x60000000", "ldr x1, [x1]")
    image = assembled(tmp_path, *lines, "udf #0", ".ltorg", ".balign 2048", *HANG)
    done = check("raspi3b", "--seconds", "1", image)
    assert (done.returncode, done.stdout) == (0, "")
    place = r"core 0 is at 0x8\w+ \(hang at .*own\.S:\d+\); it printed nothing; no violations\n"
    assert re.search(r"it ran for 1 s; " + place + "$", done.stderr), done.stderr


def test_what_goes_to_the_mini_uart_is_told_too(tmp_path: Path) -> None:
    enable = ("ldr x1, =0x3f215000", "mov w0, #1", "str w0, [x1, #4]")
    send = ("mov w0, #33", "str w0, [x1, #0x40]", "b .", ".ltorg")
    done = check("raspi3b", "--seconds", "1", assembled(tmp_path, *enable, *send))
    assert "it printed 1 bytes, at last '!'; no violations" in done.stderr


@pytest.mark.parametrize(
    ("name", "address", "text"),
    [
        ("own.img", "0x40", "--address 0x40 is not in the RAM of raspi3b, or no multiple of 4"),
        (
            "own.img",
            "0x80002",
            "--address 0x80002 is not in the RAM of raspi3b, or no multiple of 4",
        ),
        ("own.elf", "0x80000", "{} is an ELF, which has its own addresses: leave --address out"),
    ],
)
def test_an_address_that_cannot_be(name: str, address: str, text: str, tmp_path: Path) -> None:
    assembled(tmp_path, "b .")
    path = tmp_path / name
    done = check("raspi3b", "--address", address, str(path))
    assert (done.returncode, done.stderr) == (2, f"pimem: {text.format(path)}\n")


def test_the_kernel_of_the_page() -> None:
    """The page shows what the command prints."""
    page = (ROOT / "docs" / "hwcheck.md").read_text()
    (shown,) = re.findall(
        r"^```text\n(rule 4a: the VideoCore.*?)^```", page, re.DOTALL | re.MULTILINE
    )
    image = kernels.build(Kernel("framebuffer", "raspi3b", flawed=True))
    done = check("raspi3b", "--seconds", "60", str(image))
    told = (done.stdout + done.stderr).replace(f"{kernels.FOLDER.relative_to(ROOT)}/", "")
    address = re.compile(r"0x8[0-9a-f]{4}\b")  # of code: another compiler has others
    lines = {address.sub("A", line) for line in told.splitlines()}
    wanted = {address.sub("A", line) for line in shown.splitlines() if line.strip() != "..."}
    assert wanted <= lines, told
