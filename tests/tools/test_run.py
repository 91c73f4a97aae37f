# SPDX-License-Identifier: MIT
"""The runner as a user meets it: what goes to which stream, and the exit code."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_board import CRASH, FakeBoard
from limits import HANG_SECONDS
from terminals import at_a_terminal, read_until

from pimem.board import boards, follow
from pimem.board.errors import BoardRestarted
from pimem.board.link import Link
from pimem.board.script import execute
from pimem.commands import run

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
Tiny = Callable[..., Path]

BOOT_TEXT = "boot report\r\n  frames 1 of 2\r\nMicroPython v0 on a test\r\n>>> "
SCRIPT = """\
def twice(n):
    for _ in range(2):
        yield n

print(sum(twice(21)))
"""


def test_a_script_on_stdin_runs_on_a_port(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, stdin=SCRIPT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
    assert fake.resets == 1


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_stdin_is_the_script_with_and_without_a_dash(
    pimem: Pimem, fake: FakeBoard, dash: list[str]
) -> None:
    assert pimem("run", "--port", fake.url, *dash, stdin="print(7)").stdout == "7\n"


def test_a_script_file_runs(pimem: Pimem, fake: FakeBoard, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = pimem("run", str(script), "--port", fake.url)
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_an_uncaught_exception_is_1_with_its_traceback_on_stderr(
    pimem: Pimem, fake: FakeBoard
) -> None:
    done = pimem("run", "--port", fake.url, stdin="print('before')\n1 / 0\n")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("script", ["print(1)", "1 / 0"])
def test_the_next_program_on_the_port_finds_a_prompt(
    pimem: Pimem, fake: FakeBoard, script: str
) -> None:
    pimem("run", "--port", fake.url, stdin=script)
    with Link(fake.url) as link:
        link.write(b"\r")
        link.read_until(b"\r\n>>> ")


def test_a_crash_is_3_with_the_report_on_stderr(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, stdin="print('before')\ncrash()\n")
    assert (done.returncode, done.stdout) == (3, "before\n\n")
    assert "*** crash: exception in the fake\nx0 " in done.stderr
    assert 'CRASH {"cause": "test", "far": "0x10"}\n' in done.stderr


def test_silence_is_4(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, "--timeout", "1", stdin="print('a')\nhang()\n")
    assert (done.returncode, done.stdout) == (4, "a\n")
    assert "silent for 1 s" in done.stderr


def test_a_board_that_never_answers_is_4(pimem: Pimem) -> None:
    with FakeBoard() as off:
        done = pimem("run", "--port", off.url, "--timeout", "1", stdin="print(1)\n")
    assert (done.returncode, done.stdout) == (4, "")


REPORT = "*** crash: exception in the fake\nx0 1\n"
LOOKS_LIKE_IT = {
    "broken crash line": "CRASH {oops}\n",
    "crash line": 'CRASH {"cause": "x"}\nmore\n',
    "report": REPORT + 'CRASH {"cause": "x"}\nmore\n',
    "report alone": REPORT,
    "end byte": "a\x04b\x04>c\x04\x04>\n",
    "stars": "*** *** cra\nCRASH\nCRA",
    "boot report": "Raspberry Pi 4 (RPI4), entered at EL2, 4 cores\n",
    "banner": 'MicroPython v0\nType "help()"\n',
}


@pytest.mark.parametrize("text", LOOKS_LIKE_IT.values(), ids=LOOKS_LIKE_IT)
def test_output_is_output_whatever_it_looks_like(pimem: Pimem, fake: FakeBoard, text: str) -> None:
    done = pimem("run", "--port", fake.url, stdin=f"print({text!r}, end='')")
    assert (done.returncode, done.stdout, done.stderr) == (0, text, "")


def test_what_only_looks_like_a_crash_is_shown_while_the_script_goes_on(fake: FakeBoard) -> None:
    script = f"import time\nprint({REPORT!r})\nwait()\nprint('end')"
    command = [sys.executable, "-m", "pimem", "run", "--port", fake.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        child.stdin.write(script.encode())
        child.stdin.close()
        read_until(child.stdout.fileno(), b"x0 1\n")
        fake.go.set()
        read_until(child.stdout.fileno(), b"end\n")
        assert child.wait(HANG_SECONDS) == 0


@pytest.mark.parametrize(("value", "code", "text"), [("'a\x04b'", 1, "a\x04b\n"), ("7", 7, "")])
def test_an_exit_value_arrives_whatever_it_has_in_it(
    pimem: Pimem, fake: FakeBoard, value: str, code: int, text: str
) -> None:
    done = pimem("run", "--port", fake.url, stdin=f"raise SystemExit({value})")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", text)


def test_names_that_the_script_defines_anew_do_not_matter(pimem: Pimem, fake: FakeBoard) -> None:
    script = "print(1)\nprint = repr = str = sys = SystemExit = BaseException = None\n1 / 0"
    done = pimem("run", "--port", fake.url, stdin=script)
    assert (done.returncode, done.stdout) == (1, "1\n")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_script_has_its_name_and_no_mark_of_utf_8(
    pimem: Pimem, fake: FakeBoard, tmp_path: Path
) -> None:
    script = tmp_path / "mine.py"
    script.write_bytes(b"\xef\xbb\xbfimport sys\nprint(sys.argv)\n1 / 0\n")
    done = pimem("run", str(script), "--port", fake.url)
    assert (done.returncode, done.stdout) == (1, f"['{script}']\n")
    assert f'File "{script}", line 3, in <module>' in done.stderr
    done = pimem("run", "--port", fake.url, "-", "a", stdin="import sys\nprint(sys.argv)")
    assert done.stdout == "['-', 'a']\n"


@pytest.mark.parametrize(("cause", "code"), [(2, 0), (3, 3), (6, 3)])
def test_a_board_that_restarts_ends_the_script(
    pimem: Pimem, fake: FakeBoard, cause: int, code: int
) -> None:
    done = pimem("run", "--port", fake.url, stdin=f"print('before')\nrestart({cause})")
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("before\n")
    said = "the board restarted\npimem: it is at its prompt again; the script is not repeated\n"
    assert done.stderr.endswith(f"pimem: {said}")


def test_a_board_that_crashes_and_restarts_is_3_with_the_report(
    pimem: Pimem, fake: FakeBoard
) -> None:
    text = CRASH.decode()
    done = pimem("run", "--port", fake.url, stdin=f"print('before')\nrestart(2, {text!r})")
    assert (done.returncode, done.stdout) == (3, "before\n\n")
    assert 'CRASH {"cause": "test", "far": "0x10"}\n' in done.stderr
    assert done.stderr.index("*** crash: ") < done.stderr.index("pimem: the board restarted\n")


def test_a_silent_script_is_not_given_up(
    fake: FakeBoard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_SECONDS", 1.2)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Link(fake.url) as link:
        link.enter_raw_repl()
        usual, link.silence = link.silence, 0.5

        def hint(seconds: float) -> None:
            run.hint(seconds)
            link.silence = usual
            fake.go.set()

        sunk: list[bytes] = []
        execute(link, b"wait()\nprint('end')", sunk.append, company=follow.Company(hint=hint))
    assert b"".join(sunk) == b"end\r\n"
    assert re.fullmatch(
        r"pimem: the script has printed nothing for \d+ s; Ctrl-C stops it\n",
        capsys.readouterr().err,
    )


class Clock:
    """A clock that is set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


