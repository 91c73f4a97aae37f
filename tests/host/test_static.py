# SPDX-License-Identifier: MIT
"""What can be said about the mechanism's C files without running them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import mech
import pytest

MECHANISM = sorted(
    path for path in mech.MECHANISM.glob("*.c") if not path.name.startswith(("mod", "bind_"))
)
PICOLIBC = Path("/usr/lib/picolibc/aarch64-linux-gnu/include")
# Exceptions run on a stack of their own, which the mechanism must fit on with its callers.
STACK_BYTES = 1024
BOOT_ONLY = {"frames_metadata_size"}  # plans with an allocator on its stack, once
# A shift by 64 - n, where n = 0 is excluded by a loop's condition that cppcheck does not follow.
SUPPRESSED = ["--suppress=shiftTooManyBits:*frames_private.h"]


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def cross_compiler() -> str:
    return (os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-") + "gcc"


@pytest.mark.skipif(not shutil.which("cppcheck"), reason="cppcheck is not installed")
def test_cppcheck_finds_nothing():
    options = ["--quiet", "--error-exitcode=1", "--std=c11", *SUPPRESSED]
    enable = "--enable=warning,portability,performance"
    found = run("cppcheck", enable, *options, f"-I{mech.MECHANISM}", *map(str, MECHANISM))
    assert found.returncode == 0, found.stderr


@pytest.mark.skipif(not shutil.which(cross_compiler()), reason="no cross compiler")
@pytest.mark.parametrize("path", MECHANISM, ids=lambda path: path.name)
def test_no_function_needs_more_stack_than_an_exception_can_spare(path, tmp_path):
    compiler = cross_compiler()
    own = run(compiler, "-print-file-name=include").stdout.strip()
    includes = ["-nostdinc", "-isystem", own, "-isystem", str(PICOLIBC), f"-I{mech.MECHANISM}"]
    flags = ["-std=gnu11", "-O2", "-mcpu=cortex-a53", "-Wall", "-Wextra", "-Werror"]
    out = tmp_path / "file.o"
    done = run(compiler, *flags, *includes, "-fstack-usage", "-c", str(path), "-o", str(out))
    assert done.returncode == 0, done.stderr
    listing = out.with_suffix(".su").read_text()
    uses = re.findall(r":(\w+)(?:\.\S+)?\t(\d+)\t(\S+)", listing)
    assert uses, "no function was listed"
    deep = {name for name, size, kind in uses if int(size) > STACK_BYTES or kind != "static"}
    assert deep <= BOOT_ONLY
