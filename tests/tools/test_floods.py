# SPDX-License-Identifier: MIT
"""Boards that print when no script runs, as callbacks of timers do, or that print without end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_board import PLACES, RAW_PROMPT, FakeBoard

from pimem.board import boards, follow, line, link, script
from pimem.board.errors import NoAnswer, ScriptError
from pimem.board.link import Link
from pimem.board.monitor import Watcher
from pimem.bringup import listen
from pimem.testing.board_session import Machine

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
LATE = b"late\r\n"
#: Where late output belongs to the script's: it may come before the end, and after it.
OUTPUT = ("running", "ended", "idle")
LONG = "#" * 200 + "\n"  # more than a window
LITTLE = 1 << 16

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def raw(fake: FakeBoard) -> Iterator[Link]:
    with Link(fake.url, silence=5) as opened:
        opened.enter_raw_repl()
        yield opened


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads keep little, so that a flood is soon too much."""
    for module in (line, listen):
        monkeypatch.setattr(module, "MOST_BYTES", LITTLE)


def expected(place: str) -> str:
    return "late\n" if place in OUTPUT else ""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", [LATE, b"> ", b"late", b">>> \r\nraw REPL;"])
def test_a_scripts_output_survives_late_output(
    raw: Link, fake: FakeBoard, place: str, text: bytes
) -> None:
    fake.late[place] = text
    late = text.decode().replace("\r\n", "\n") if place in OUTPUT else ""
    if place == "ended":  # before the '>'
        late = late.replace(">", "", 1) + (">" if ">" in late else "")
    assert raw.exec(LONG + "print('out')") == ("out\n" + late, "")
    fake.late.clear()
    assert raw.exec("print('after')") == ("after\n", "")


@pytest.mark.parametrize("place", PLACES)
def test_a_traceback_survives_late_output(raw: Link, fake: FakeBoard, place: str) -> None:
    fake.late[place] = LATE
    output, errors = raw.exec(LONG + "print('out')\n1 / 0")
    assert output == "out\n" + expected(place)
    assert errors.startswith("Traceback") and "ZeroDivisionError: division by zero\n" in errors
    with pytest.raises(ScriptError, match="ZeroDivisionError" if place != "failing" else "late"):
        raw.run("1 / 0")


@pytest.mark.parametrize("place", PLACES)
def test_a_scripts_output_survives_all_late_output_but_that_of_a_place(
    raw: Link, fake: FakeBoard, place: str
) -> None:
    fake.late = {each: LATE for each in PLACES if each not in (place, "failing")}
    late = "".join(expected(each) for each in OUTPUT if each != place)
    assert raw.exec("print('out')") == ("out\n" + late, "")
    output, errors = raw.exec("print('out')\n1 / 0")
    assert output == "out\n" + late and errors.startswith("Traceback")


@pytest.mark.parametrize("boot_py", [b"", b"a > b\r\n", b">>> MPY\r\n" + LATE * 50])
@pytest.mark.parametrize("place", ["running", "leaving", "restarted", "answered"])
def test_the_end_by_system_exit_is_found(
    raw: Link, fake: FakeBoard, boot_py: bytes, place: str
) -> None:
    fake.boot_py = boot_py
    fake.hook = b"bye\r\n"
    fake.late[place] = LATE
    shown = {"running": "out\nlate\nbye\n", "leaving": "out\nbye\nlate\n"}
    ended = raw.exec("print('out')\nraise SystemExit")
    assert ended == (shown.get(place, "out\nbye\n"), "")
    fake.late.clear()
    for n in range(3):
        assert raw.exec(f"print({n})") == (f"{n}\n", "")


def test_a_boot_py_that_reads_the_answer_to_nothing_is_waited_for_once(
    fake: FakeBoard,
) -> None:
    """The Ctrl-A that asks whether the raw REPL is idle."""
    fake.boot_py, fake.takes_keys = b"more > ", 1
    with Link(fake.url, silence=1) as raw:
        raw.enter_raw_repl()
        assert raw.exec("print('out')\nraise SystemExit") == ("out\n", "")
        assert raw.exec("print('after')") == ("after\n", "")


def test_a_flood_that_a_script_begins_ends_nothing(raw: Link, fake: FakeBoard) -> None:
    output, errors = raw.exec("print('out')\nflood('late\\n')")
    assert output.startswith("out\n") and errors == ""
    output, errors = raw.exec(LONG + "print('more')\n1 / 0")
    assert "more\n" in output and errors.endswith("ZeroDivisionError: division by zero\n")
    raw.soft_reset()
    raw.leave_raw_repl()
    raw.enter_raw_repl()
    assert "again\n" in raw.run("print('again')")


