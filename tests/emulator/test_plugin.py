# SPDX-License-Identifier: MIT
"""The pytest plugin in a tree outside this one: installed from a clone or as a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from power_on import power_on

from pimem import ROOT

#: Hypothesis takes longer to start than most of these runs.
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
TESTS = """
import pytest
from pimem.testing import Machine, ScriptError

def test_it_adds(board):
    assert board.eval("1 + 1") == 2

def test_it_raises(board: Machine):
    with pytest.raises(ScriptError, match="ZeroDivisionError") as caught:
        board.exec("print('before')\\n1 / 0")
    assert "line 2, in <module>" in caught.value.traceback

def test_nothing_is_left_of_the_test_before(board):
    assert board.exec("print('x' in globals())\\nx = 1") == "False\\n"
"""
FAILS = """
def test_it_fails(board):
    board.exec("def f():\\n    print('before')\\n    1 / 0\\nf()")
"""
NO_IMAGE = """
def test_shared(board):
    pass

def test_fresh(fresh):
    pass

def test_counted(counted):
    pass
"""
NO_JSON = """
import pytest

@pytest.mark.parametrize("expression", ["float('inf')", "object()", "1j"])
def test_there_is_no_such_value(board, expression):
    with pytest.raises(TypeError) as caught:
        board.eval(expression)
    assert str(caught.value).startswith(f"{expression} is ")
    assert str(caught.value).endswith(", which JSON does not have")
"""
UNUSED = """
import sys

def test_nothing_is_imported():
    names = ("serial", "xdist.scheduler", "pimem.board", "pimem.commands", "pimem.testing.")
    assert [name for name in sys.modules if name.startswith(names)] == []

def test_a_board_of_their_own(board):
    assert board == "a surf board"
"""
OWN = """
import pytest

@pytest.fixture
def board():
    return "a surf board"
"""


def copy_clone(clone: Path) -> None:
    """What a clone has: a copy of the package, because its build writes beside the sources."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "tools", clone / "tools", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", clone)
    for name in ("boards", "modules", "build"):
        (clone / name).symlink_to(ROOT / name)


def make_environment(folder: Path) -> Path:
    """A new virtual environment with all that this one has, except pimem."""
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    others = folder / "others"
    others.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if "pimem" not in path.name:
            (others / path.name).symlink_to(path)
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    Path(site, "others.pth").write_text(f"{others}\n")
    return python


