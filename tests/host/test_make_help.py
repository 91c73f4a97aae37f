# SPDX-License-Identifier: MIT
"""The generator of the texts of help(): what it takes from the stubs, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import host_library
import pytest
from limits import HANG_SECONDS

SCRIPT = host_library.PORT / "make_help.py"
STUBS = host_library.MEMORY / "stubs"


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


def entries(folder: Path = STUBS) -> dict[str, tuple[str, str]]:
    """name: (call, text)."""
    done = run(folder)
    assert done.returncode == 0, done.stderr
    strings = [eval(line) for line in done.stdout.splitlines() if line.endswith('\\0"')]  # noqa: S307
    parts = [string.split("\0")[:3] for string in strings if string]
    return {name: (call, text) for name, call, text in parts}


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    for path in STUBS.glob("*-stubs/*.pyi"):
        copy = tmp_path / path.relative_to(STUBS)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text())
    return tmp_path


def test_parameters_are_shown_with_their_defaults() -> None:
    found = entries()
    assert found["memory.frames.alloc"] == (
        "alloc(count=1, *, align=1, at=None, below=None, zero=True)",
        "Allocate contiguous frames.",
    )
    assert found["memory.ramdisk"][0] == "ramdisk([size])"
    assert found["memory.call"][0] == "call(va, *args)"
    assert found["memory.kernel"][0] == ""
    assert found["memory.AddressSpace.translate"][0] == "translate(va)"


def test_the_entries_are_sorted_and_none_is_empty() -> None:
    found = entries()
    assert list(found) == sorted(found)
    assert all(text for _, text in found.values())
    assert not [name for name in found if name.rpartition(".")[2].startswith("_")]


def test_the_result_is_a_c_source(tmp_path: Path) -> None:
    source = tmp_path / "help_texts.c"
    source.write_text(run(STUBS).stdout)
    includes = f"-I{host_library.PORT}"
    command = [
        *host_library.compiler(),
        "-fsyntax-only",
        "-Wall",
        "-Werror",
        includes,
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert done.stderr == ""


def test_a_function_without_a_docstring_is_refused(stubs: Path) -> None:
    with (stubs / "memory-stubs" / "frames.pyi").open("a") as file:
        file.write("\ndef merge() -> None: ...\n")
    done = run(stubs)
    assert done.returncode == 1
    assert done.stderr == "make_help.py: memory.frames.merge has no docstring\n"


def test_a_new_function_has_its_entry(stubs: Path) -> None:
    with (stubs / "memory-stubs" / "frames.pyi").open("a") as file:
        file.write('\ndef merge(a: int = 1, /) -> None:\n    """Join "a\\\\b" and more."""\n')
    assert entries(stubs)["memory.frames.merge"] == ("merge(a=1)", 'Join "a\\b" and more.')
