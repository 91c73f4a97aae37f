# SPDX-License-Identifier: MIT
"""House rules that no compiler checks: who may include what, assembly, sizes, licences."""

import ast
import re
import subprocess
from pathlib import Path

import call_graph
import disassembly
import host_library
import pytest
from limits import HANG_SECONDS

from pimem.dev.functions import FILE_LINES, FUNCTION_LINES, c_functions, name, sources

ROOT = host_library.ROOT
MEMORY = ROOT / "modules" / "memory"
CORE = MEMORY / "core"
BINDINGS = MEMORY / "bindings"
PORT = ROOT / "ports" / "rpi-aarch64"
CPU_CODE = PORT / "aarch64"
#: What a port provides, what it calls, and how MicroPython's releases differ: the only files
#: between bindings and ports.
SEAMS = ("port.h", "hooks.h", "mp_release.h")
#: Ends of the names of headers that the files of one folder share.
PRIVATE = ("_private", "_internal")
MECHANISM_INCLUDES = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}
MECHANISM_CALLS = {"memcmp", "memcpy", "memmove", "memset", "strcmp", "strlen", "strncmp"}


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


def found_in(path: Path, bracket: str, header: str) -> Path | None:
    """The file of the project that an include names, searched as the compiler does."""
    for folder in (path.parent, PORT, MEMORY) if bracket == '"' else (PORT, MEMORY):
        if (folder / header).is_file():
            return (folder / header).resolve()
    return None


def upward(path: Path, text: str) -> list[str]:
    """Includes of modules/memory or the port that do not point downwards: bindings to port.h and
    core, the port to the seams and core, each seam to core. A private header of core is for
    its own folder."""
    seams = {MEMORY / seam for seam in SEAMS}
    wrong = []
    for bracket, header in includes(text):
        target = found_in(path, bracket, header)
        if target is None:
            continue
        down = target.is_relative_to(CORE) or target in seams
        if path.is_relative_to(CORE):
            down = target.is_relative_to(CORE)
        elif path.is_relative_to(BINDINGS):
            down = down or target.is_relative_to(BINDINGS)
        elif path.is_relative_to(PORT):
            down = down or target.is_relative_to(PORT)
        elif path in (MEMORY / "port.h", MEMORY / "mp_release.h"):
            down = target.is_relative_to(CORE)
        if target.stem.endswith(PRIVATE) and target.parent != path.parent:
            down = False
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
        (MEMORY / "mp_release.h", "bindings/space.h"),
        (CORE / "space" / "space.c", "port.h"),
        (BINDINGS / "user.c", "core/space/space_internal.h"),
        (CORE / "space" / "space.c", "core/paging/paging_internal.h"),
    ]
    for path, header in planted:
        text = path.read_text()
        assert upward(path, text) == []
        assert upward(path, text + f'#include "{header}"\n') == [header]
        if "/" in header and ".." not in header:
            assert upward(path, text + f"#include <{header}>\n") == [header]


def test_frozen_python_imports_the_bindings_and_micropython_only():
    known = {"_memory", "memory", "gc", "machine", "sys", "vfs"}
    for path in (MEMORY / "python").rglob("*.py"):
        names = call_graph.imported_names(ast.parse(path.read_text()), "memory")
        assert {each.partition(".")[0] for each in names} <= known, path


@each(c_files(MEMORY, PORT))
def test_every_include_names_its_file(path):
    """The name of a macro could stand for any file, and no rule here would see it."""
    lines = re.findall(r"^\s*#\s*(?:include|include_next|import)\b(.*)", path.read_text(), re.M)
    assert [line for line in lines if not re.match(r' *(<[^>]+>|"[^"]+")', line)] == []


def test_bindings_know_micropython_the_seams_and_core_only():
    outside = ("py/", "extmod/", "core/")
    for path in c_files(BINDINGS):
        for bracket, header in includes(path.read_text()):
            known = header.startswith(outside) or header in SEAMS
            assert bracket == "<" or known or (BINDINGS / header).is_file(), (path, header)


