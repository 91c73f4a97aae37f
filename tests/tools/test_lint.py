# SPDX-License-Identifier: MIT
"""`make lint` sees wrong C and wrong spelling, and pre-commit runs the same versions."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from limits import HANG_SECONDS

from pimem import ROOT
from pimem.dev import c_format

GOOD = """\
int twice(int x) {
    return 2 * x;
}
"""


def test_the_c_files_have_the_format_of_micropython() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pimem.dev.c_format"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "tools"},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^0 of (\d+) C files", done.stdout)
    assert found and int(found[1]) > 150, f"not all files were looked at: {done.stdout}"


@pytest.mark.parametrize(
    ("good", "bad"), [("    return", "  return"), (") {", ")\n{"), ("int x", "int  x")]
)
def test_another_format_is_shown_and_corrected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], good: str, bad: str
) -> None:
    path = tmp_path / "planted.c"
    path.write_text(GOOD.replace(good, bad))
    assert c_format.main([str(path)]) == 1
    assert "+" in capsys.readouterr().out
    assert path.read_text() == GOOD.replace(good, bad)
    assert c_format.main(["--fix", str(path)]) == 0
    assert path.read_text() == GOOD


def test_every_excluded_file_exists() -> None:
    assert all((ROOT / name).is_file() for name in c_format.EXCLUDED)


def test_without_the_source_of_micropython_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    path = tmp_path / "planted.c"
    path.write_text(GOOD)
    assert c_format.main([str(path)]) == 2
    assert "make setup" in capsys.readouterr().err


def codespell(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("codespell"), "--toml", ROOT / "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )


def test_the_words_are_spelt_right_and_a_planted_mistake_is_seen(tmp_path: Path) -> None:
    done = codespell(ROOT)
    assert done.returncode == 0, done.stdout
    (tmp_path / "planted.md").write_text("A page that is " + "writ" + "ten sepe" + "rately.\n")
    assert codespell(tmp_path).returncode != 0


def test_pre_commit_runs_the_versions_of_pyproject() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = settings["project"]["optional-dependencies"]["test"]
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    used = re.findall(r'additional_dependencies: \["([^"]+)"\]', text)
    assert len(used) == text.count("- id:") == 4
    assert set(used) <= set(pinned)
    program = Path(sys.executable).with_name("pre-commit")
    subprocess.run([program, "validate-config"], cwd=ROOT, check=True, timeout=HANG_SECONDS)
