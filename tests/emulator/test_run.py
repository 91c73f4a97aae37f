# SPDX-License-Identifier: MIT
"""The runner with the real image: streams and exit codes as the README promises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from power_on import power_on
from terminals import at_a_terminal, read_until

from pimem import ROOT
from pimem.board.errors import ScriptError
from pimem.testing import board_session

README = (ROOT / "README.md").read_text()

PASTED = """\
import memory

def totals(report):
    frames = report["frames"]
    for key in ("free", "used", "reserved"):
        yield frames[key]

report = memory.report()
print(sum(totals(report)) == report["frames"]["total"])
print("done")
"""


def run(name: str, stdin: str, *options: str) -> subprocess.CompletedProcess[str]:
    kernel = str(board_session.kernel(board_session.boards.load(name)))
    command = [sys.executable, "-m", "pimem", "run", "--board", name, "--kernel", kernel]
    command += ["--timeout", "60", *options]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_an_empty_stdin_prints_the_boot_report(name: str) -> None:
    done = run(name, "")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert 5 < len(lines) <= 24
    assert f"({name})" in lines[0]
    for word in ("TTBR0", "TTBR1", "frames", "heap"):
        assert any(line.startswith(word) for line in lines), word


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_stdout_is_the_scripts_output_and_stderr_the_report(name: str) -> None:
    report = run(name, "").stdout
    done = run(name, PASTED)
    assert (done.returncode, done.stderr) == (0, report)
    assert done.stdout == "True\ndone\n"


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_report_comes_out_as_json(name: str) -> None:
    done = run(name, "import memory, json; print(json.dumps(memory.report()))")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["board"] == name
    assert sum(report["owners"].values()) == report["frames"]["used"]


def test_an_exception_is_1_with_its_traceback_on_stderr() -> None:
    done = run("RPI4", "print('before')\ndef f():\n    raise IndexError(99)\nf()\n")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert "\nTraceback (most recent call last):\n" in done.stderr
    assert "in f\n" in done.stderr
    assert done.stderr.endswith("IndexError: 99\n")
    assert "Traceback" not in done.stdout


def test_a_script_gets_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "args.py"
    script.write_text("import sys\nprint('|'.join(sys.argv))\n")
    done = run("RPI4", "", str(script), "one", "t'w o", "ü")
    assert (done.returncode, done.stdout) == (0, f"{script}|one|t'w o|ü\n")


def test_a_script_has_its_name(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_bytes(b"\xef\xbb\xbfimport sys\nprint(sys.argv)\ndef f():\n    1 / 0\nf()\n")
    done = run("RPI4", "", str(script))
    assert (done.returncode, done.stdout) == (1, f"['{script}']\n")
    assert done.stderr.endswith(
        f'Traceback (most recent call last):\n  File "{script}", line 5, in <module>\n'
        f'  File "{script}", line 4, in f\nZeroDivisionError: divide by zero\n'
    )


def test_a_script_prints_what_it_likes() -> None:
    text = 'a\x04b\x04>\nCRASH {oops}\nCRASH {"cause":"x"}\n*** crash: no\n'
    done = run("RPI4", f"print({text!r}, end='')\nraise SystemExit('a\x04b')")
    assert (done.returncode, done.stdout) == (1, text)
    assert done.stderr.endswith("a\x04b\n")


def test_a_crash_line_before_a_pause_is_output() -> None:
    text = '*** crash: no\nCRASH {"cause":"x","fault":5}\n'
    done = run("RPI4", f"import time\nprint({text!r}, end='')\ntime.sleep(2.5)\nprint('goes on')")
    assert (done.returncode, done.stdout) == (0, text + "goes on\n")


#: What looks like the end of a script, or like a crash.
LOOKS = (
    "a\x04b\x04>",
    "\x04\x04>",
    "CRASH {oops}\n",
    '*** crash: no\nCRASH {"cause":"x"}\n',
    'CRASH {"cause":1}\n',
    "CRASH {",
)


@pytest.mark.parametrize("pause", [0, 0.3])
def test_a_test_of_the_plugin_prints_what_it_likes(pause: float) -> None:
    with board_session.booted("RPI4") as machine:
        for text in LOOKS:
            script = f"import sys, time\nsys.stdout.write({text!r})\ntime.sleep({pause})\nprint(1)"
            assert machine.exec(script) == text + "1\n"
        with pytest.raises(ScriptError) as caught:
            machine.exec("print('a\\x04b')\nraise ValueError('c\\x04d')")
        assert caught.value.output == "a\x04b\n"
        assert caught.value.traceback.endswith("ValueError: c\x04d\n")
        assert machine.exec("print('a\\x04>')\nraise SystemExit(1)") == "a\x04>\n"
        assert machine.eval("1 + 1") == 2


RESET = "print('before')\nimport machine\nmachine.reset()\n"
CRASH = """\
import machine, memory
memory.crash_action('reset')
print('before')
machine.disable_irq()
machine.mem8[8]
"""


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize(("script", "code"), [(RESET, 0), (CRASH, 3)], ids=["reset", "crash"])
def test_a_board_that_restarts_ends_the_script(name: str, script: str, code: int) -> None:
    report = run(name, "").stdout
    done = run(name, script)
    assert (done.returncode, done.stdout.rstrip("\n")) == (code, "before")
    assert done.stderr.startswith(report)
    middle = done.stderr.removeprefix(report).partition("pimem: the board restarted\n")
    assert ("CRASH {" in middle[0]) == (code == 3) and "CRASH {" not in middle[2]
    first = report.splitlines()[0]
    assert middle[2].startswith(first)
    assert middle[2].endswith("pimem: it is at its prompt again; the script is not repeated\n")


@pytest.mark.parametrize("code", [0, 3])
def test_a_board_on_a_port_that_restarts_ends_the_script(code: int) -> None:
    with power_on("RPI4") as machine:
        board_session.attach("RPI4", machine.pty).close()  # it has booted
        done = run("RPI4", CRASH if code else RESET, "--port", machine.pty)
    assert (done.returncode, done.stdout.rstrip("\n")) == (code, "before")
    assert ("CRASH {" in done.stderr) == (code == 3)
    assert done.stderr.endswith("pimem: it is at its prompt again; the script is not repeated\n")


def test_the_readmes_command_feeds_jq() -> None:
    command = next(line for line in README.splitlines() if "| jq" in line)
    env = {**os.environ, "OUT": str(ROOT / "build")}
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "RPI3" in done.stdout, "the name of the board, taken out of the report by jq"


def test_a_script_asks_at_a_terminal(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text("name = input('who? ')\nprint('hello ' + name)\n")
    kernel = str(board_session.kernel(board_session.boards.load("RPI4")))
    with at_a_terminal("run", str(script), "--kernel", kernel) as (master, child):
        read_until(master, b"who? ", 60)
        os.write(master, b"Jo\n")
        read_until(master, b"hello Jo", 60)
        assert child.wait(60) == 0


def test_input_reads_a_pipe(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text("print([input('a? '), input()])\ninput(7)\n")
    done = run("RPI4", "grüße\nit's\n", str(script))
    assert (done.returncode, done.stdout) == (1, "a? ['gr\\xfc\\xdfe', \"it's\"]\n7")
    frame = f'  File "{script}", line 2, in <module>\n'
    assert done.stderr.endswith(f"(most recent call last):\n{frame}EOFError: \n")


def test_an_emulator_that_ends_is_noticed_at_once(tmp_path: Path) -> None:
    script = tmp_path / "wait.py"
    script.write_text("print('running')\nwhile True: pass\n")
    kernel = str(board_session.kernel(board_session.boards.load("RPI4")))
    with at_a_terminal("run", str(script), "--kernel", kernel) as (master, child):
        read_until(master, b"running", 60)
        emulators = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        os.kill(int(emulators[0]), signal.SIGKILL)
        read_until(master, b"the machine stopped: QEMU ended with status -9", 60)
        assert child.wait(60) == 3


ENDINGS = {
    "import sys\nprint('é')\nsys.exit(5)": (5, "é\n", ""),
    "import sys\nsys.exit()": (0, "", ""),
    "raise SystemExit('bad\\nluck')": (1, "", "bad\nluck\n"),
    "e = 3\ntry:\n    raise SystemExit(4)\nfinally:\n    print(e)": (4, "3\n", ""),
    "print(__name__)\n'" + "x" * 20000 + "'\r\nprint(2)": (0, "__main__\n2\n", ""),
    "x = (": (1, "", 'Traceback (most recent call last):\n  File "<stdin>", line 2\nSynt'),
    "def f():\n    1 / 0\nf()": (
        1,
        "",
        'Traceback (most recent call last):\n  File "<stdin>", line 3, in <module>\n'
        '  File "<stdin>", line 2, in f\nZeroDivisionError: divide by zero\n',
    ),
}


def test_the_exit_code_follows_the_script() -> None:
    with board_session.booted("RPI4") as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        port = machine.emulated().pty
        for script, (code, output, errors) in ENDINGS.items():
            done = run("RPI4", script, "--port", port)
            assert (done.returncode, done.stdout) == (code, output), script
            assert done.stderr.startswith(errors) and bool(errors) == bool(done.stderr), script


def test_silence_is_4() -> None:
    done = run("RPI4", "print('before')\nwhile True: pass\n", "--timeout", "2")
    assert (done.returncode, done.stdout) == (4, "before\n")
    assert done.stderr.endswith("the script was silent for 2 s, the limit that --timeout sets\n")


def test_counting_instructions_gives_the_same_output() -> None:
    assert run("RPI4", "print(6 * 7)", "--icount").stdout == run("RPI4", "print(6 * 7)").stdout


def test_make_is_quiet_where_nothing_is_to_do() -> None:
    done = subprocess.run(["make", "images"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


#: Resets that no call of machine.reset() makes: the power block's registers, and PSCI.
WATCHDOG = """\
from machine import mem32
mem32[{base} + 0x24] = 0x5A00000A
mem32[{base} + 0x1C] = 0x5A000020
"""
PSCI = """\
import memory, struct
page, space = memory.frames.alloc(), memory.AddressSpace()
memoryview(page)[:12] = struct.pack("<III", 0x52800120, 0x72B08000, 0xD4000002)
space.map(0x1000, page, prot="rx")
with space:
    memory.call(0x1000)
"""


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("RPI3", WATCHDOG.format(base="0x3f100000")),
        ("RPI4", WATCHDOG.format(base="0xfe100000")),
        ("QEMU_VIRT", PSCI),
    ],
)
def test_a_reset_that_was_not_asked_for_ends_with_3(name: str, script: str) -> None:
    done = run(name, script)
    assert "the board restarted" in done.stderr and "at its prompt again" in done.stderr
    assert done.returncode == 3


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_card_keeps_what_is_written(name: str, tmp_path: Path) -> None:
    card = tmp_path / "card.img"
    with card.open("wb") as file:
        file.truncate(1 << 20)
    write = "import machine\nprint(machine.SDCard().writeblocks(7, b'kept' * 128))\n"
    done = run(name, write, "--card", str(card))
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert card.read_bytes()[7 * 512 :][:512] == b"kept" * 128


def test_a_card_of_a_board_without_a_slot_is_refused(tmp_path: Path) -> None:
    done = run("QEMU_VIRT", "print(1)", "--card", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pimem: QEMU_VIRT has no slot for a card in QEMU\n"
