# SPDX-License-Identifier: MIT
"""pyright and mypy accept the Python of the documentation, with the stub package installed.

Both run with the settings of docs/editors.md, over every script and transcript of each page. A
line that the page shows to raise TypeError or ValueError must be rejected by both, or stand in
VALUES with the reason why its types are right.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
from limits import HANG_SECONDS
from typed_pages import Module, Page, read_page

from pimem import ROOT

# The pages whose Python is for the board; that of porting.md is for the host.
PAGES = [ROOT / "README.md"]
NAMES = ("circuitpython", "editors", "hardware", "machine", "memory", "quickref", "tutorial")
PAGES += [ROOT / "docs" / f"{name}.md" for name in NAMES]
EDITORS = ROOT / "docs" / "editors.md"
STUBS = ROOT / "modules" / "memory" / "stubs"
# Refused for a value, not for a type: the first line of the statement, and the reason.
VALUES = {
    "space.map(VA + 1, page)": "the address is not aligned",
    "with lazy:": "the pager raises ValueError itself",
    "f.pa": "the object is closed",
    "machine.freq(1)": "the firmware's limits are not known",
    "I2C(2)": "the numbers are those of the SoC",
}

Reports = dict[str, dict[int, list[str]]]  # module: line: what a checker says of it


@dataclass(frozen=True)
class Checker:
    """Both checkers, as docs/editors.md sets them up in the folder of a project."""

    venv: Path  # a virtual environment that has nothing but the stub package

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def run(self, folder: Path) -> dict[str, Reports]:
        (folder / ".venv").symlink_to(self.venv)
        subprocess.run([self.python, "-m", "pimem_stubs", "typings"], cwd=folder, check=True)
        (folder / "pyrightconfig.json").write_text(setting("json"))
        (folder / "pyproject.toml").write_text(setting("toml"))
        return {"pyright": self.pyright(folder), "mypy": self.mypy(folder)}

    def pyright(self, folder: Path) -> Reports:
        options = ["--outputjson", "--project", str(folder)]
        found: Reports = defaultdict(lambda: defaultdict(list))
        for each in json.loads(output("pyright", *options))["generalDiagnostics"]:
            if each["severity"] == "error":
                line = each["range"]["start"]["line"] + 1
                found[Path(each["file"]).stem][line].append(each["message"])
        return found

    def mypy(self, folder: Path) -> Reports:
        options = ["--config-file", str(folder / "pyproject.toml"), "--output", "json"]
        options += ["--python-executable", str(self.python)]
        options += ["--cache-dir", str(self.venv.parent / "mypy")]
        text = output("mypy", *options, *map(str, sorted(folder.glob("*.py"))))
        found: Reports = defaultdict(lambda: defaultdict(list))
        for each in map(json.loads, text.splitlines()):
            if each["severity"] == "error":
                found[Path(each["file"]).stem][each["line"]].append(each["message"])
        return found


def setting(language: str) -> str:
    """The block of docs/editors.md in this language."""
    (text,) = re.findall(
        rf"^```{language}\n(.*?)^```$", EDITORS.read_text(), re.DOTALL | re.MULTILINE
    )
    return str(text)


def output(module: str, *options: str) -> str:
    """What a checker prints; exit code 1 says that it found something."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode in (0, 1) and not done.stderr, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """The stub package is built and installed, as a user does it; nothing is fetched."""
    top = tmp_path_factory.mktemp("stubs")
    shutil.copytree(STUBS, top / "source", ignore=shutil.ignore_patterns("*.egg-info", "build"))
    venv.create(top / "venv", with_pip=False, symlinks=True)
    (site,) = (top / "venv" / "lib").glob("python3*/site-packages")
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    output("pip", *install, "--target", str(site), str(top / "source"))
    return Checker(top / "venv")


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return [read_page(path) for path in PAGES]


@pytest.fixture(scope="module")
def reports(
    checker: Checker, pages: list[Page], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Reports]:
    folder = tmp_path_factory.mktemp("pages")
    for page in pages:
        for module in page.modules:
            module.write(folder)
    return checker.run(folder)


def complaints(module: Module, found: Reports) -> list[str]:
    """What is wrong with what a checker says of a module."""
    lines = found.get(module.name, {})
    texts = [
        f"{module.name}:{line}: {said}"
        for line, said in lines.items()
        if not module.step_at(line).refused or module.step_at(line).head in VALUES
    ]
    for step in module.steps:
        rejected = any(step.first <= line <= step.last for line in lines)
        if step.refused and step.head not in VALUES and not rejected:
            texts.append(f"{module.name}:{step.first}: accepts {step.head}")
    return texts


@pytest.mark.parametrize("name", ["pyright", "mypy"])
def test_a_checker_accepts_what_the_pages_show(
    name: str, pages: list[Page], reports: dict[str, Reports]
) -> None:
    modules = [module for page in pages for module in page.modules]
    assert sum(len(module.steps) for module in modules) > 250
    wrong = [text for module in modules for text in complaints(module, reports[name])]
    assert wrong == [], "\n".join(wrong)


def test_every_line_that_raises_a_type_or_value_error_is_judged(pages: list[Page]) -> None:
    refused = [step.head for page in pages for step in page.refused()]
    assert set(VALUES) <= set(refused), "VALUES lists a line that no page has"
    assert len(refused) > len(VALUES), "no page shows a line that a checker rejects"


def test_every_block_of_the_pages_has_a_language(pages: list[Page]) -> None:
    assert {page.name: page.untagged for page in pages if page.untagged} == {}


def test_no_page_tells_a_checker_to_ignore_something() -> None:
    words = ("type: ignore", "pyright:", "mypy:", "noqa")
    found = [
        (path.name, line)
        for path in PAGES
        for module in read_page(path).modules
        for line in module.lines
        if "#" in line and any(word in line for word in words)
    ]
    assert found == []


WRONG = """\
import gc, machine, memory, os, time, vfs
from memory import user

