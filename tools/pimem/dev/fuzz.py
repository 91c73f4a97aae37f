# SPDX-License-Identifier: MIT
"""`make fuzz`: libFuzzer over the memory mechanism and the device tree reader.

Every target runs for the same time, starting from its corpus in tests/fuzz/corpus. What it finds
on the way is kept below build/fuzz; a finding is an input there that ends the target.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pimem import BUILD, DEPS, ROOT
from pimem.compiler import compile_to
from pimem.exits import FAILED, OK, USAGE, CommandError, complain, report
from pimem.setup import apt
from pimem.setup.messages import say

SOURCE = ROOT / "tests" / "fuzz"
CORPUS = SOURCE / "corpus"
MEMORY = ROOT / "modules" / "memory"
PORT = ROOT / "ports" / "rpi-aarch64"
WORK = BUILD / "fuzz"
FLAGS = ["-std=gnu11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined"]
FLAGS += ["-fno-sanitize-recover=all", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-Wno-missing-field-initializers", f"-I{MEMORY}", f"-I{SOURCE}"]
INPUT_SECONDS = 10  # an input that takes longer hangs
SPARE_SECONDS = 120  # for loading the corpus and ending, on a busy machine
MAX_INPUT = 400
MEMORY_MB = 2048  # a target that takes more hoards


class FuzzError(CommandError):
    """A target cannot be built or run; the text says why."""

    code = USAGE


@dataclass(frozen=True)
class Target:
    """One fuzz target: what it is compiled from."""

    name: str
    sources: tuple[Path, ...]
    flags: tuple[str, ...] = ()
    max_input: int = MAX_INPUT


@dataclass(frozen=True)
class Result:
    """How a run ended: without a finding or with one, after how many inputs, its output."""

    clean: bool
    runs: int
    log: list[str]


def mechanism(pattern: str) -> tuple[Path, ...]:
    return tuple(sorted((MEMORY / "core").rglob(pattern)))


def fdt_target() -> Target:
    """Return the target of the device tree reader.

    libfdt reads reservations by aligned loads, wherever the header says they are.
    """
    libfdt = Path(os.environ.get("DTC_DIR") or DEPS / "dtc") / "libfdt"
    names = ("fdt", "fdt_ro", "fdt_rw", "fdt_wip", "fdt_addresses", "fdt_strerror")
    ours = [PORT / "boot" / name for name in ("boot_fdt.c", "fdt_reader.c", "boot_info.c")]
    sources = (*ours, SOURCE / "fdt_reading.c", *(libfdt / f"{name}.c" for name in names))
    flags = ("-fno-sanitize=alignment", "-Wno-unused-parameter", "-Wno-sign-compare")
    return Target("fdt", sources, (*flags, f"-I{PORT}", f"-I{libfdt}"), 4096)


def targets() -> tuple[Target, ...]:
    empty_seam = ROOT / "tools" / "bench" / "arch_empty.c"
    return (
        Target("frames", mechanism("frames*.c")),
        Target("paging", (*mechanism("paging*.c"), empty_seam)),
        Target("heap", mechanism("heap*.c")),
        Target("collector", mechanism("collector*.c")),
        fdt_target(),
    )


def runtime_missing() -> bool:
    """Return whether clang's sanitiser and fuzzer run-time is missing."""
    found = subprocess.run(
        ["clang", "-print-file-name=libclang_rt.fuzzer-x86_64.a"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    folder = Path(found.stdout.strip()).parent
    resources = subprocess.run(
        ["clang", "-print-resource-dir"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    places = (folder, Path(resources.stdout.strip()) / "lib")
    return not any(list(place.rglob("libclang_rt.fuzzer*.a")) for place in places if place.name)


def clang_version() -> str:
    """Return the major version of the clang that the machine's suite offers."""
    return apt.candidate_version("clang").split(".")[0].split("~")[0]


def clang_packages() -> list[str]:
    return ["clang", f"libclang-rt-{clang_version()}-dev"]


def install_clang() -> None:
    """Install clang, which only fuzzing needs."""
    if shutil.which("clang") and not runtime_missing():
        return
    if not apt.provide(clang_packages, say):
        raise FuzzError("needs clang with its run-time libraries (Debian: clang, libclang-rt-dev)")
    if runtime_missing():
        package = clang_packages()[1]
        raise FuzzError(f"clang still has no fuzzer run-time after installing {package}")


def build(target: Target, folder: Path = WORK) -> Path:
    """Compile a target into a folder; return the program."""
    main = SOURCE / f"fuzz_{target.name}.c"
    program = folder / f"fuzz_{target.name}"
    command = ["clang", *FLAGS, *target.flags, str(main), *map(str, target.sources)]
    said = compile_to(program, command)
    if said:
        raise FuzzError(f"cannot build {main.name}:\n{said}")
    return program


def memory_limited() -> dict[str, str]:
    """Return an environment in which the address sanitiser ends a program that takes too much.

    It looks at the memory that the program has. libFuzzer looks at the most that it ever had,
    which Linux counts from before the program was started: it begins with its parent's.
    """
    options = (os.environ.get("ASAN_OPTIONS"), f"hard_rss_limit_mb={MEMORY_MB}")
    return {**os.environ, "ASAN_OPTIONS": ":".join(filter(None, options))}


def without_map(lines: Sequence[str]) -> list[str]:
    """Drop the map of the process, which follows the reason and would hide it."""
    return [line for line in lines if not line.startswith("\t0x")]


def run(target: Target, program: Path, limit: Sequence[str], seconds: int) -> Result:
    """Run a target from its corpus until a limit of libFuzzer's, within some time.

    Inputs that reach something new, the log and findings go beside the program. The corpus is
    given by name, in order: a folder's order, which a run depends on, differs between checkouts.
    """
    found = program.with_name(target.name)
    found.mkdir(exist_ok=True)
    inputs = sorted((CORPUS / target.name).iterdir())
    command = [
        str(program),
        *limit,
        f"-timeout={INPUT_SECONDS}",
        "-rss_limit_mb=0",
        f"-malloc_limit_mb={MEMORY_MB}",
        f"-max_len={target.max_input}",
        f"-artifact_prefix={found}-",
        "-print_final_stats=1",
        f"-seed_inputs={','.join(map(str, inputs))}",
        str(found),
    ]
    with found.with_suffix(".log").open("w+") as log:
        done = subprocess.run(
            command,
            env=memory_limited(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=seconds + SPARE_SECONDS,
        )
        log.seek(0)
        lines = without_map(log.read().splitlines())
    counts = [line.split()[-1] for line in lines if "number_of_executed_units" in line]
    return Result(done.returncode == 0, int(counts[0]) if counts else 0, lines)


def run_for(target: Target, seconds: int) -> bool:
    """Build and run a target, and print a line about it; return whether nothing was found."""
    result = run(target, build(target), [f"-max_total_time={seconds}"], seconds)
    if result.clean:
        print(f"{target.name:8} {result.runs:>9,} runs in {seconds} s, nothing found", flush=True)
    else:
        print(*result.log[-40:], sep="\n", file=sys.stderr)
    return result.clean


def fuzz(seconds: int) -> int:
    """Run every target for some seconds; return the exit code."""
    try:
        install_clang()
        WORK.mkdir(parents=True, exist_ok=True)
        bad = [target.name for target in targets() if not run_for(target, seconds)]
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise FuzzError(str(exc)) from exc
    if bad:
        complain(f"findings in {', '.join(bad)}: the inputs are in {WORK.relative_to(ROOT)}")
        return FAILED
    return OK


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.fuzz", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=60, help="for each target (default: %(default)s)"
    )
    try:
        return fuzz(parser.parse_args().seconds)
    except CommandError as exc:
        return report(exc)


if __name__ == "__main__":
    sys.exit(main())
