# SPDX-License-Identifier: MIT
"""Debian packages and source packages, without touching the machine's apt configuration.

Suites that the machine does not have (backports for QEMU, a newer one for sources) are read
through private lists below the build folder. The mirror is the machine's own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pimem import growth
from pimem.exits import USAGE, CommandError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
HELPER = Path("/usr/lib/apt/apt-helper")
MACHINE_PARTS = Path("/etc/apt/sources.list.d")
MACHINE_LISTS, MACHINE_CACHE = Path("/var/lib/apt/lists"), Path("/var/cache/apt")
LIMITS = ["-o", "Acquire::Retries=3", "-o", "Acquire::http::Timeout=60"]
LOCK = ["-o", "DPkg::Lock::Timeout=300"]


class AptError(CommandError):
    """An apt command failed; the text says which one and what it printed last."""

    code = USAGE


def os_release() -> dict[str, str]:
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return {}
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key: value.strip('"') for key, value in pairs}


def is_debian() -> bool:
    return os_release().get("ID") == "debian" and shutil.which("apt-get") is not None


def privilege() -> list[str] | None:
    """Return the prefix that makes a command run as root, or None where there is no way to."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and call(["sudo", "-n", "true"], check=False) is not None:
        return ["sudo", "-n"]
    return None


def call(command: Sequence[str], *, check: bool = True, timeout: float = 1800) -> str | None:
    """Run a command that must not ask anything; return its output, or None if it may fail and
    did."""
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            timeout=timeout,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as exc:
        raise AptError(f"{' '.join(command)}: no end after {timeout:.0f} s") from exc
    if done.returncode == 0:
        return done.stdout
    if check:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise AptError(f"{' '.join(command)}: exit status {done.returncode}\n{tail}")
    return None


def mirror() -> str:
    """Return the Debian mirror that this machine is configured to use."""
    codename = os_release().get("VERSION_CODENAME", "")
    form = "$(REPO_URI)|$(LABEL)|$(CODENAME)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    for line in (call(command) or "").splitlines():
        uri, label, target = line.split("|")
        if label == "Debian" and target == codename:
            return uri
    raise AptError(f"apt knows no Debian mirror for '{codename}': run 'apt-get update' first")


def ensure_lists(say: Callable[[str], None]) -> None:
    """Make sure the machine's package lists exist; a bare image comes without them."""
    try:
        mirror()
    except AptError:
        root = privilege()
        if root is None:
            raise
        say("apt-get update")
        with growth.shown("setup: package lists", MACHINE_LISTS):
            call([*root, "apt-get", *LIMITS, *LOCK, "update"])


def stanza(kind: str, suites: Sequence[str], components: Sequence[str]) -> str:
    lines = [f"Types: {kind}", f"URIs: {mirror()}", f"Suites: {' '.join(suites)}"]
    lines.append(f"Components: {' '.join(components)}")
    if KEYRING.exists():
        lines.append(f"Signed-By: {KEYRING}")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Package:
    """A binary package as the archive has it."""

    name: str
    version: str
    suite: str
    address: str
    file_name: str
    size: int
    sha256: str


