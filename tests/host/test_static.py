# SPDX-License-Identifier: MIT
"""What can be said about the C files without running them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import host_library
import pytest
from limits import HANG_SECONDS

MECHANISM = sorted(host_library.MECHANISM.rglob("*.c"))
PORT = host_library.ROOT / "ports" / "rpi-aarch64"
OTHERS = sorted([*(host_library.MEMORY / "bindings").glob("*.c"), *PORT.rglob("*.c")])
PICOLIBC = Path("/usr/lib/picolibc/aarch64-linux-gnu/include")
# Exceptions run on a stack of their own, which the mechanism must fit on with its callers.
STACK_BYTES = 1024
BOOT_ONLY = {"frames_metadata_size"}  # plans with an allocator on its stack, once
# A shift by 64 - n, where n = 0 is excluded by a loop's condition that cppcheck does not follow.
SUPPRESSED = ["--suppress=shiftTooManyBits:*frames_bits.h"]
# The linker script's symbols are arrays of which one ends where the other does.
SUPPRESSED += ["--suppress=comparePointers"]


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG_SECONDS
    )


def cross_compiler() -> str:
    return (os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-") + "gcc"


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="cppcheck is not installed")
@pytest.mark.parametrize("files", [MECHANISM, OTHERS], ids=["mechanism", "bindings and port"])
def test_cppcheck_finds_nothing(files):
    options = ["--quiet", "--error-exitcode=1", "--std=c11", *SUPPRESSED]
    options += [
        "--enable=warning,portability,performance",
        f"-I{host_library.MEMORY}",
        f"-I{PORT}",
    ]
    found = run("cppcheck", *options, *map(str, files))
    assert found.returncode == 0, found.stderr


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="cppcheck is not installed")
def test_cppcheck_finds_a_mistake(tmp_path):
    wrong = tmp_path / "wrong.c"
    wrong.write_text("int f(void) { int a[2] = {0}; return a[2]; }\n")
    found = run("cppcheck", "--quiet", "--error-exitcode=1", *SUPPRESSED, str(wrong))
    assert found.returncode == 1 and "arrayIndexOutOfBounds" in found.stderr


def test_every_warning_is_an_error_everywhere():
    """In the image, in the host libraries, in what is fuzzed and in what is measured."""
    makefile = (PORT / "Makefile").read_text()
    flags = [line for line in makefile.splitlines() if line.startswith("CFLAGS += $(INC)")]
    tools = [
        host_library.ROOT / "tools" / "pimem" / name
        for name in ("dev/fuzz.py", "dev/bench_host.py")
    ]
    for text in [*flags, " ".join(host_library.FLAGS), *(path.read_text() for path in tools)]:
        assert all(flag in text for flag in ("-Wall", "-Wextra", "-Werror")), text
    assert len(flags) == 1
    # The only exception is libfdt, which is not ours.
    assert re.findall(r"^(.*): CFLAGS \+= .*-Wno-error", makefile, re.M) == ["$(LIBFDT_O)"]


@pytest.mark.skipif(not shutil.which(cross_compiler()), reason="no cross compiler")
@pytest.mark.parametrize("path", MECHANISM, ids=lambda path: path.name)
def test_no_function_needs_more_stack_than_an_exception_can_spare(path, tmp_path):
    compiler = cross_compiler()
    own = run(compiler, "-print-file-name=include").stdout.strip()
    includes = [
        "-nostdinc",
        "-isystem",
        own,
        "-isystem",
        str(PICOLIBC),
        f"-I{host_library.MEMORY}",
    ]
    flags = ["-std=gnu11", "-O2", "-mcpu=cortex-a53", "-Wall", "-Wextra", "-Werror"]
    out = tmp_path / "file.o"
    done = run(compiler, *flags, *includes, "-fstack-usage", "-c", str(path), "-o", str(out))
    assert done.returncode == 0, done.stderr
    listing = out.with_suffix(".su").read_text()
    uses = re.findall(r":(\w+)(?:\.\S+)?\t(\d+)\t(\S+)", listing)
    assert uses, "no function was listed"
    deep = {name for name, size, kind in uses if int(size) > STACK_BYTES or kind != "static"}
    assert deep <= BOOT_ONLY
