# SPDX-License-Identifier: MIT
"""House rules that no compiler checks: who may include what, assembly, sizes, licences."""

import re
import subprocess
from pathlib import Path

import host_library
import pytest

from pimem.dev.functions import c_functions, name, sources

ROOT = host_library.ROOT
MEMORY = ROOT / "modules" / "memory"
CORE = MEMORY / "core"
BINDINGS = MEMORY / "bindings"
PORT = ROOT / "ports" / "rpi-aarch64"
CPU_CODE = PORT / "aarch64"
#: What a port provides and what it calls: the only files between bindings and ports.
SEAMS = ("port.h", "hooks.h")
MECHANISM_INCLUDES = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}
MECHANISM_CALLS = {"memcmp", "memcpy", "memmove", "memset", "strcmp", "strlen", "strncmp"}
FUNCTION_LINES = 60
FILE_LINES = 600


def c_files(*folders: Path) -> list[Path]:
    """C sources and headers below some folders."""
    return [
        path
        for path in sources()
        if path.suffix in {".c", ".h"} and any(path.is_relative_to(folder) for folder in folders)
    ]


def mechanism() -> list[Path]:
    return c_files(CORE)


def without_comments(text: str) -> str:
    """Comments and string contents blanked, lines kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return pattern.sub(lambda m: "\n" * m.group().count("\n") + '""', text)


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name)


def includes(text: str) -> list[tuple[str, str]]:
    """(bracket, header) of each include line."""
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.MULTILINE)


def found_in(path: Path, header: str) -> Path | None:
    """The file of the project that a quoted include names, searched as the compiler does."""
    for folder in (path.parent, PORT, MEMORY):
        if (folder / header).is_file():
            return (folder / header).resolve()
    return None


def upward(path: Path, text: str) -> list[str]:
    """Includes of modules/memory or the port that do not point downwards: bindings to port.h and
    core, the port to hooks.h, port.h and core, each seam to core."""
    seams = {MEMORY / seam for seam in SEAMS}
    wrong = []
    for bracket, header in includes(text):
        target = found_in(path, header) if bracket == '"' else None
        if target is None:
            continue
        down = target.is_relative_to(CORE) or target in seams
        if path.is_relative_to(CORE):
            down = target.is_relative_to(CORE)
        elif path.is_relative_to(BINDINGS):
            down = down or target.is_relative_to(BINDINGS)
        elif path.is_relative_to(PORT):
            down = down or target.is_relative_to(PORT)
        elif path == MEMORY / "port.h":
            down = target.is_relative_to(CORE)
        if not down:
            wrong.append(header)
    return wrong


@each(c_files(MEMORY, PORT))
def test_includes_point_downwards(path):
    assert upward(path, path.read_text()) == []


def test_an_upward_include_is_caught():
    """Planted in the text of real files: each of these names a file that exists."""
    planted = [
        (BINDINGS / "space.c", "fault/exception.h"),
        (BINDINGS / "user.c", "boot/layout.h"),
        (PORT / "fault" / "exception.c", "bindings/space.h"),
        (PORT / "boot" / "boot.c", "../../../modules/memory/bindings/memory_system.h"),
        (MEMORY / "port.h", "bindings/space.h"),
        (MEMORY / "port.h", "hooks.h"),
        (CORE / "space" / "space.c", "port.h"),
    ]
    for path, header in planted:
        text = path.read_text()
        assert upward(path, text) == []
        assert upward(path, text + f'#include "{header}"\n') == [header]


def test_bindings_know_micropython_the_seams_and_core_only():
    outside = ("py/", "extmod/", "core/")
    for path in c_files(BINDINGS):
        for bracket, header in includes(path.read_text()):
            known = header.startswith(outside) or header in SEAMS
            assert bracket == "<" or known or (BINDINGS / header).is_file(), (path, header)


@each(mechanism())
def test_mechanism_includes_nothing_but_itself_and_four_standard_headers(path):
    text = path.read_text()
    for bracket, header in includes(text):
        if bracket == "<":
            assert header in MECHANISM_INCLUDES, header
        else:
            assert (path.parent / header).is_file() or (
                header.startswith("core/") and (MEMORY / header).is_file()
            ), header


@each([path for path in mechanism() if path.suffix == ".c"])
def test_mechanism_has_no_state_and_calls_nothing_outside(path, tmp_path):
    """No writable symbol; what is undefined is the arch seam, string.h, or other mechanism."""
    obj = tmp_path / "file.o"
    flags = ["-std=gnu11", "-O1", "-fno-pic", "-fno-stack-protector", f"-I{MEMORY}"]
    compile_it = [*host_library.compiler(), *flags, "-c", str(path), "-o", str(obj)]
    subprocess.run(compile_it, check=True, stdin=subprocess.DEVNULL, timeout=60)
    listing = subprocess.run(
        ["nm", str(obj)], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    symbols = [line.split()[-2:] for line in listing.splitlines()]
    assert [symbol for kind, symbol in symbols if kind in "BbDdCGgSs"] == []
    headers = "\n".join(header.read_text() for header in CORE.rglob("*.h"))
    for kind, symbol in symbols:
        if kind == "U" and symbol not in MECHANISM_CALLS:
            assert re.search(rf"\b{symbol}\(", headers), symbol


@each(c_files(ROOT / "modules", ROOT / "ports", ROOT / "boards"))
def test_assembly_is_written_in_the_cpu_folder_only(path):
    if not path.is_relative_to(CPU_CODE):
        assert not re.search(r"\b(__asm__|__asm|asm)\b", without_comments(path.read_text()))


def test_assembly_files_are_in_the_cpu_folder_only():
    outside = [
        name(path)
        for path in sources()
        if path.suffix in {".S", ".s"}
        and not path.name.endswith(".ld.S")  # a linker script that is preprocessed
        and not path.is_relative_to(CPU_CODE)
        and not path.is_relative_to(ROOT / "tests")
    ]
    assert outside == []


@each(c_files(MEMORY, ROOT / "ports"))
def test_functions_are_a_screen_long_at_most(path):
    long = [f for f in c_functions(path.read_text()) if f.lines > FUNCTION_LINES]
    assert long == []


@each(c_files(ROOT / "modules", ROOT / "ports", ROOT / "boards"))
def test_c_files_have_one_subject(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES


@each(sources())
def test_the_first_line_is_the_licence(path):
    text = path.read_text()
    lines = text.splitlines()
    if not lines or path.name == "pyproject.toml":
        return
    first = lines[1] if lines[0].startswith("#!") else lines[0]
    assert re.fullmatch(r"(//|#|/\*) SPDX-License-Identifier: MIT( \*/)?", first.strip())


def test_the_scan_sees_the_project():
    names = {path.name for path in sources()}
    assert {"heap.c", "heap.h", "host_library.py", "mem_types.h"} <= names
    assert len(mechanism()) >= 37
    assert len(c_files(BINDINGS)) >= 28
    assert len(c_files(PORT)) >= 80