page = memory.frames.alloc("1")
space = memory.AddressSpace()
space.map(0x1000, page, prot="wx")
space.map(0x1000, b"page")
machine.mem32["0"]
memory.report()["kernels"]
memory.frames.stats()["free_by_order"] + 1
user.run(0x400000)
machine.Pin(17, machine.Pin.OUT).value(1) + 1
vfs.mount(1, "/")
memory.ramdisk().close()
memory.call("0")
gc.mem_free("all")
time.ticks_diff(1)
os.getcwd(1)
time.perf_counter()
"""
RIGHT = """\
import gc, machine, memory, os, time, vfs

text = memory.report()["kernel"]["text"]
start: int = text[0]
prot: str = text[2]
machine.mem32[start] + gc.mem_free() + time.ticks_diff(time.ticks_ms(), 0)
disk = memory.ramdisk(1 << 20)
vfs.VfsFat.mkfs(disk)
os.mount(vfs.VfsFat(disk), "/disk", readonly=True)
machine.Signal(machine.Pin("LED"), invert=True).on()
with memory.frames.alloc() as page:
    memoryview(page)[0] = 1
"""


def test_wrong_lines_are_rejected_and_right_ones_are_not(checker: Checker, tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "right.py").write_text(RIGHT)
    wrong = {n for n, line in enumerate(WRONG.splitlines(), 1) if n > 3 and "space =" not in line}
    for name, found in checker.run(tmp_path).items():
        assert "right" not in found, f"{name}: {dict(found['right'])}"
        assert set(found["wrong"]) == wrong, name


PAGE = """\
```python
>>> import memory
>>> memory.frames.alloc("2")
TypeError: can't convert str to int
>>> memory.frames.alloc(0)
ValueError: cannot allocate 0 frames
>>> page = memory.frames.alloc(align="2")
```

```
>>> page.pa
```
"""


def test_a_planted_page_is_judged_line_by_line(checker: Checker, tmp_path: Path) -> None:
    page = Page("planted", PAGE)
    assert page.untagged == [10]
    (module,) = page.modules
    module.write(tmp_path)
    for name, found in checker.run(tmp_path).items():
        first, second = sorted(complaints(module, found))
        assert "planted_1:5: accepts memory.frames.alloc(0)" in first, name
        assert second.startswith("planted_1:7: "), name