def test_a_value_is_read_in_a_flood(raw: Link, fake: FakeBoard) -> None:
    raw.exec("flood('late\\n')")
    machine = Machine(boards.load("RPI4"), raw)
    assert [machine.eval(f"[{n}, 'x']") for n in range(5)] == [[n, "x"] for n in range(5)]


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("text", ["x", "late\n", "*** crash", "CRASH {"])
def test_a_script_that_prints_without_end_is_given_up(raw: Link, text: str) -> None:
    with pytest.raises(NoAnswer, match=r"talks, but does not say b'\\x04' in 0 MiB; it sent last"):
        raw.exec(f"while True: print({text * 1000!r}, end='')")
    assert len(raw._buffer) <= LITTLE and len(raw._line) <= line.LINE_BYTES + 4096


@pytest.mark.parametrize("call", ["enter_raw_repl", "leave_raw_repl", "soft_reset", "paste"])
def test_no_wait_for_the_prompt_is_without_end(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RESET_SECONDS", 0.5)
    with FakeBoard() as off, Link(off.url, silence=0.5) as opened:
        off.flood("late\n")
        with pytest.raises(NoAnswer, match="talks, but does not say"):
            getattr(opened, call)(*[b"1"][: call == "paste"])


def test_flow_control_is_not_waited_for_without_end(fake: FakeBoard) -> None:
    with Link(fake.url, silence=0.5) as opened:
        opened.enter_raw_repl()
        fake.flood("late\n")
        fake.late["granting"] = b""
        fake._late = lambda place: fake._hang() if place == "granting" else None  # type: ignore
        with pytest.raises(NoAnswer, match="does not say .* as flow control in raw-paste; it se"):
            opened.exec(LONG)


@pytest.mark.usefixtures("little")
def test_a_board_that_talks_and_does_not_read_is_told_so() -> None:
    with FakeBoard() as off, Link(off.url, silence=5) as opened:
        off.flood("late\n" * 100)
        with pytest.raises(NoAnswer, match="talks, but does not take what it is sent"):
            opened.write(bytes(1 << 20))


@pytest.mark.usefixtures("little")
def test_listening_to_a_boot_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeBoard() as off, line.Line(off.url) as opened:
        off.flood("late\n" * 100)
        heard = listen.listen(opened, first=5, silence=5)
    assert heard.trouble == "no prompt in 0 MiB of output"
    assert LITTLE < len(heard.data) < 2 * LITTLE


def test_a_line_without_end_is_not_kept_by_the_monitor() -> None:
    shown: list[str] = []
    watcher = Watcher(shown.append, Path("no.elf"), stamps=False, clock=time.monotonic)
    for _ in range(100):
        watcher.feed(b"x" * 4096)
    assert len(watcher._line) <= line.LINE_BYTES and len("".join(shown)) == 100 * 4096


@pytest.mark.parametrize("place", [each for each in PLACES if each != "failing"])
def test_run_shows_a_script_whole_with_late_output(
    pimem: Pimem, fake: FakeBoard, place: str
) -> None:
    fake.late[place] = LATE
    done = pimem("run", "--port", fake.url, stdin="print('out')")
    assert (done.returncode, done.stdout) == (0, "out\n" + "late\n" * (place == "running"))
    assert done.stderr == ""


def test_run_gets_through_a_flood(pimem: Pimem, fake: FakeBoard) -> None:
    fake.flood("late\n")
    done = pimem("run", "--port", fake.url, stdin="print('out')\nraise SystemExit(7)")
    assert done.returncode == 7 and "out\n" in done.stdout and done.stderr == ""


def test_a_script_that_does_not_begin_is_given_up(
    raw: Link, fake: FakeBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "HELD_SECONDS", 0.5)
    monkeypatch.setattr(script, "wrap", lambda *rest: b"hang()")
    fake.flood("late\n")
    with pytest.raises(NoAnswer, match="the script does not begin; the board sent last"):
        script.execute(raw, b"", lambda data: None)


def test_late_output_that_begins_like_the_prompt_is_none(raw: Link, fake: FakeBoard) -> None:
    fake.late["idle"] = RAW_PROMPT[:-1] + b"\r\n" + LATE
    assert raw.exec("1 / 0")[1].startswith("Traceback")
