# SPDX-License-Identifier: MIT
"""A list with one entry, the card image, in the form in which Raspberry Pi Imager reads lists.

`rpi-imager --repo FILE` shows the entry; it goes into other lists under `os_list`.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

from pimem.exits import Refusal

SUFFIX = ".os_list.json"
NAME = "pimem"
DESCRIPTION = "MicroPython on the bare metal, its memory system in Python's hands"
#: One of Imager's own: a list may name those by their path in it.
ICON = "icons/use_custom.png"
#: Imager's names: the first are the 4B, 400 and CM4, the second the 3B, 3B+, 3A+ and Zero 2 W.
DEVICES = ("pi4-64bit", "pi3-64bit")
ARCHITECTURE = "armv8"
SCHEMES = ("https", "http", "file")


def check_address(address: str) -> str:
    """Return the address of a folder, without a slash at its end; Refusal if it is none."""
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.scheme == "file"):
        raise Refusal(f"--url {address}: an address begins with {', '.join(SCHEMES)}")
    if parts.query or parts.fragment:
        raise Refusal(f"--url {address}: the address of a folder has no '?' and no '#'")
    return address.rstrip("/")


def address_of(packed: Path, folder: str | None) -> str:
    """Return where the file will be; '' says beside the list, None where it is now."""
    if folder is None:
        return packed.resolve().as_uri()
    name = quote(packed.name)
    return f"{check_address(folder)}/{name}" if folder else name


def entry(
    packed: Path,
    address: str,
    *,
    version: str,
    boards: Sequence[str],
    size: int,
    sums: tuple[str, str],
    epoch: int,
) -> dict[str, object]:
    """Describe an image of `size` bytes; `sums` are the sha256 of it and of its packed form."""
    date = datetime.datetime.fromtimestamp(epoch, datetime.UTC).date()
    return {
        "name": f"{NAME} {version}",
        "description": f"{DESCRIPTION}; for {', '.join(boards)}",
        "icon": ICON,
        "url": address,
        "extract_size": size,
        "extract_sha256": sums[0],
        "image_download_size": packed.stat().st_size,
        "image_download_sha256": sums[1],
        "release_date": date.isoformat(),
        "devices": list(DEVICES),
        "architecture": ARCHITECTURE,
    }


def os_list(*entries: dict[str, object]) -> str:
    return json.dumps({"os_list": list(entries)}, indent=2) + "\n"