@pytest.mark.parametrize("script", [b"print('end')", b"print('end')\nrestart()"])
def test_the_time_to_send_a_script_is_no_silence(
    fake: FakeBoard, monkeypatch: pytest.MonkeyPatch, script: bytes
) -> None:
    clock = Clock()
    monkeypatch.setattr(follow, "time", clock)
    sunk: list[bytes] = []
    with Link(fake.url) as link, contextlib.suppress(BoardRestarted):
        paste = link.paste

        def slow(source: bytes) -> None:
            paste(source)
            came = bytearray()
            while not came.endswith((b"\x04>", b">>> ")):
                came += link.receive()
            link.unread_again(came)
            clock.ahead += 1000

        monkeypatch.setattr(link, "paste", slow)
        link.enter_raw_repl()
        execute(link, script, sunk.append, company=follow.Company(silence=100))
    assert b"".join(sunk).startswith(b"end\r\n")


def test_a_port_that_vanishes_is_noticed_at_once(fake: FakeBoard) -> None:
    command = [sys.executable, "-m", "pimem", "run", "--port", fake.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        assert child.stdin and child.stdout and child.stderr
        child.stdin.write(b"print('running')\nhang()")
        child.stdin.close()
        assert child.stdout.readline() == b"running\n"
        fake.vanish()
        assert child.wait(HANG_SECONDS) == 4  # no silence ends it: --timeout is not given
        assert b"it is disconnected" in child.stderr.read()


def test_a_script_reads_what_is_typed_at_a_terminal(fake: FakeBoard, tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text("print('name?')\nprint('hello ' + read())\n")
    with at_a_terminal("run", str(script), "--port", fake.url) as (master, child):
        read_until(master, b"name?")
        os.write(master, b"you\n")
        read_until(master, b"hello you")
        assert child.wait(HANG_SECONDS) == 0


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["run", "--board", "ZX81"], "ZX81"),
        (["run", "no-such-script.py"], "no-such-script.py"),
        (["run", "--kernel", "no-such.img"], "no-such.img"),
        (["repl"], "terminal"),
        (["fly"], "fly"),
    ],
)
def test_usage_errors_are_2_and_name_the_culprit(
    pimem: Pimem, args: list[str], named: str
) -> None:
    done = pimem(*args)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("board", boards.names())
