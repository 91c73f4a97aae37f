# SPDX-License-Identifier: MIT
"""The runner with the real image: streams and exit codes as the README promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pimem.testing import board_session

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
    command += options
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
def test_stdout_is_the_report_and_the_scripts_output_only(name: str) -> None:
    report = run(name, "").stdout
    done = run(name, PASTED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == report + "True\ndone\n"


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_report_comes_out_as_json(name: str) -> None:
    done = run(name, "import memory, json; print(json.dumps(memory.report()))")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["board"] == name
    assert sum(report["owners"].values()) == report["frames"]["used"]


def test_an_exception_is_1_with_its_traceback_on_stderr() -> None:
    done = run("RPI4", "print('before')\ndef f():\n    raise IndexError(99)\nf()\n")
    assert done.returncode == 1
    assert done.stdout.endswith("before\n")
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "in f\n" in done.stderr
    assert done.stderr.endswith("IndexError: 99\n")
    assert "Traceback" not in done.stdout


def test_a_script_gets_its_arguments(tmp_path: Path) -> None:
    script = tmp_path / "args.py"
    script.write_text("import sys\nprint('|'.join(sys.argv))\n")
    done = run("RPI4", "", str(script), "one", "t'w o", "ü")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{script}|one|t'w o|ü"


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
    assert done.returncode == 4
    assert done.stdout.endswith("before\n")


def test_counting_instructions_gives_the_same_output() -> None:
    assert run("RPI4", "print(6 * 7)", "--icount").stdout == run("RPI4", "print(6 * 7)").stdout
