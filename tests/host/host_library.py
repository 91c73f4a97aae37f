# SPDX-License-Identifier: MIT
"""Builds files of modules/memory, unchanged, into shared libraries that the host tests load.

Always with the undefined-behaviour sanitiser; with the address sanitiser as well when its
run-time is in this process already (preloaded by the test command), because it cannot be
loaded later. Where $PIMEM_REQUIRE_ASAN is set, as by `make test`, its absence is an error.
"""

import ctypes
import functools
import hashlib
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from pimem import DEPS
from pimem.compiler import compile_once

ROOT = Path(__file__).resolve().parents[2]
MEMORY = ROOT / "modules" / "memory"
MECHANISM = MEMORY / "core"
PORT = ROOT / "ports" / "rpi-aarch64"
HWCHECK = ROOT / "tools" / "hwcheck"
LIBFDT = Path(os.environ.get("DTC_DIR") or DEPS / "dtc") / "libfdt"
FAKES = ROOT / "tests" / "host"
# With counters for gcov, and in a place of their own, when a folder is named.
COVERAGE = os.environ.get("HOST_COVERAGE", "")
BUILD = Path(COVERAGE) if COVERAGE else ROOT / "build" / "host"

FLAGS = shlex.split(
    "-std=gnu11 -O1 -g -Wall -Wextra -Werror -fPIC -shared -fno-omit-frame-pointer "
    "-fsanitize=undefined -fno-sanitize-recover=all"
)

#: mem_stop_t.
STOP = ctypes.CFUNCTYPE(ctypes.c_bool)


def examples(count: int) -> int:
    """How many examples a model test tries: $HOST_EXAMPLES times `count` (make test-long)."""
    return count * int(os.environ.get("HOST_EXAMPLES", "1"))


REQUIRE_ASAN = "PIMEM_REQUIRE_ASAN"


class BuildError(Exception):
    """The compiler refused; the text is what it printed."""


class NoSanitiser(Exception):
    """The address sanitiser is required and is not in this process."""


@functools.cache
def address_sanitiser() -> bool:
    """Whether the address sanitiser's run-time is loaded in this process."""
    return "/libasan." in Path("/proc/self/maps").read_text()


def compiler() -> list[str]:
    """The host compiler: $HOSTCC, else gcc."""
    return shlex.split(os.environ.get("HOSTCC", "gcc"))


def find_source(name: str) -> Path:
    """A fake beside the tests, a mechanism file by its name, or any file by its full path."""
    for path in (FAKES / name, *MECHANISM.rglob(Path(name).name)):
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name}: neither in {MECHANISM} nor in {FAKES}")


def command(sources: Sequence[str], defines: Sequence[str]) -> list[str]:
    """The compiler's command line, but for `-o <library>`."""
    if os.environ.get(REQUIRE_ASAN) and not address_sanitiser():
        raise NoSanitiser(
            f"${REQUIRE_ASAN} is set, but libasan.so was not preloaded into this process"
        )
    sanitise = ["-fsanitize=address"] if address_sanitiser() else []
    sanitise += ["--coverage"] if COVERAGE else []
    includes = [f"-I{MEMORY}", f"-I{FAKES}"]
    includes += [f"-I{HWCHECK}"] if any(Path(s).is_relative_to(HWCHECK) for s in sources) else []
    if any(Path(source).is_relative_to(PORT) for source in sources):
        includes.append(f"-I{PORT}")
    if "libfdt_shim.c" in sources:
        includes.append(f"-isystem{LIBFDT}")
    files = [str(find_source(source)) for source in sources]
    return [*compiler(), *FLAGS, *sanitise, *includes, *(f"-D{d}" for d in defines), *files]


def fingerprint(cmd: Sequence[str], sources: Sequence[str]) -> str:
    """Changes with the command, the sources and every header they could include."""
    digest = hashlib.sha256("\0".join(cmd).encode())
    headers = [*MECHANISM.rglob("*.h"), *FAKES.rglob("*.h"), *(PORT / "guard").glob("*.h")]
    beside = {path.parent for path in map(find_source, sources)}
    headers += [path for folder in beside for path in folder.glob("*.h")]
    for path in sorted({*headers, *map(find_source, sources)}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def library(name: str, sources: Sequence[str], defines: Sequence[str] = ()) -> Path:
    """The path of the library of these sources, compiled now if it is not there yet."""
    cmd = command(sources, defines)
    path = BUILD / f"{name}-{fingerprint(cmd, sources)}.so"
    said = compile_once(path, cmd)
    if said:
        raise BuildError(f"{shlex.join(cmd)}\n{said}")
    return path


def build(name: str, sources: Sequence[str], defines: Sequence[str] = ()) -> ctypes.CDLL:
    """Compiles and loads; `defines` are NAME or NAME=VALUE."""
    return ctypes.CDLL(str(library(name, sources, defines)))


class Memory:
    """Memory from the C allocator, so that the address sanitiser sees a step over its ends.

    It is filled with junk: nothing may rely on zeroes.
    """

    JUNK = 0xA5

    def __init__(self, size: int, align: int = 16) -> None:
        libc = ctypes.CDLL(None)
        libc.free.argtypes = [ctypes.c_void_p]
        self._free = libc.free
        pointer = ctypes.c_void_p()
        if libc.posix_memalign(
            ctypes.byref(pointer), ctypes.c_size_t(align), ctypes.c_size_t(size)
        ):
            raise MemoryError(f"{size} bytes aligned to {align}")
        self.size = size
        self.address: int = pointer.value or 0
        ctypes.memset(self.address, self.JUNK, size)

    def data(self, offset: int = 0, size: int | None = None) -> bytes:
        """A copy of what is there now, from `offset` to the end or of `size` bytes."""
        size = self.size - offset if size is None else size
        if offset < 0 or offset + size > self.size:
            raise IndexError(f"{offset}+{size} of {self.size}")
        return ctypes.string_at(self.address + offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Overwrites part of it."""
        if offset < 0 or offset + len(data) > self.size:
            raise IndexError(f"{offset}+{len(data)} of {self.size}")
        ctypes.memmove(self.address + offset, data, len(data))

    def __del__(self) -> None:
        if getattr(self, "address", 0):
            self._free(self.address)
            self.address = 0
