# SPDX-License-Identifier: MIT
"""`make mutants`: plants known bugs in copies of the sources; a test must catch each.

A plant that no test catches, or that does not compile, is a hole in the tests (or in the list).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pimem import BUILD, ROOT
from pimem.exits import FAILED, OK, USAGE, CommandError, report

PLANTS = ROOT / "tests" / "mutants"
WORK = BUILD / "mutants"
MEMORY = Path("modules/memory")
COPIED = ("modules/memory", "ports", "tests/host")
FILES = ("tests/*.py", "pyproject.toml")
TEST_SECONDS = 300
# Model tests are to fail, not to look for the shortest way there.
NO_SHRINKING = """
from hypothesis import Phase, settings
settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("mutants")
"""
NO_END = "no end"
TESTS_FAILED = 1  # pytest's exit status; others mean that it could not run them


class MutantError(CommandError):
    """The list of plants does not fit the sources; the text says where."""

    code = USAGE


@dataclass(frozen=True)
class Plant:
    """One bug: where it goes, and which tests are to notice."""

    number: int
    file: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Return the file in the tree: a name is of modules/memory, or begins with ports/."""
        return Path(self.file) if self.file.startswith("ports/") else MEMORY / self.file


def load(folder: Path = PLANTS) -> list[Plant]:
    files = sorted(folder.glob("*.toml"))
    rows = [row for file in files for row in tomllib.loads(file.read_text())["plant"]]
    plants = []
    for number, row in enumerate(rows, 1):
        tests = tuple(row.pop("tests"))
        plants.append(Plant(number, tests=tests, **row))
    return plants


def chosen(plants: Sequence[Plant], numbers: Sequence[int], path: str) -> list[Plant]:
    """Return those with the numbers, or all, whose file's path in the tree has `path` in it."""
    found = [plant for plant in plants if not numbers or plant.number in numbers]
    found = [plant for plant in found if path in str(plant.path)]
    if not found:
        raise MutantError(f"none of the {len(plants)} plants has such a number and path")
    return found


def planted(plant: Plant, text: str) -> str:
    """Return the file's text with the bug in it."""
    if text.count(plant.old) != 1:
        raise MutantError(f"{plant.number} ({plant.what}): not once in {plant.file}: {plant.old}")
    return text.replace(plant.old, plant.new)


def copy_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            shutil.copy(path, folder / path.relative_to(ROOT))
    # A bug may leave a variable unused; that is not for the compiler to catch.
    builder = folder / "tests" / "host" / "host_library.py"
    builder.write_text(builder.read_text().replace(" -Werror", ""))
    with (folder / "tests" / "host" / "conftest.py").open("a") as conftest:
        conftest.write(NO_SHRINKING)


def environment() -> dict[str, str]:
    """Return the environment of the host tests, with the address sanitiser preloaded."""
    found = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    library = found.stdout.strip()
    return dict(os.environ, LD_PRELOAD=library, ASAN_OPTIONS="detect_leaks=0")


def run_tests(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """pytest's exit status and its output; a hang counts as a failed test."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-s", "-p", "no:cacheprovider"]
    command += [f"--timeout={TEST_SECONDS}", *(f"tests/host/{test}" for test in tests)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TEST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return TESTS_FAILED, NO_END
    return done.returncode, done.stdout + done.stderr


def catcher(status: int, output: str) -> str | None:
    """Return what noticed, or None. A crash of the test process (the sanitiser) counts too."""
    if status == 0:
        return None
    if output == NO_END:
        return "a test that does not end"
    if "BuildError" in output:
        raise MutantError(f"a plant does not compile:\n{output[-2000:]}")
    failed = re.search(r"^(?:FAILED|ERROR) \S*::(\S+)", output, re.M)
    if status == TESTS_FAILED and failed:
        return failed[1]
    if re.search(r"runtime error:|AddressSanitizer|Fatal Python error", output):
        return "the sanitiser"
    raise MutantError(f"the tests do not run (status {status}):\n{output[-2000:]}")


def try_plant(plant: Plant) -> str | None:
    """Plants the bug in a copy of its own and returns what caught it."""
    folder = WORK / str(plant.number)
    copy_tree(folder)
    path = folder / plant.path
    path.write_text(planted(plant, path.read_text()))
    caught = catcher(*run_tests(folder, plant.tests))
    shutil.rmtree(folder)
    return caught


def check_tests(plants: Sequence[Plant]) -> None:
    """Check that the tests pass in a copy without a bug: else any failure would be a catch."""
    folder = WORK / "none"
    copy_tree(folder)
    caught = catcher(
        *run_tests(folder, sorted({test for plant in plants for test in plant.tests}))
    )
    if caught is not None:
        raise MutantError(f"nothing is planted, and yet there fails: {caught}")
    shutil.rmtree(folder)


def check_list(plants: Sequence[Plant]) -> None:
    for plant in plants:
        planted(plant, (ROOT / plant.path).read_text())


def try_all(plants: Sequence[Plant], jobs: int) -> list[Plant]:
    """Try every plant; return those that were missed."""
    missed = []
    with ThreadPoolExecutor(jobs) as pool:
        for plant, caught in zip(plants, pool.map(try_plant, plants), strict=True):
            if caught is None:
                missed.append(plant)
            where = f"{plant.number:3} {plant.file:18} {plant.what}"
            print(f"{where:80} {'caught: ' + caught if caught else 'SURVIVED'}", flush=True)
    return missed


def print_by_file(plants: Sequence[Plant], missed: Sequence[Plant]) -> None:
    everywhere, lost = (Counter(str(each.path) for each in some) for some in (plants, missed))
    for path, count in sorted(everywhere.items()):
        print(f"{path:56} {count - lost[path]:3} of {count:3}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.mutants", description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="only these plants")
    parser.add_argument("--path", help="only plants in files whose path has this: drivers/")
    parser.add_argument("--jobs", type=int, default=2, help="at a time (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        plants = chosen(load(), args.numbers, args.path or "")
        check_list(plants)
        check_tests(plants)
        missed = try_all(plants, args.jobs)
    except MutantError as exc:
        return report(exc)
    print_by_file(plants, missed)
    print(f"{len(plants) - len(missed)} of {len(plants)} plants caught")
    return FAILED if missed else OK


if __name__ == "__main__":
    sys.exit(main())
