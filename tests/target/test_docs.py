# SPDX-License-Identifier: MIT
"""Every Python block of the documentation runs, and prints what the page says.

The blocks of a page are typed at one prompt, from top to bottom. pimem.dev.pages says how they are
read and compared. Numbers of three digits or more may differ here, because a page is typed on
every board; tests/emulator/test_tutorial.py types the tutorial where it was written: there they
may not.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pimem import ROOT
from pimem.board.errors import BoardCrash
from pimem.dev import pages, retype
from pimem.dev.pages import Block, Comparison, Step, read_blocks, typed_numbers
from pimem.testing.board_session import Machine
from pimem.testing.shared_board import SharedBoard

PAGES = (
    "README.md",
    "docs/circuitpython.md",
    "docs/editors.md",
    "docs/hardware.md",
    "docs/machine.md",
    "docs/memory.md",
    "docs/quickref.md",
    "docs/tutorial.md",
)


def python_blocks(page: str) -> list[Block]:
    return [block for block in read_blocks(ROOT / page) if block.language == "python"]


def type_step(machine: Machine, step: Step) -> list[str]:
    link = machine.link

    def read_until(pattern: bytes) -> bytes:
        return link.read_until(pattern, total=retype.SECONDS)

    return retype.type_step(step, link.write, read_until)


def type_block(machine: Machine, block: Block, typed: set[int], page: str) -> None:
    comparison = Comparison(typed)
    for step in block.steps():
        got = type_step(machine, step)
        assert comparison.same(step.expected, got), pages.difference(page, step, got)


def run_script(machine: Machine, block: Block) -> None:
    machine.link.enter_raw_repl()
    machine.exec(block.text)
    machine.link.leave_raw_repl()


@pytest.fixture
def reader_board(shared_board: SharedBoard, request: pytest.FixtureRequest) -> Machine:
    """An emulated board has just booted, as a reader's has: memory.selftest() on the pages tells
    how many runs of free frames there are, which depends on what ran before."""
    machine: Machine = request.getfixturevalue("board" if shared_board.port else "fresh")
    return machine


@pytest.mark.only_raw  # as `pimem run` does: other RAM has other addresses
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(reader_board: Machine, page: str) -> None:
    board = reader_board
    typed: set[int] = set()
    ran = 0
    board.link.leave_raw_repl()
    try:
        for block in python_blocks(page):
            typed |= typed_numbers(block.text)
            emulated = board.qemu is not None
            if pages.SPECIAL & set(block.options) or not block.runs_on(
                board.name, emulated=emulated
            ):
                continue
            if block.is_transcript:
                type_block(board, block, typed, page)
            else:
                run_script(board, block)
            ran += 1
    except BoardCrash:
        board.lost = True
        raise
    # The others have a block or two, on some boards.
    assert ran > 5 or page not in ("docs/memory.md", "docs/tutorial.md")


NAMES = """\
owners = memory, memory.frames, memory.Frames, memory.AddressSpace, memory.Heap, memory.Block
def names():
    return [n for owner in owners for n in dir(owner) if n[0] != "_" and n != "boot"]
