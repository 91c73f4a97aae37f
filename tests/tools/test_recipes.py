# SPDX-License-Identifier: MIT
"""The recipes of docs/porting.md, followed to the letter in a copy of the tree.

A recipe says "Write `FILE`:" or "In `FILE`, below `LINE`:" (or above) in front of a block, and has
blocks of shell commands. All recipes are applied to one copy, which is built once.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pimem import BUILD, ROOT
from pimem.board import boards

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

PAGE = ROOT / "docs" / "porting.md"
TITLES = {
    "board": "A board with a known SoC",
    "driver": "A driver",
    "function": "A function of `memory`",
    "command": "A command of `pimem`",
}
STEP = re.compile(
    r"(?:Write|In) `(?P<file>[^`\n]+)`(?:, (?P<side>above|below) `(?P<line>[^`\n]+)`)?:\n\n"
    r"(?P<fence>```+)\w+\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STUB_TEST = "tests/target/test_stubs.py"
QUICK_BUILD = "-O1 -DNDEBUG"  # new names are compiled into every object of MicroPython


@dataclass(frozen=True)
class Step:
    """A change of a file; without a line the text is all of it."""

    file: str
    text: str
    side: str | None = None
    line: str | None = None

    def apply(self, tree: Path) -> None:
        path = tree / self.file
        if self.line is None:
            path.write_text(self.text)
            return
        lines = path.read_text().splitlines(keepends=True)
        found = [at for at, line in enumerate(lines) if line.strip() == self.line]
        assert len(found) == 1, f"{self.file}: {len(found)} lines are {self.line!r}"
        lines.insert(found[0] + (self.side == "below"), self.text)
        path.write_text("".join(lines))


@functools.cache
def section(recipe: str) -> str:
    text = PAGE.read_text()
    heads = [text.index(f"\n### {title}\n") for title in TITLES.values()]
    heads += [match.start() for match in re.finditer(r"^## ", text, re.MULTILINE)]
    start = heads[list(TITLES).index(recipe)]
    return text[start : min(head for head in heads if head > start)]


def steps(recipe: str) -> list[Step]:
    found = [match.groupdict() for match in STEP.finditer(section(recipe))]
    assert len(found) == len(re.findall(r"^(?:.*\. )?(?:Write|In) `.*:$", section(recipe), re.M))
    return [Step(each["file"], each["text"], each["side"], each["line"]) for each in found]


def commands(recipe: str) -> list[str]:
    found = COMMANDS.findall(section(recipe))
    return [line for block in found for line in block.splitlines()]


def listed() -> list[str]:
    words = ["git", "ls-files", "-zco", "--exclude-standard"]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in found.stdout.split("\0") if (ROOT / name).is_file()]


def copy_build(image: str, tree: Path) -> None:
    """The objects of an image with their times, and rules that name the copies."""
    source, target = boards.load(boards.DEFAULT).kernel.parent, tree / "build" / image
    shutil.copytree(source, target, symlinks=True)
    for rules in target.rglob("*.P"):
        times = rules.stat()
        rules.write_text(rules.read_text().replace(f"{source}/", f"{target}/"))
        os.utime(rules, ns=(times.st_atime_ns, times.st_mtime_ns))


class Tree:
    """A copy of the tree, with what was built and set up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in listed():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        copy_build("RPI", folder)
        (folder / "build" / "deps").symlink_to(BUILD / "deps")
        (folder / ".venv").symlink_to(ROOT / ".venv")
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        subprocess.run(["git", "add", "-A"], cwd=folder, check=True)

    def run(self, command: str) -> str:
        """What a command of the page prints. The tree is set up already."""
        command = re.sub(r"(^|\| )make\b", r"\1make -o setup", command)
        # As at a reader's prompt: of this run of pytest and of make nothing is passed on.
        ours = re.compile(r"PYTEST|PIMEM_REQUIRE_ASAN|MAKE")
        env = {name: value for name, value in os.environ.items() if not ours.search(name)}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=dict(env, PYTHONPATH=str(self.folder / "tools"), COPT=QUICK_BUILD),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=800,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def changed(self) -> set[str]:
        words = ["git", "status", "--porcelain", "--untracked-files=all"]
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True)
        return {line[3:] for line in done.stdout.splitlines() if line[1] != " "}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy in which all recipes were followed, but for the commands that use what they make."""
    tree = Tree(tmp_path_factory.mktemp("recipes") / "tree")
    for recipe in TITLES:
        before = tree.changed()
        for command in commands(recipe):
            if command.startswith("cp "):
                tree.run(command)
        for step in steps(recipe):
            step.apply(tree.folder)
        if recipe == "board":
            assert all(name.startswith("boards/RPI3AP/") for name in tree.changed() - before)
    return tree


def last(tree: Tree, recipe: str) -> str:
    """Runs the commands of a recipe; what the last one prints."""
    return [tree.run(each) for each in commands(recipe) if not each.startswith("cp ")][-1]


def test_a_board_is_a_folder(tree: Tree) -> None:
    report = last(tree, "board")
    assert re.search(r"^Raspberry Pi 3.* \(RPI3AP\), entered at EL2, 4 cores$", report, re.M)
    assert "boards: QEMU_VIRT RPI3 RPI3AP RPI4\n" in tree.run("make help")
    listed = tree.run(".venv/bin/python -m pimem image --help")
    assert "RPI3,RPI3AP,RPI4" in listed.replace("\n", "").replace(" ", "")
    found = tree.run("make run BOARD=RPI3 </dev/null")
    assert "(RPI3), entered at EL2" in found, "the same image tells the two apart"


def test_the_target_tests_run_on_a_board_that_was_added(tree: Tree) -> None:
    tests = "tests/target/test_boot_report.py tests/target/test_machine.py"
    said = tree.run(f".venv/bin/python -m pytest -q {tests} --board RPI3AP")
    assert " passed" in said


def test_a_driver_is_a_file(tree: Tree) -> None:
    last(tree, "driver")
    assert (tree.folder / "build" / "RPI" / "drivers" / "systimer.o").is_file()


def test_a_function_is_on_the_board_and_in_the_stubs(tree: Tree) -> None:
    assert last(tree, "function") == "2 True\n", "the boot report goes to stderr"
    script = "import memory\ntry:\n memory.pages(0)\nexcept ValueError as e:\n print(e)\n"
    (tree.folder / "script.py").write_text(script)
    assert "size" in tree.run("make -s run RUN_OPTIONS=script.py")
    said = tree.run(f".venv/bin/python -m pytest -q {STUB_TEST} --board RPI4 -k names_of_its_stub")
    assert " passed" in said


def test_a_command_is_in_the_help(tree: Tree) -> None:
    assert last(tree, "command").split() == ["QEMU_VIRT", "RPI3", "RPI3AP", "RPI4"]
    assert "list the boards of the tree" in tree.run(".venv/bin/python -m pimem --help")


@pytest.mark.parametrize("recipe", TITLES)
def test_the_sources_of_a_recipe_keep_the_rules(tree: Tree, recipe: str) -> None:
    files = [step.file for step in steps(recipe) if step.file.endswith(".py")]
    if files:
        tree.run(f".venv/bin/ruff check {' '.join(files)}")
        tree.run(f".venv/bin/ruff format --check {' '.join(files)}")
    for step in steps(recipe):
        if step.file.endswith(".json"):
            assert json.loads(step.text)
