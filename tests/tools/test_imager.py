# SPDX-License-Identifier: MIT
"""The list for Raspberry Pi Imager beside a card image, by the fields that Imager reads."""

from __future__ import annotations

import hashlib
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import jsonschema
import pytest
from cards import kernel_bytes, make_boot_folder, sha256
from limits import HANG_SECONDS

import pimem as package

Run = Callable[..., subprocess.CompletedProcess[str]]
TEXT, SUM = {"type": "string", "minLength": 1}, {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SIZE = {"type": "integer", "minimum": 1}
#: What Imager needs of an entry, and in which form; then what it can do without.
NEEDED = {
    "name": TEXT,
    "description": TEXT,
    "icon": TEXT,
    "url": TEXT,
    "extract_size": SIZE,
    "extract_sha256": SUM,
    "image_download_size": SIZE,
    "release_date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
    "devices": {"type": "array", "items": {"type": "string", "pattern": "^pi[1-5]-(32|64)bit$"}},
}
POSSIBLE = {
    "image_download_sha256": SUM,
    "website": TEXT,
    "init_format": {"enum": ["systemd", "cloudinit", "cloudinit-rpi", "none"]},
    "architecture": {"enum": ["armhf", "armv8"]},
    "capabilities": {"type": "array", "items": TEXT},
}
ENTRY = {
    "type": "object",
    "required": list(NEEDED),
    "properties": NEEDED | POSSIBLE,
    "additionalProperties": False,
}
SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["os_list"],
    "properties": {"os_list": {"type": "array", "minItems": 1, "items": ENTRY}},
    "additionalProperties": False,
}


def make(folder: Path, *options: str) -> Path:
    (folder / "kernel8.img").write_bytes(kernel_bytes())
    sources = ["--kernel", str(folder / "kernel8.img"), "--firmware", str(folder / "boot")]
    if not (folder / "boot").exists():
        make_boot_folder(folder / "boot")
    image = folder / "a card.img"
    command = [sys.executable, "-m", "pimem", "image", *sources, "-o", str(image), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=HANG_SECONDS)
    return image


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("listed"))


def only_entry(image: Path) -> dict[str, Any]:
    found = json.loads(image.with_name(image.name + ".os_list.json").read_text())
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(found, SCHEMA, cls=jsonschema.Draft7Validator)
    (entry,) = found["os_list"]
    assert isinstance(entry, dict)
    return entry


def test_the_entry_describes_the_image_and_its_packed_form(image: Path) -> None:
    entry, packed = only_entry(image), image.with_name(image.name + ".xz")
    assert entry["extract_size"] == image.stat().st_size == 64 << 20
    assert entry["extract_sha256"] == sha256(image)
    assert entry["image_download_size"] == packed.stat().st_size
    assert entry["image_download_sha256"] == sha256(packed)
    assert entry["release_date"] == "2025-04-15"
    assert entry["name"] == f"pimem {package.__version__}"
    assert entry["devices"] == ["pi4-64bit", "pi3-64bit"]
    for board in ("Pi 3B+", "Pi Zero 2 W", "Pi 4B", "CM4"):
        assert board in entry["description"]


def test_its_address_leads_to_the_image(image: Path) -> None:
    """Imager loads it and compares the checksum of what it unpacks."""
    entry = only_entry(image)
    assert urlsplit(entry["url"]).scheme == "file" and " " not in entry["url"]
    data = lzma.decompress(Path(url2pathname(urlsplit(entry["url"]).path)).read_bytes())
    assert hashlib.sha256(data).hexdigest() == entry["extract_sha256"]


def test_an_address_to_publish_it_at_takes_the_place(tmp_path: Path) -> None:
    image = make(tmp_path, "--url", "https://example.org/pimem/")
    assert only_entry(image)["url"] == "https://example.org/pimem/a%20card.img.xz"


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org/x", "https://", "http://a/?b"])
def test_what_is_no_address_is_refused(pimem: Run, tmp_path: Path, url: str) -> None:
    done = pimem("image", "--url", url, "-o", str(tmp_path / "x.img"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and f"--url {url}: " in done.stderr


@pytest.mark.parametrize("change", [{"extract_size": "64"}, {"devices": ["pi4"]}, {"extra": 1}])
def test_the_schema_rejects_what_imager_would(image: Path, change: dict[str, object]) -> None:
    entry = only_entry(image)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"os_list": [entry | change]}, SCHEMA)
    for name in NEEDED:
        less = {key: value for key, value in entry.items() if key != name}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"os_list": [less]}, SCHEMA)
