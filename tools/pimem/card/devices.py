# SPDX-License-Identifier: MIT
"""Which disks may be written to: what lsblk says of them, and the rules against accidents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pimem.exits import Refusal

COLUMNS = "NAME,KNAME,MAJ:MIN,TYPE,SUBSYSTEMS,RO,RM,HOTPLUG,SIZE,LABEL,VENDOR,MODEL,MOUNTPOINT"
LSBLK = ["lsblk", "--bytes", "--json", "--paths", "--tree", "--output", COLUMNS]
LSBLK_SECONDS = 10
GIBIBYTE = 1 << 30
#: Disks on these buses can be taken out even if their `removable` flag says no, as that of
#: built-in card readers does.
CARD_BUSES = {"usb", "mmc"}
SYSTEM_MOUNTS = ("/", "/boot", "/usr", "/var", "/home", "[SWAP]")


@dataclass(frozen=True)
class Device:
    """A disk, with what is on its partitions."""

    path: str
    kind: str  # lsblk's type: disk, loop, rom, ...
    buses: tuple[str, ...]
    number: str  # major:minor
    size: int
    read_only: bool
    removable: bool
    name: str  # vendor and model, safe to print
    labels: tuple[str, ...]
    mounts: tuple[str, ...]
    partitions: tuple[str, ...]
    holds_root: bool

    @property
    def virtual(self) -> bool:
        return self.kind == "loop"


def truth(value: Any) -> bool:
    """Read a flag of lsblk: by version a bool, a number or a string."""
    return value in (True, 1, "1", "true")


def printable(value: Any) -> str:
    """Return a string that a device supplied, without what could deceive a terminal or reader."""
    text = "".join(char if char.isascii() and char.isprintable() else " " for char in value or "")
    return " ".join(text.split())


def family(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node and everything below it: partitions, and what is made of them."""
    yield node
    for child in node.get("children", ()):
        yield from family(child)


def read_device(node: dict[str, Any], root_number: str) -> Device:
    members = list(family(node))
    buses = tuple((node.get("subsystems") or "").split(":"))
    return Device(
        path=node["name"],
        kind=node["type"],
        buses=buses,
        number=node["maj:min"].strip(),
        size=int(node["size"] or 0),
        read_only=truth(node["ro"]),
        removable=truth(node["rm"]) or truth(node["hotplug"]) or bool(CARD_BUSES & set(buses)),
        name=printable(f"{node.get('vendor') or ''} {node.get('model') or ''}"),
        labels=tuple(printable(each["label"]) for each in members if each.get("label")),
        mounts=tuple(each["mountpoint"] for each in members if each.get("mountpoint")),
        partitions=tuple(each["name"] for each in members[1:]),
        holds_root=any(each["maj:min"].strip() == root_number for each in members),
    )


def parse(text: str, root_number: str) -> list[Device]:
    """Read disks from lsblk's JSON; `root_number` is the major:minor that / is on."""
    try:
        nodes = json.loads(text)["blockdevices"]
        return [read_device(node, root_number) for node in nodes]
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Refusal(f"cannot make sense of what lsblk prints: {exc!r}") from exc


def list_devices() -> list[Device]:
    if sys.platform != "linux":
        raise Refusal(
            f"this command knows disks on Linux only, not on {sys.platform}: write the .img.xz "
            "with Raspberry Pi Imager ('Use custom')"
        )
    try:
        done = subprocess.run(
            LSBLK, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LSBLK_SECONDS
        )
    except FileNotFoundError as exc:
        raise Refusal("no lsblk on this machine (Debian package util-linux)") from exc
    except subprocess.TimeoutExpired as exc:
        raise Refusal(f"lsblk does not answer within {LSBLK_SECONDS} s: a disk hangs?") from exc
    if done.returncode:
        raise Refusal(f"lsblk failed: {done.stderr.strip()}")
    root = os.stat("/").st_dev
    return parse(done.stdout, f"{os.major(root)}:{os.minor(root)}")


def obstacle(device: Device, max_size: float) -> str | None:
    """Return why this disk must not be written to; None where it may. `max_size` is in bytes."""
    if device.kind not in ("disk", "loop"):
        return f"it is of type '{device.kind}', not a disk"
    if device.holds_root or set(device.mounts) & set(SYSTEM_MOUNTS):
        return "it is the disk this system runs from"
    if device.mounts:
        return f"it is mounted at {', '.join(device.mounts)}: unmount it first"
    if not device.removable and not device.virtual:
        return "it is not removable: a system disk?"
    if device.size == 0:
        return "there is no card in it"
    if device.read_only:
        return "it is read-only: the card's lock switch?"
    if device.size > max_size:
        limit = max_size / GIBIBYTE
        return f"it has {human(device.size)}, suspiciously large for a card (--max-size {limit:g})"
    return None


def too_small(device: Device, needed: int, rest: str = "") -> str | None:
    """Return why this disk has no room for an image of so many bytes; None where it has."""
    if device.size >= needed:
        return None
    return f"it has {device.size} bytes ({human(device.size)}), the image needs {needed}{rest}"


def human(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size} bytes"
        size /= 1024
    return f"{size:.3g} TiB"


def describe(device: Device) -> str:
    """Return what a person recognises the disk by."""
    labels = [f"'{label}'" for label in device.labels]
    words = [device.path, human(device.size), device.name, *labels]
    return ", ".join(word for word in words if word)


def find(path: str, devices: list[Device]) -> Device:
    """Return the disk behind a path (which may be a link); a Refusal says what else it is."""
    real = os.path.realpath(path)
    for device in devices:
        if real == device.path:
            return device
        if real in device.partitions:
            raise Refusal(f"{path} is part of {device.path}: name the whole disk")
    candidates = [each.path for each in devices if obstacle(each, float("inf")) is None]
    there = f"disks that could be: {', '.join(candidates)}" if candidates else "no card is there"
    raise Refusal(f"{path} {what_else(real)}; {there}")


def what_else(path: str) -> str:
    if not os.path.lexists(path):
        return "does not exist"
    if os.path.isfile(path):
        return "is a file, not a disk"
    if os.path.isdir(path):
        return "is a folder, not a disk (a mounted card takes --update)"
    return "is no disk with a medium in it"


def table(devices: list[Device], max_size: float) -> str:
    if not devices:
        return "no disks"
    rows = [("DEVICE", "SIZE", "NAME", "FLASH")]
    for device in devices:
        reason = obstacle(device, max_size)
        name = " ".join([device.name or device.kind, *(f"'{each}'" for each in device.labels)])
        rows.append((device.path, human(device.size), name, reason or "yes"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ("  ".join(map(str.ljust, row, [*widths, 0])) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