def test_an_empty_stdin_boots_prints_the_report_and_ends(
    pimem: Pimem, tiny: Tiny, board: str
) -> None:
    image = tiny(board, BOOT_TEXT)
    done = pimem("run", "--board", board, "--kernel", str(image))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "boot report\n  frames 1 of 2\n"


def test_a_crash_while_booting_is_3(pimem: Pimem, tiny: Tiny) -> None:
    text = 'boot\r\n\r\n*** crash: early\r\nCRASH {"cause": "early"}\r\n'
    done = pimem("run", "--kernel", str(tiny("RPI4", text)))
    assert (done.returncode, done.stdout) == (3, "boot\n\n")
    assert '*** crash: early\nCRASH {"cause": "early"}\npimem: ' in done.stderr


@pytest.mark.parametrize("script", ["", "print(1)"])
def test_a_machine_that_restarts_for_ever_is_4(pimem: Pimem, tiny: Tiny, script: str) -> None:
    image = tiny("QEMU_VIRT", "about to go\r\n", then="reset")
    done = pimem("run", "--board", "QEMU_VIRT", "--kernel", str(image), stdin=script)
    assert done.returncode == 4
    assert "about to go\nabout to go\n" in (done.stderr if script else done.stdout)
    assert "pimem: the board restarted more than 4 times without a prompt\n" in done.stderr


def test_a_boot_that_falls_silent_is_4(pimem: Pimem, tiny: Tiny) -> None:
    image = tiny("RPI3", "half a rep", then="spin")
    done = pimem("run", "--board", "RPI3", "--kernel", str(image), "--timeout", "1")
    assert (done.returncode, done.stdout) == (4, "half a rep")


@pytest.mark.parametrize("command", ["run", "repl"])
def test_a_terminal_gets_a_repl_and_is_told_how_to_leave(fake: FakeBoard, command: str) -> None:
    with at_a_terminal(command, "--port", fake.url) as (master, child):
        assert b"Ctrl-] leaves" in read_until(master, b">>> ")
        os.write(master, b"typed")
        read_until(master, b"typed")
        os.write(master, b"\x1d")
        assert child.wait(HANG_SECONDS) == 0


def test_a_crash_at_the_repl_is_told_and_kept(fake: FakeBoard, tmp_path: Path) -> None:
    capture = tmp_path / "log"
    with at_a_terminal("repl", "--port", fake.url, "--capture", str(capture)) as (master, child):
        read_until(master, b">>> ")
        fake.send(CRASH)
        read_until(master, b"-- the board crashed; Ctrl-] leaves --")
        os.write(master, b"\x1d")
        assert child.wait(HANG_SECONDS) == 3
    text = capture.read_text()
    assert "*** crash: exception in the fake\n" in text and "[" not in text.partition("*")[0]


def test_a_repl_on_a_port_that_is_not_there_ends_at_once(tmp_path: Path) -> None:
    with at_a_terminal("repl", "--port", str(tmp_path / "none")) as (master, child):
        read_until(master, b"there is no such device; `pimem ports` lists what there is")
        assert child.wait(HANG_SECONDS) == 4


@pytest.mark.parametrize("key", [b"\x1d", b"\x03"])
def test_who_waits_for_a_port_can_leave(tmp_path: Path, key: bytes) -> None:
    with at_a_terminal("monitor", "--port", str(tmp_path / "none")) as (master, child):
        read_until(master, b"waiting for it, 60 s at most --")
        os.write(master, key)
        assert child.wait(HANG_SECONDS) == 0
