# SPDX-License-Identifier: MIT
"""What of a card is mounted at boot, and which of its files run."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cards import tool
from on_board import ask

from pimem.board import boards
from pimem.board.link import END, RAW_PROMPT, to_text
from pimem.board.qemu import card_args
from pimem.card import fat
from pimem.testing import Machine, board_session

MIB = 1 << 20
HALF = 64 * MIB
EROFS = 30
BAR = 1_500_000  # instructions to the prompt
PER_TICK = 16
LOOK = "import os, sys, vfs"
SAY = "print('{} ran')\n"
SD_LINE = "files    /sd: partition 1 of the SD card, read-only"
RAM_LINE = "files    /: RAM disk, lost at reset"
PATH = ["", ".frozen", "/lib", "/sd/lib"]
ROOT_LINE = "files    /: partition 2 of the SD card, read and write"


def make(path: Path, files: Mapping[str, str], second: Mapping[str, str] | None = None) -> Path:
    """A card with files on its first partition, and with `second` on another one."""
    contents = {name: text.encode() for name, text in files.items()}
    fat.build(path, HALF, contents, ("lib",), label="BOOT", serial=1, epoch=1 << 30)
    if second is None:
        return path
    first, count = HALF // 512, HALF // 512
    with path.open("r+b") as file:
        file.truncate(2 * HALF)
        file.seek(446 + 16)
        file.write(struct.pack("<4xB3xII", 0x0C, first, count))
    tool("mkfs.fat", "-F", "32", "--offset", str(first), str(path), str(HALF // 1024))
    for name, text in second.items():
        source = path.with_name(name)
        source.write_text(text)
        tool("mcopy", "-i", f"{path}@@{HALF}", str(source), "::")
    return path


def booted(name: str, card: Path, **options: object) -> AbstractContextManager[Machine]:
    """The board with a card, in the raw REPL; what it printed before is `report`."""
    return board_session.booted(name, extra=card_args(boards.load(name), card), **options)


def first_partition(card: Path) -> str:
    with card.open("rb") as file:
        return hashlib.sha256(file.read(HALF)).hexdigest()


@pytest.fixture(params=board_session.PIS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_first_partition_is_read_only_and_its_files_run(name: str, tmp_path: Path) -> None:
    files = {"boot.py": SAY.format("boot.py"), "main.py": SAY.format("main.py")}
    card = make(tmp_path / "card", files | {"other.txt": "hello"})
    before = first_partition(card)
    with booted(name, card) as machine:
        said = machine.report
        got = ask(
            machine,
            """
            import os, sys
            listed = sorted(os.listdir("/sd"))
            denied = refused(open, "/sd/new", "w")[1], refused(os.remove, "/sd/other.txt")[1]
            print((listed, denied, sys.path, open("/sd/other.txt").read()))
            """,
        )
        again = machine.soft_reset()
    assert said.index(SD_LINE) < said.index("boot.py ran") < said.index("main.py ran")
    assert ROOT_LINE not in said and RAM_LINE in said
    assert got == (["boot.py", "lib", "main.py", "other.txt"], (EROFS, EROFS), PATH, "hello")
    assert "boot.py ran" in again and "main.py ran" not in again, "a tool has the board"
    assert first_partition(card) == before


def test_the_second_partition_is_the_root_and_its_files_come_first(
    name: str, tmp_path: Path
) -> None:
    second = {"main.py": "import helper\n" + SAY.format("its main.py")}
    card = make(tmp_path / "card", {"main.py": SAY.format("the other")}, second)
    before = first_partition(card)
    with booted(name, card) as machine:
        said = machine.report
        got = ask(
            machine,
            """
            import os, sys
            os.mkdir("/lib")
            with open("/lib/helper.py", "w") as file:
                file.write("print('helper ran')")
            print((sorted(os.listdir("/")), sys.path, os.getcwd()))
            """,
        )
    assert SD_LINE in said and ROOT_LINE in said and RAM_LINE not in said
    assert "ImportError: no module named 'helper'" in said and "the other ran" not in said
    assert got == (["lib", "main.py", "sd"], PATH, "/")
    [other] = set(board_session.PIS) - {name}
    with booted(other, card) as machine:
        said = machine.report
    assert said.index("helper ran") < said.index("its main.py ran")
    assert first_partition(card) == before


def test_a_file_skipboot_keeps_them_from_running(name: str, tmp_path: Path) -> None:
    files = {name: SAY.format(name) for name in ("boot.py", "main.py")}
    card = make(tmp_path / "card", files | {"SKIPBOOT": ""})
    with booted(name, card) as machine:
        said = machine.report
        reason = machine.eval("memory.report()['safe_mode']", "import memory")
    assert ".py ran" not in said
    assert reason == "the card has a file SKIPBOOT; boot.py and main.py were not run"


def test_a_second_partition_without_a_filesystem_is_left_alone(name: str, tmp_path: Path) -> None:
    card = make(tmp_path / "card", {}, {})
    with card.open("r+b") as file:
        file.seek(HALF)
        file.write(bytes(MIB))
    digest = hashlib.sha256(card.read_bytes()).hexdigest()
    with booted(name, card) as machine:
        said = machine.report
        listed = machine.eval("os.listdir('/')", "import os")
    assert SD_LINE in said and ROOT_LINE not in said and RAM_LINE in said
    assert listed == ["sd"]
    assert hashlib.sha256(card.read_bytes()).hexdigest() == digest


def test_a_card_without_a_table_is_left_alone(name: str, tmp_path: Path) -> None:
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.truncate(MIB)
    with booted(name, card) as machine:
        said = machine.report
        assert machine.eval("os.listdir('/')", "import os") == []
    assert SD_LINE not in said and RAM_LINE in said and "could not" not in said
    assert not any(card.read_bytes())


def test_the_fourth_start_does_not_run_what_came_to_no_prompt(name: str, tmp_path: Path) -> None:
    files = {"main.py": SAY.format("main.py") + "import machine\nmachine.reset()\n"}
    why = "three starts came to no prompt; boot.py and main.py were not run"
    with booted(name, make(tmp_path / "card", files), reboot=True) as machine:
        assert machine.report.count("main.py ran") == 3
        assert f"Safe mode: {why}" in machine.report
        assert machine.eval("memory.report()['safe_mode']", "import memory") == why
        # The prompt is reached, and the count begins again: also where input is there before it.
        machine.link.write(END + b"import machine; machine.reset()" + END)
        again = to_text(machine.link.read_until(f"Safe mode: {why}".encode(), total=120))
    soft_reset, _, resets = again.partition(RAW_PROMPT.decode().replace("\r", ""))
    assert "main.py ran" not in soft_reset and resets.count("main.py ran") == 3


def test_a_run_of_a_minute_is_none_that_failed(name: str, tmp_path: Path) -> None:
    """QEMU's clock jumps over sleeps when it counts instructions."""
    main = """
import machine, os, time
with open("/log", "a") as file:
    file.write("x")
runs = os.stat("/log")[6]
if runs < 5:
    time.sleep(61)
    machine.reset()
print("run", runs)
"""
    card = make(tmp_path / "card", {}, {"main.py": main})
    with booted(name, card, icount=True, reboot=True) as machine:
        assert "run 5" in machine.report and "Safe mode" not in machine.report


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_without_a_card_a_ram_disk_is_the_root(name: str) -> None:
    with board_session.booted(name) as machine:
        said = machine.report
        there = machine.eval("(os.listdir('/'), sys.path, len(vfs.mount()))", LOOK)
        assert machine.eval("memory.frames.owners().get('ramdisk')", "import memory") is None
        assert "files" not in machine.soft_reset()
        assert machine.eval("memory.check()", "import memory") == []
    assert said.index("MMU on") < said.index(RAM_LINE)
    assert there == [[], ["", ".frozen", "/lib"], 1]


def test_the_prompt_comes_within_a_million_and_a_half_instructions_with_a_card(
    name: str, tmp_path: Path
) -> None:
    with booted(name, make(tmp_path / "card", {}, {}), icount=True) as machine:
        assert ROOT_LINE in machine.report
        begin, prompt, asleep = machine.eval("_memory.boot_ticks()", "import _memory")
    count = (prompt - begin - asleep) * PER_TICK
    print(f"{name}: {count} instructions with a card")
    assert count <= BAR