def test_bindings_reach_the_one_memory_system_by_its_functions_only():
    """Otherwise the rules of its lists and spaces are in every file that reads its members."""
    users = {
        path.name
        for path in c_files(MEMORY, PORT)
        if re.search(r"\bmemory_system\b", without_comments(path.read_text()))
    }
    assert users == {"memory_system.c", "memory_system.h"}


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
    subprocess.run(compile_it, check=True, stdin=subprocess.DEVNULL, timeout=HANG_SECONDS)
    listing = subprocess.run(
        ["nm", str(obj)], check=True, capture_output=True, text=True, timeout=HANG_SECONDS
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


# --- circles ---

#: References that may close a circle, each with its reason. An entry that no longer occurs fails.
OPENED: dict[call_graph.Reference, str] = {}
IMAGES = ("RPI", "QEMU_VIRT")
OUR_OBJECTS = {"aarch64", "boot", "drivers", "fault", "machine", "memory"}
INTERPRETER = "interpreter.o"  # MicroPython's objects, optimised as one
GENERATED = {"boards.o", "frozen_content.o", "help_texts.o", "pins.o"}


def linked_objects(image: str) -> dict[str, Path]:
    """Our objects in the image, by their names below its folder. `make test` builds it first."""
    folder = ROOT / "build" / image
    listing = folder / "firmware.map"
    built = listing.stat().st_mtime if listing.exists() else 0
    changed = [path for path in c_files(MEMORY, PORT) if path.stat().st_mtime > built]
    if changed:
        state = f"older than {name(changed[0])}" if built else "not built"
        pytest.skip(f"{image} is {state}: `make images` first")
    linked = re.findall(r"^LOAD (\S+\.o)$", listing.read_text(), re.M)
    paths = {path.relative_to(folder): path for path in map(Path, linked)}
    return {
        str(short): path
        for short, path in paths.items()
        if short.parts[0] in OUR_OBJECTS or (len(short.parts) == 1 and short.name != INTERPRETER)
    }


def expected_objects() -> set[str]:
    """What the sources of the port and of the memory system are compiled to."""
    port = CPU_CODE.parent
    files = [path for path in sources() if path.suffix in {".c", ".S"}]
    objects = {path.relative_to(port) for path in files if path.is_relative_to(port)}
    objects |= {
        "memory" / path.relative_to(MEMORY) for path in files if path.is_relative_to(MEMORY)
    }
    # Included by files of MicroPython, and instead of them.
    included = {"machine/mod", "guard/"}
    return {
        str(path.with_suffix(".o"))
        for path in objects
        if path.name != "firmware.ld.S" and not str(path).startswith(tuple(included))
    }


@pytest.mark.parametrize("image", IMAGES)
def test_objects_do_not_call_in_circles(image):
    objects = linked_objects(image)
    assert set(objects) - GENERATED == expected_objects()
    found = call_graph.references(objects)
    assert len(objects) >= 90 and len(found) >= 500
    assert (
        call_graph.Reference("aarch64/vectors.o", "fault/exception.o", "exception_sync") in found
    )
    assert call_graph.circles(call_graph.without(found, OPENED)) == []


#: What MicroPython asks of every port, beside port.h.
OF_EVERY_PORT = {"gc_collect"}


def layer(name: str) -> str:
    """The layer of an object, by its name below the build folder."""
    return next((part for part in ("core", "bindings") if f"memory/{part}/" in name), "port")


def declarations() -> dict[tuple[str, str], str]:
    """What the objects of one layer may use of another, by the headers that declare it."""
    core = "\n".join(path.read_text() for path in CORE.rglob("*.h"))
    arch = (CORE / "arch.h").read_text()
    port = (MEMORY / "port.h").read_text() + arch + " ".join(OF_EVERY_PORT)
    return {
        ("bindings", "core"): core,
        ("port", "core"): core,
        ("core", "port"): arch,
        ("bindings", "port"): port,
        ("port", "bindings"): (MEMORY / "hooks.h").read_text(),
    }


def undeclared(found: set[call_graph.Reference]) -> list[str]:
    """References between layers that no header between them declares: an `extern` in a C file
    needs no include."""
    between = declarations()
    return [
        str(each)
        for each in sorted(found)
        if layer(each.user) != layer(each.owner)
        and not re.search(
            rf"\b{re.escape(each.what)}\b", between.get((layer(each.user), layer(each.owner)), "")
        )
    ]


@pytest.mark.parametrize("image", IMAGES)
def test_objects_of_two_layers_meet_at_the_seams_only(image):
    found = call_graph.references(linked_objects(image))
    pairs = {(layer(each.user), layer(each.owner)) for each in found}
    assert set(declarations()) <= pairs
    assert undeclared(found) == []


def test_a_reference_past_the_seams_is_told():
    planted = [
        call_graph.Reference("memory/bindings/space.o", "boot/boot.o", "boot_main"),
        call_graph.Reference("fault/exception.o", "memory/bindings/space.o", "bind_space_leave"),
        call_graph.Reference("memory/core/heap/heap.o", "memory/bindings/heap.o", "bind_retry"),
        call_graph.Reference("memory/core/heap/heap.o", "port.o", "port_ticks"),
    ]
    assert undeclared(set(planted)) == [str(each) for each in sorted(planted)]
    declared = call_graph.Reference("memory/bindings/user.o", "port.o", "port_ticks")
    assert undeclared({declared}) == []


#: What writes rights into tables, and who may call it: the gate; and the switch of the maps, for a
#: page of its own code in tables that are gone when it returns.
RIGHTS = {"paging_map", "paging_protect", "paging_replace", "paging_restrict"}
GATES = {"memory/core/space/rights.o": RIGHTS, "memory/core/space/space.o": {"paging_map"}}


@pytest.mark.parametrize("image", IMAGES)
def test_pages_get_rights_through_one_gate(image):
    calls: dict[str, set[str]] = {}
    for reference in call_graph.references(linked_objects(image)):
        if reference.what in RIGHTS:
            calls.setdefault(reference.user, set()).add(reference.what)
    assert calls == GATES


def python_modules() -> dict[str, Path]:
    """Python files by the name that others import; test files, which none does, by their path."""
    found = {}
    roots = (ROOT / "tools", MEMORY / "python", ROOT / "ports" / "rpi-aarch64")
    for path in sources():
        if path.suffix != ".py":
            continue
        root = next((root for root in roots if path.is_relative_to(root)), None)
        if root is not None:
            dotted = ".".join(path.relative_to(root).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = path
        elif path.name.startswith(("test_", "conftest")):
            found[name(path)] = path
        else:
            assert path.stem not in found, f"two modules of the tests are called {path.stem}"
            found[path.stem] = path
    return found


def test_python_files_do_not_import_in_circles():
    modules = python_modules()
    found = call_graph.import_references(modules)
    assert len(modules) >= 180 and len(found) >= 800
    assert call_graph.circles(found) == []


def test_headers_do_not_include_in_circles():
    headers = [path for path in sources() if path.suffix == ".h"]
    found = call_graph.include_references(headers, [MEMORY, CPU_CODE.parent, ROOT / "tests/host"])
    assert len(headers) >= 70 and len(found) >= 50
    assert call_graph.circles(found) == []


CALLER = "int down(int); int up(int n) { return n + down(n); }\n"
CALLED = "int up(int); int down(int n) { return n != 0 ? up(n - 1) : 0; }\n"
BACK_TO_C = ".global down\n.type down, %function\ndown: b up\n"
TAKEN = "int up(int); int (*volatile taken)(int); int down(int n) { taken = up; return n; }\n"
LABEL = ".global down, start\n.type down, %function\ndown: ret\nstart: .word 0\n"


def compiled(folder: Path, **files: str) -> dict[str, Path]:
    """Objects of small sources; a name that ends in _S is assembly."""
    objects = {}
    for stem, text in files.items():
        source = folder / re.sub(r"_(?=[cS]$)", ".", stem)
        source.write_text(text)
        objects[source.name] = source.with_suffix(".o")
        command = [disassembly.tool("gcc"), "-O1", "-c", str(source), "-o"]
        command.append(str(objects[source.name]))
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=HANG_SECONDS)
    return objects


def test_a_circle_through_c_is_told_by_object_and_symbol(tmp_path):
    found = call_graph.references(compiled(tmp_path, a_c=CALLER, b_c=CALLED))
    assert call_graph.circles(found) == ["a.c -> b.c (down); b.c -> a.c (up)"]


def test_a_circle_through_assembly_is_told(tmp_path):
    found = call_graph.references(compiled(tmp_path, a_c=CALLER, b_S=BACK_TO_C))
    assert call_graph.circles(found) == ["a.c -> b.S (down); b.S -> a.c (up)"]


def test_a_label_of_assembly_counts_and_the_address_of_a_function_does_not(tmp_path):
    uses = "extern int start[]; int down(int); int up(int n) { return down(n) + start[0]; }\n"
    found = call_graph.references(compiled(tmp_path, a_c=uses, b_S=LABEL))
    assert {reference.what for reference in found} == {"down", "start"}
    found = call_graph.references(compiled(tmp_path, a_c=CALLER, b_c=TAKEN))
    assert [str(reference) for reference in found] == ["a.c -> b.c (down)"]


def test_a_wrapped_function_is_followed_to_its_wrapper_and_back(tmp_path):
    wrapper = "int __real_down(int); int __wrap_down(int n) { return __real_down(n) + 1; }\n"
    found = call_graph.references(compiled(tmp_path, a_c=CALLER, b_c=CALLED, w_c=wrapper))
    assert call_graph.circles(found) == [
        "a.c -> w.c (__wrap_down); w.c -> b.c (down); b.c -> a.c (up)"
    ]


def test_the_list_of_opened_references_holds_nothing_that_is_gone(tmp_path):
    found = call_graph.references(compiled(tmp_path, a_c=CALLER, b_S=BACK_TO_C))
    back = call_graph.Reference("b.S", "a.c", "up")
    assert call_graph.circles(call_graph.without(found, {back: "the way out"})) == []
    gone = call_graph.Reference("b.S", "a.c", "other")
    with pytest.raises(AssertionError, match="no longer in the objects"):
        call_graph.without(found, {gone: "the way out"})


def test_circles_of_includes_and_of_imports_are_told(tmp_path):
    headers = [tmp_path / "a.h", tmp_path / "b.h"]
    headers[0].write_text('#include "b.h"\n')
    headers[1].write_text('#include "a.h"\n')
    found = call_graph.include_references(headers, [tmp_path])
    assert len(call_graph.circles(found)) == 1
    modules = {"p": tmp_path / "p.py", "p.a": tmp_path / "a.py", "b": tmp_path / "b.py"}
    modules["p"].write_text("")
    modules["p.a"].write_text("import sys\n\ndef late():\n    import b\n")
    modules["b"].write_text("from p import a\n")
    told = call_graph.circles(call_graph.import_references(modules))
    assert told == ["b -> p.a (p.a); p.a -> b (b)"]


def test_circles_of_relative_imports_are_told(tmp_path):
    modules = {"p": tmp_path / "__init__.py", "p.a": tmp_path / "a.py", "p.b": tmp_path / "b.py"}
    modules["p"].write_text("")
    modules["p.a"].write_text("from . import b\n")
    modules["p.b"].write_text("from .a import f\n")
    told = call_graph.circles(call_graph.import_references(modules))
    assert told == ["p.a -> p.b (p.b); p.b -> p.a (p.a.f)"]
    modules["p.b"].write_text("")
    modules["p"].write_text("from .a import f\n")
    modules["p.a"].write_text("from ..p import g\n")
    told = call_graph.circles(call_graph.import_references(modules))
    assert told == ["p -> p.a (p.a.f); p.a -> p (p.g)"]
