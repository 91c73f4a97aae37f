# SPDX-License-Identifier: MIT
"""The package as a wheel, away from its tree; completion in a shell; what -v tells."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_board import FakeBoard
from limits import HANG_SECONDS

import pimem
from pimem import cli

FILES = ("right.py", "wrong.py")
BOOT_TEXT = "report\r\nMicroPython v0 on a test\r\n>>> "
Pimem = Callable[..., "subprocess.CompletedProcess[str]"]


def call(
    program: Path, *words: str, cwd: Path, root: Path | None = None
) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    env.pop("PIMEM_ROOT", None)
    if root:
        env["PIMEM_ROOT"] = str(root)
    return subprocess.run(
        [program, *words],
        cwd=cwd,
        env=env,
        input="",
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `pimem` of a fresh environment that has the wheel, and what it depends on."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    subprocess.run(
        [*build, str(copy_of_sources(folder / "tree"))], check=True, timeout=HANG_SECONDS
    )
    (wheel,) = folder.glob("pimem-*.whl")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=HANG_SECONDS)
    # The dependencies, but not the editable package itself, which a .pth file brings.
    path = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (folder / "env" / path / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.with_name("pimem")


def copy_of_sources(folder: Path) -> Path:
    """What the wheel is made of: a build writes beside it."""
    listed = ["git", "ls-files", "-zco", "--exclude-standard", "tools/pimem", "pyproject.toml"]
    found = subprocess.run(listed, cwd=pimem.ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, found.stdout.split("\0")):
        if (pimem.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((pimem.ROOT / name).read_bytes())
    return folder


def test_the_wheel_has_every_module(installed: Path, tmp_path: Path) -> None:
    ours = {str(p.relative_to(pimem.ROOT / "tools")) for p in modules(pimem.ROOT / "tools")}
    (site,) = installed.parents[1].glob("lib/*/site-packages")
    assert {str(p.relative_to(site)) for p in modules(site)} == ours


def test_the_wheel_brings_its_types(installed: Path, tmp_path: Path) -> None:
    """A test of one's own can name Machine: a type checker knows its methods."""
    tests = "from pimem.testing import Machine\n\n\ndef test_x(board: Machine) -> None:\n    "
    (tmp_path / "right.py").write_text(tests + "assert board.exec('1') == ''\n")
    (tmp_path / "wrong.py").write_text(tests + "board.exec(1)\n")
    command = (sys.executable, "-m", "mypy", "--strict", "--cache-dir=/dev/null")
    where = (*command, "--python-executable", str(installed.with_name("python")))
    right, wrong = (call(Path(where[0]), *where[1:], name, cwd=tmp_path) for name in FILES)
    assert (right.returncode, right.stderr) == (0, ""), right.stdout
    assert 'Argument 1 to "exec" of "Machine" has incompatible type' in wrong.stdout


def modules(folder: Path) -> list[Path]:
    return list((folder / "pimem").rglob("*.py"))


def test_the_wheel_explains_itself_without_a_tree(installed: Path, tmp_path: Path) -> None:
    done = call(installed, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"    {name} " in done.stdout for name in cli.command_names())
    assert call(installed, "run", "--help", cwd=tmp_path).returncode == 0
    assert call(installed, "ports", "--json", cwd=tmp_path).returncode == 0


def test_the_wheel_says_what_to_set_without_a_tree(installed: Path, tmp_path: Path) -> None:
    done = call(installed, "run", "--board", "RPI4", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    expected = "no source tree of pimem here: set PIMEM_ROOT to a clone, or run inside one"
    assert done.stderr == f"pimem: {expected}\n"
    done = call(installed, "run", cwd=tmp_path, root=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pimem: PIMEM_ROOT={tmp_path} is no source tree of pimem")


def test_the_wheel_boots_a_board_of_the_tree(
    installed: Path, tiny: Callable[..., Path], tmp_path: Path
) -> None:
    image = str(tiny("RPI4", BOOT_TEXT))
    options = ("run", "--board", "RPI4", "--kernel", image)
    named = call(installed, *options, cwd=tmp_path, root=pimem.ROOT)
    assert (named.returncode, named.stdout, named.stderr) == (0, "report\n", "")
    inside = call(installed, *options, cwd=pimem.ROOT / "docs")
    assert (inside.returncode, inside.stdout, inside.stderr) == (0, "report\n", "")


def completions(line: str, tmp_path: Path) -> list[str]:
    """The continuations of `line` that the shell gets."""
    out = tmp_path / "completions"
    env = dict(os.environ, _ARGCOMPLETE="1", _ARGCOMPLETE_IFS="\n", COMP_LINE=line)
    env |= {"COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": str(out)}
    command = [sys.executable, "-m", "pimem"]
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=HANG_SECONDS)
    return [word.strip() for word in out.read_text().split("\n") if word.strip()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pimem mon", ["monitor"]),
        ("pimem re", ["repl", "reset"]),
        ("pimem run --kern", ["--kernel"]),
        ("pimem run --board RPI", ["RPI3", "RPI4"]),
    ],
)
def test_a_shell_completes_commands_options_and_boards(
    line: str, words: list[str], tmp_path: Path
) -> None:
    assert sorted(completions(line, tmp_path)) == words


def test_the_marker_for_shells_is_where_they_look() -> None:
    head = (pimem.ROOT / "tools" / "pimem" / "__main__.py").read_bytes()[:1024]
    assert b"PYTHON_ARGCOMPLETE_OK" in head


def test_verbose_tells_what_is_done(pimem: Pimem, tiny: Callable[..., Path]) -> None:
    image = str(tiny("RPI4", BOOT_TEXT))
    done = pimem("-v", "run", "--kernel", image)
    assert (done.returncode, done.stdout) == (0, "report\n")
    assert "pimem: starting qemu-system-aarch64 -M raspi4b" in done.stderr
    assert "pimem: opened /dev/pts/" in done.stderr


def test_verbose_is_also_an_option_of_a_command(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "-v", "--port", fake.url, stdin="print(1)")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert f"pimem: opened {fake.url} at 115200 baud\n" in done.stderr
