# SPDX-License-Identifier: MIT
"""The tools and the stubs of `memory` have types that agree, by mypy at its strictest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from limits import HANG_SECONDS

from pimem import ROOT


def mypy(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", *args],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )


def test_mypy_finds_nothing() -> None:
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_is_strict_and_sees_all_of_the_tools() -> None:
    """A file with an untyped function fails by the same settings."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"] is True
    assert "tools/pimem" in settings["files"]
    assert not {"exclude", "ignore_errors", "disable_error_code"} & set(settings)
    only = {"module", "ignore_missing_imports"}
    assert all(set(each) <= only for each in settings["overrides"])


def test_an_untyped_function_is_an_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def double(x):\n    return 2 * x\n")
    done = mypy(str(wrong))
    assert done.returncode == 1
    assert "no-untyped-def" in done.stdout


def test_the_stubs_are_typed_completely(tmp_path: Path) -> None:
    """By pyright at its strictest, which knows no unknown type. Stubs name each other's parts."""
    settings = {"typeCheckingMode": "strict", "reportPrivateUsage": "none"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    stubs = ROOT / "modules" / "memory" / "stubs"
    shutil.copytree(stubs, tmp_path / "stubs")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    files = [path for path in stubs.rglob("*") if path.suffix in (".py", ".pyi")]
    assert json.loads(done.stdout)["summary"]["filesAnalyzed"] == len(files)