def install(python: Path, clone: Path, how: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    what = ["-e", str(clone)] if how == "editable" else [str(clone)]
    done = subprocess.run([*pip, "install", *options, *what], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Environment:
    """A folder with tests, and a Python that has the plugin."""

    def __init__(self, folder: Path, python: Path, clone: Path) -> None:
        self.folder, self.python, self.clone = folder, python, clone

    def pytest(
        self, *options: str, root: Path | None = None, **files: str
    ) -> subprocess.CompletedProcess[str]:
        """Run pytest on these files, alone in a new folder; PIMEM_ROOT is `root` or the clone."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [self.python, "-m", "pytest", *PLUGINS, *options],
            cwd=folder,
            env=env | {"PIMEM_ROOT": str(root or self.clone)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )


@pytest.fixture(scope="module", params=["editable", "wheel"])
def environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    folder = tmp_path_factory.mktemp("environment")
    copy_clone(folder / "clone")
    python = make_environment(folder)
    install(python, folder / "clone", request.param)
    return Environment(folder, python, folder / "clone")


def test_a_test_of_ones_own_runs_in_qemu(environment: Environment) -> None:
    done = environment.pytest(test_own=TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    done = environment.pytest("-v", "--pimem-board", "RPI3", test_own=TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_it_adds[RPI3] PASSED" in done.stdout


def test_the_page_about_it_shows_tests_that_pass(environment: Environment) -> None:
    page = (ROOT / "docs" / "testing.md").read_text()
    (shown,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = environment.pytest(test_own=shown)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{shown.count('def test_')} passed" in done.stdout
    for option in re.findall(r"--pimem-[a-z]+", page):
        assert option in ("--pimem-board", "--pimem-port", "--pimem-transcripts"), option


def test_it_runs_on_a_port(environment: Environment) -> None:
    with power_on("RPI4") as machine:
        where = ["--pimem-board", "RPI4", "--pimem-port", machine.pty]
        done = environment.pytest("-v", *where, test_own=TESTS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"test_it_adds[RPI4@{machine.pty}] PASSED" in done.stdout


def test_a_failure_shows_what_the_board_printed(environment: Environment) -> None:
    done = environment.pytest("--pimem-transcripts", "lines", test_own=FAILS)
    assert done.returncode == 1
    assert 'File "<stdin>", line 3, in f' in done.stdout, "the board's traceback"
    assert "ZeroDivisionError: divide by zero" in done.stdout
    assert re.search(r"^< .*before$", done.stdout, re.MULTILINE), "the end of the serial line"
    assert re.search(r"all of it in lines/.*test_it_fails_RPI4_\.txt", done.stdout)


PLAIN = "def test_plain():\n    pass\n"
WRONG_ROOT = "PIMEM_ROOT=/nope is no source tree of pimem: it has no boards/ and tools/pimem/"


@pytest.mark.parametrize(
    ("options", "root", "files", "message"),
    [
        (["--pimem-board", "ZX81"], None, [TESTS], "no board 'ZX81': it is one of QEMU_VIRT, "),
        (["--pimem-board", "ZX81"], None, [PLAIN], "no board 'ZX81': it is one of QEMU_VIRT, "),
        (["--pimem-board", "RPI4", "--pimem-port", ""], None, [PLAIN], "'' names no port; `pim"),
        (["--pimem-port", "RPI4="], None, [PLAIN], "'RPI4=' names no port; `pimem ports` lists"),
        (["--pimem-port", "/dev/x"], None, [PLAIN], "which board is on port /dev/x? BOARD=/dev/x"),
        (
            ["--pimem-port", "ZX81=/dev/x"],
            None,
            [PLAIN],
            "no board 'ZX81': it is one of QEMU_VIRT",
        ),
        (["--pimem-port", "a://b?c=d"], None, [PLAIN], "which board is on port a://b?c=d? BOARD="),
        ([], Path("/nope"), [TESTS, TESTS], WRONG_ROOT),
        (["--pimem-board", "RPI4"], Path("/nope"), [PLAIN], WRONG_ROOT),
    ],
)
def test_boards_that_cannot_be_tested_are_one_line(
    environment: Environment, options: list[str], root: Path | None, files: list[str], message: str
) -> None:
    named = {f"test_{number}": text for number, text in enumerate(files)}
    done = environment.pytest(*options, root=root, **named)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith(f"ERROR: {message}") and done.stderr.strip().count("\n") == 0
    assert "Traceback" not in done.stdout and "ERROR" not in done.stdout


def test_without_a_clone_each_worker_says_so(environment: Environment) -> None:
    done = environment.pytest("-n2", root=Path("/nope"), test_own=TESTS, test_plain=PLAIN)
    assert done.returncode == 1
    assert done.stdout.count(f"\n{WRONG_ROOT}\n") == 3 and "1 passed" in done.stdout
    assert "Traceback" not in done.stdout and "INTERNALERROR" not in done.stdout


@pytest.mark.parametrize(
    ("variable", "missing"),
    [
        ("PIMEM_BUILD", "no image /nope/RPI/kernel8.img: `make images` builds it"),
        ("QEMU", "cannot start /nope: No such file or directory"),
    ],
)
def test_what_keeps_a_board_from_starting_is_one_line_for_each_test(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, variable: str, missing: str
) -> None:
    monkeypatch.setenv(variable, "/nope")
    done = environment.pytest(test_own=NO_IMAGE, test_plain=PLAIN)
    assert done.returncode == 1 and "1 passed" in done.stdout
    assert done.stdout.count(f"\n{missing}\n") == NO_IMAGE.count("def test_")
    assert "Traceback" not in done.stdout and ".py:" not in done.stdout.split("short test")[0]


def test_values_without_json_are_named(environment: Environment) -> None:
    done = environment.pytest(test_own=NO_JSON)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_that_cannot_be_written_does_not_hide_the_failure(
    environment: Environment,
) -> None:
    done = environment.pytest("--pimem-transcripts", "/proc/nope", test_own=FAILS)
    assert done.returncode == 1 and "INTERNALERROR" not in done.stdout + done.stderr
    assert "its end; all of it cannot be kept: [Errno 2] No such file" in done.stdout
    assert "ZeroDivisionError: divide by zero" in done.stdout


def test_a_port_with_no_board_is_told_once(environment: Environment) -> None:
    done = environment.pytest("--pimem-port", "RPI4=/nope", test_own=TESTS)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("RPI4@/nope: cannot open /nope: ") == 1


def test_a_tree_that_does_not_use_the_plugin_is_not_affected(environment: Environment) -> None:
    done = environment.pytest(test_own=UNUSED, conftest=OWN)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_help_of_pytest_has_three_options_more(environment: Environment) -> None:
    there, without = (environment.pytest("--help", *more) for more in ([], ["-p", "no:pimem"]))
    assert there.returncode == without.returncode == 0
    options = re.compile(r"^ +(--?[\w-]+)", re.MULTILINE)
    added = set(options.findall(there.stdout)) - set(options.findall(without.stdout))
    assert added == {"--pimem-board", "--pimem-port", "--pimem-transcripts"}