"""


def test_every_name_of_memory_is_in_the_reference(board: Machine) -> None:
    text = (ROOT / "docs" / "memory.md").read_text()
    names = set(board.eval("names()", "import memory\n" + NAMES))
    assert {"info", "frames", "alloc", "compact", "realloc"} <= names
    stub = ROOT / "modules" / "memory" / "stubs" / "memory-stubs" / "__init__.pyi"
    names |= set(re.findall(r"^(?:def )?([a-z]\w*)[(:]", stub.read_text(), re.MULTILINE))
    assert {"kernel", "ramdisk", "selftest"} <= names
    assert [n for n in sorted(names) if not re.search(rf"\b{n}\b", text)] == []


def test_every_name_of_machine_is_in_the_quick_reference(board: Machine) -> None:
    text = (ROOT / "docs" / "quickref.md").read_text()
    names = {name for name in board.eval("dir(machine)", "import machine") if name[0] != "_"}
    assert {"Timer", "mem8", "RTC", "reset_cause"} <= names
    # Of the causes of a reset it has one in full.
    known = {name.replace("_RESET", "_") for name in names}
    assert [name for name in sorted(known) if not re.search(rf"\b{name}", text)] == []


CRASHES = [
    pytest.param(page, block, id=f"{page}:{block.line}")
    for page in PAGES
    for block in python_blocks(page)
    if "crash" in block.options
]


@pytest.mark.parametrize(("page", "block"), CRASHES)
def test_a_crash_is_as_the_page_says(fresh: Machine, page: str, block: Block) -> None:
    if not block.runs_on(fresh.name, emulated=True):
        pytest.skip(f"the page says this of {' and '.join(block.options[1:])} only")
    *before, last = block.steps()
    fresh.link.leave_raw_repl()
    for step in before:
        assert type_step(fresh, step) == step.expected, step.source
    fresh.link.forget()
    with pytest.raises(BoardCrash) as caught:
        type_step(fresh, last)
    comparison = Comparison(typed_numbers(block.text))
    got = [line.rstrip() for line in caught.value.text.splitlines()]
    wanted = [line.rstrip() for line in last.expected if line]
    assert comparison.same(wanted, got), "\n".join(got)


# The pages as text


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


TEXTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("boards/*/*.md")])


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page.read_text()):
        target = (page.parent / file) if file else page
        assert target.is_file(), file
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_names_its_language(page: Path) -> None:
    fenced = re.compile(r"^ *(```+)([^`\n]*)\n.*?^ *\1$", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    languages = {match[2].partition(" ")[0] for match in fenced.finditer(text)}
    languages.discard("py")  # needs a package of a client: test_page_types.py leaves it out
    assert languages <= {"python", "console", "sh", "text", "c", "json", "markdown", "toml"}
    assert "```" not in fenced.sub("", text)


SOURCES = [
    path
    for folder in ("ports", "modules", "boards", "tools", "tests")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".c", ".h", ".S", ".py", ".toml", ".json", ".txt", ".mk", ".md")
]
#: Made by a reader, or of the board.
NOT_HERE = {"boot.py", "main.py", "primes.c", "script.py", "README.txt"}


def without_recipes(text: str) -> str:
    return re.sub(r"^## (?:Add |Recipes).*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def files_named(text: str) -> set[str]:
    text = without_recipes(text)
    return set(re.findall(r"(?<![\w/.:-])[\w./-]*\w\.(?:py|[chS])\b(?!\.)", text)) - NOT_HERE


@pytest.mark.parametrize("page", ["README.md", "docs/porting.md"])
def test_the_files_that_a_page_names_exist(page: str) -> None:
    paths = [f"/{path.relative_to(ROOT)}" for path in SOURCES]
    named = files_named((ROOT / page).read_text())
    assert len(named) > 5 or page == "README.md"
    assert [name for name in sorted(named) if not any(p.endswith(f"/{name}") for p in paths)] == []


def test_the_functions_of_the_way_of_a_fault_exist_where_the_page_says() -> None:
    text = (ROOT / "docs" / "porting.md").read_text()
    section = text.partition("## Where a page fault goes\n")[2].partition("\n## ")[0]
    found = re.findall(r"^ *(?:\d +)?(\w+)\(\) +(\w+/[\w/]+\.c)", section, re.MULTILINE)
    assert len(found) >= 15
    for name, file in found:
        (path,) = (path for path in SOURCES if str(path).endswith(f"/{file}"))
        assert re.search(rf"^\w.*\b{name}\(", path.read_text(), re.MULTILINE), (name, file)
    everything = "\n".join(
        path.read_text() for path in SOURCES if path.suffix in (".c", ".S", ".py")
    )
    named = set(re.findall(r"\b(\w+)\(\)", without_recipes(text)))
    assert len(named) > 20
    assert [name for name in sorted(named) if not re.search(rf"\b{name}\b", everything)] == []


# The rule itself


def lines_agree(wanted: str, got: str, typed: set[int]) -> bool:
    return Comparison(typed).same(wanted.splitlines(), got.splitlines())


@pytest.mark.parametrize(
    ("wanted", "got", "agree"),
    [
        ("frame 0x188000", "frame 0x1a9000", True),
        ("frame 0x188000", "fram 0x188000", False),
        ("at 0x4000000000", "at 0x4000001000", False),  # typed
        ("0x188000 0x188000", "0x1000 0x1000", True),
        ("0x188000 0x188000", "0x1000 0x2000", False),
        ("0x188000 0x189000", "0x1000 0x1000", False),
        ("245111 free", "31992 free", True),
        ("245111 free", "31 free", False),
        ("16 tables", "17 tables", False),
        ("ASID 2", "ASID 17", True),
        ("level 3", "level 2", False),
        ("on 2026-11-24", "on 2027-01-02", True),
        ("21 of ... pages", "21 of 3000 pages", True),
        ("21 of ... pages", "22 of 3000 pages", False),
        ("= 0060000000197f03 page", "= 0060000000198f03 page", True),
        ("= 0060000000197f03 page", "= 0060000000198f83 page", False),
        ("a\n[...]\nd", "a\nb\nc\nd", True),
        ("a\n[...]\nd", "a\nb\nc", False),
        ("a", "a\nb", False),
    ],
)
def test_what_may_differ(wanted: str, got: str, agree: bool) -> None:
    assert lines_agree(wanted, got, {0x4000000000}) is agree


@pytest.mark.parametrize(
    ("wanted", "got", "agree"),
    [
        ("245111 free", "245111 free", True),
        ("245111 free", "245112 free", False),
        ("at 0x197000", "at 0x198000", True),
        ("at 0x197000", "at 0x198004", False),  # no page
        ("'0x6f6c6c6568'", "'0x6f6c6c6569'", False),  # no address
        ("'0x60000000197f03'", "'0x60000000198f03'", True),
        ("'0x60000000197f03'", "'0x60000000198f83'", False),
        ("pc 0xffff0080000e18c8", "pc 0xffff0080000e8cd8", True),
        ("pc 0xffff0080000e18c8", "pc 0xffff0081000e18c8", False),  # another window
        ("0001000000185000", "0001000000186000", True),
        ("0001000000185000", "0002000000185000", False),
    ],
)
def test_what_may_differ_where_the_page_was_written(wanted: str, got: str, agree: bool) -> None:
    assert Comparison(set(), same_board=True).same([wanted], [got]) is agree
