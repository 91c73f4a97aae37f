# SPDX-License-Identifier: MIT
"""Set-up: what it refuses, what it falls back to, and that it does nothing twice."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

import pimem
from pimem import cli
from pimem.setup import apt, bootstrap, packages, sources
from pimem.setup.messages import SetupError
from pimem.setup.sources import Source, Tarball

CONTENT = b"#define VERSION 1\n"


def tarball_bytes(top: str = "thing-1.0") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        info = tarfile.TarInfo(f"{top}/include/thing.h")
        info.size = len(CONTENT)
        tar.addfile(info, io.BytesIO(CONTENT))
    return buffer.getvalue()


DATA = tarball_bytes()
GOOD = Tarball("thing", "thing_1.0.orig.tar.xz", hashlib.sha256(DATA).hexdigest())
LOST = Tarball("thing", "thing_2.0.orig.tar.xz", "0" * 64)
SOURCE = Source("thing", "THING_DIR", "include/thing.h", (LOST, GOOD), "no://such", "v1", "c0ffee")


class FakeLists:
    """Source lists that know every tarball."""

    suites = ("stable",)

    def upstream_tarball(self, source: str, file_name: str) -> tuple[str, str]:
        return f"http://mirror/{file_name}", "whatever"


@pytest.fixture
def deps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty build/deps, a mirror that has lost LOST, and no git."""

    def download(address: str, sha256: str, target: Path) -> None:
        if LOST.file_name in address:
            raise apt.AptError("404 Not Found")
        target.write_bytes(DATA)

    monkeypatch.setattr(pimem, "DEPS", tmp_path / "deps", raising=False)
    monkeypatch.setattr(sources, "SOURCES", (SOURCE,))
    monkeypatch.setattr(sources, "source_lists", FakeLists)
    monkeypatch.setattr(apt, "download", download)
    return tmp_path / "deps"


def no_call(*_: object, **__: object) -> str:
    raise AssertionError("nothing may be run")


def test_a_source_is_fetched_unpacked_and_not_fetched_again(
    deps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources.fetch_sources()
    assert (deps / "thing" / "include" / "thing.h").read_bytes() == CONTENT
    monkeypatch.setattr(sources, "source_lists", no_call)
    sources.fetch_sources()


def test_another_pin_fetches_again(deps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources.fetch_sources()
    (deps / "thing" / "stale").write_text("")
    monkeypatch.setattr(sources, "SOURCES", (replace(SOURCE, commit="another"),))
    sources.fetch_sources()
    assert not (deps / "thing" / "stale").exists()


def test_a_wrong_hash_is_refused_and_every_way_is_told(
    deps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = replace(GOOD, sha256="1" * 64)
    monkeypatch.setattr(sources, "SOURCES", (replace(SOURCE, tarballs=(LOST, wrong)),))
    with pytest.raises(SetupError) as caught:
        sources.fetch_sources()
    assert "404 Not Found" in str(caught.value)
    assert f"its sha256 is not {wrong.sha256}" in str(caught.value)
    assert "no://such" in str(caught.value)
    assert not (deps / "thing").exists()


def test_a_clone_of_another_commit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = tmp_path / "upstream"
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["tag", "v1"]):
        folder = ["-C", str(upstream)] if words[0] != "init" else []
        target = [str(upstream)] if words[0] == "init" else []
        subprocess.run([*git, *folder, *words, *target], check=True)
    monkeypatch.setattr(pimem, "DEPS", tmp_path / "deps", raising=False)
    source = replace(SOURCE, repository=f"file://{upstream}")
    problems: list[str] = []
    assert not sources.clone(source, tmp_path / "clone", problems)
    assert "not c0ffee" in problems[0]


def test_a_checkout_that_is_none_is_refused(
    deps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THING_DIR", str(tmp_path))
    with pytest.raises(SetupError, match="THING_DIR=.* has no include/thing.h"):
        sources.fetch_sources()


def test_ones_own_checkout_is_used_as_it_is(
    deps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "thing.h").write_bytes(CONTENT)
    monkeypatch.setenv("THING_DIR", str(tmp_path))
    sources.fetch_sources()
    assert not (deps / "thing").exists()


@pytest.mark.parametrize(
    ("debian", "reason"), [(False, "this is not Debian"), (True, "neither root nor sudo")]
)
def test_without_the_means_it_lists_what_to_install_and_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], debian: bool, reason: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("CROSS_COMPILE", raising=False)
    monkeypatch.delenv("QEMU", raising=False)
    monkeypatch.setattr(apt, "is_debian", lambda: debian)
    monkeypatch.setattr(apt, "privilege", lambda: None)
    monkeypatch.setattr(apt, "call", no_call)
    assert cli.main(["setup"]) == 2
    said = capsys.readouterr().err
    assert reason in said
    for package in ("gcc-aarch64-linux-gnu", "qemu-system-arm", "make", "git"):
        assert package in said


def test_ones_own_toolchain_and_emulator_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSS_COMPILE", "/opt/x/bin/aarch64-none-elf-")
    assert "/opt/x/bin/aarch64-none-elf-gcc" in [need.what for need in packages.missing_needs()]
    monkeypatch.delenv("CROSS_COMPILE")
    monkeypatch.setenv("QEMU", "/opt/x/qemu")
    assert cli.main(["setup"]) == 2
    assert "setup: error: QEMU=/opt/x/qemu is not QEMU 9 or newer" in capsys.readouterr().err


def test_with_everything_in_place_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "call", no_call)
    monkeypatch.setattr(bootstrap.shutil, "rmtree", no_call)  # not even a stale environment
    assert cli.main(["setup"]) == 0


def test_set_up_needs_the_standard_library_only() -> None:
    code = "import pimem.commands.setup, pimem.cli"
    command = [sys.executable, "-S", "-c", code]  # -S: without site-packages
    done = subprocess.run(command, cwd=pimem.ROOT / "tools", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_mirror_is_the_machines_own(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "http://a/security|Debian-Security|bookworm-security\nhttp://b/debian|Debian|bookworm\n"
    monkeypatch.setattr(apt, "call", lambda *_: rows)
    monkeypatch.setattr(apt, "os_release", lambda: {"VERSION_CODENAME": "bookworm"})
    assert apt.mirror() == "http://b/debian"
    monkeypatch.setattr(apt, "os_release", lambda: {"VERSION_CODENAME": "sarge"})
    with pytest.raises(apt.AptError, match="sarge"):
        apt.mirror()


def test_a_command_that_fails_is_quoted_with_its_last_words() -> None:
    with pytest.raises(apt.AptError, match=r"sh -c .*exit status 3\nlast words"):
        apt.call(["sh", "-c", "echo last words; exit 3"])
    assert apt.call(["false"], check=False) is None


def test_children_get_no_stdin() -> None:
    assert apt.call(["cat"], timeout=10) == ""