class PrivateLists:
    """Package lists of chosen suites in a folder of their own."""

    def __init__(
        self,
        folder: Path,
        kind: str,
        suites: Sequence[str],
        *,
        machine: bool,
        components: Sequence[str] = ("main",),
        architecture: str | None = None,
    ) -> None:
        """Choose suites; with `machine` they are added to the machine's own, else they are alone.

        With an `architecture` nothing counts as installed: the lists are for reading packages
        of another machine, not for installing here.
        """
        self.folder = folder
        self.kind = kind
        self.suites = suites
        self.machine = machine
        self.components = components
        self.architecture = architecture

    def options(self) -> list[str]:
        main = "/etc/apt/sources.list" if self.machine else "/dev/null"
        settings = {
            "Dir::Etc::SourceList": main,
            "Dir::Etc::SourceParts": self.folder / "parts",
            "Dir::State::Lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            # The tree may lie where apt's own user cannot read.
            "APT::Sandbox::User": "root",
        }
        if self.architecture:
            settings |= {
                "APT::Architecture": self.architecture,
                "APT::Architectures": self.architecture,
                "Dir::State::status": "/dev/null",
                "Acquire::Languages": "none",
            }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    def update(self, root: Sequence[str] = ()) -> None:
        for name in ("parts", "lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        parts = self.folder / "parts"
        if self.machine and MACHINE_PARTS.is_dir():
            shutil.copytree(MACHINE_PARTS, parts, dirs_exist_ok=True)
        (parts / "pimem.sources").write_text(stanza(self.kind, self.suites, self.components))
        with growth.shown("setup: package lists", self.folder / "lists"):
            call([*root, "apt-get", *LIMITS, *self.options(), "update"])

    def upstream_tarball(self, source: str, file_name: str) -> tuple[str, str] | None:
        """Return (address, sha256) of a source package's .orig tarball, if a suite has it."""
        for suite in self.suites:
            command = ["apt-get", *self.options(), "source", "--print-uris", "--download-only"]
            listing = call([*command, "-t", suite, source], check=False) or ""
            found = re.search(rf"^'(\S+)' {re.escape(file_name)} \d+ SHA256:(\w+)", listing, re.M)
            if found:
                return found[1], found[2]
        return None

    def package(self, name: str, version: str) -> Package | None:
        """Return where one version of a binary package is, if the suites have it."""
        command = ["apt-get", *self.options(), "download", "--print-uris", f"{name}={version}"]
        listing = call(command, check=False) or ""
        found = re.search(r"^'(\S+)' (\S+) (\d+) SHA256:(\w+)", listing, re.M)
        if not found:
            return None
        address, file_name, size, sha256 = found.groups()
        suite = " ".join(self.suites)
        return Package(name, version, suite, address, file_name, int(size), sha256)

    def dependency(self, name: str) -> tuple[str, str] | None:
        """Return (package, version) that the newest version of a meta-package depends on."""
        command = ["apt-cache", *self.options(), "show", "--no-all-versions", name]
        found = re.search(r"^Depends: (\S+) \(= (\S+)\)$", call(command, check=False) or "", re.M)
        return (found[1], found[2]) if found else None


def install(
    packages: Sequence[str], root: Sequence[str], lists: PrivateLists | None = None
) -> None:
    """Install packages; with `lists` from there, its suites preferred."""
    options = lists.options() if lists else []
    target = ["-t", lists.suites[0]] if lists else []
    command = [*root, "apt-get", *LIMITS, *LOCK, *options, "install", "-y"]
    archives = (lists.folder / "cache" if lists else MACHINE_CACHE) / "archives"
    with growth.shown("setup: packages", archives):
        call([*command, "--no-install-recommends", *target, *packages])


def provide(name_packages: Callable[[], list[str]], say: Callable[[str], None]) -> bool:
    """Install from the machine's suites what only some command needs; False where that is not
    possible. The packages are named once the package lists are there."""
    root = privilege()
    if not is_debian() or root is None:
        return False
    ensure_lists(say)
    packages = name_packages()
    say(f"installing {' '.join(packages)}")
    install(packages, root)
    return True


def candidate_version(package: str) -> str:
    """Return the version that the machine's suites offer ('' if none), without epoch."""
    policy = call(["apt-cache", "policy", package], check=False) or ""
    found = re.search(r"^\s*Candidate: (?:\d+:)?(\d\S*)", policy, re.M)
    return found[1] if found else ""


def download(address: str, sha256: str, target: Path) -> None:
    """Fetch one file with apt's own downloader: its proxies, its retries, its hash check."""
    command = [str(HELPER), *LIMITS, "download-file", address, str(target), f"SHA256:{sha256}"]
    with growth.shown(f"setup: {target.name}", target):
        call(command)
