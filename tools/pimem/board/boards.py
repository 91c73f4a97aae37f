# SPDX-License-Identifier: MIT
"""The boards of the tree: each folder with a board.json in boards/ is one, and says what it is.

A board.json has the keys of FIELDS and may have those of OPTIONAL; in `qemu` it has those of QEMU
and may have those of QEMU_OPTIONAL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pimem
from pimem.exits import Refusal

DEFAULT = "RPI4"
FAMILIES = ("rpi", "virt")
NAME = re.compile(r"[A-Za-z0-9_]+")
#: Folders below build/ that are not images.
TAKEN = ("bench", "conformance", "coverage", "deps", "fuzz", "host", "mutants", "mypy", "test")


class UnknownBoard(Refusal, ValueError):
    """There is no board of that name; the text lists those there are."""


class InvalidBoard(Refusal):
    """A board.json is wrong; the text names the file, the key, and what is expected."""


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def is_name(value: object) -> bool:
    return isinstance(value, str) and bool(NAME.fullmatch(value))


def is_image(value: object) -> bool:
    return is_name(value) and value not in TAKEN


def is_list(each: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list) and all(map(each, value))


@dataclass(frozen=True)
class Field:
    """What a key of board.json may have as its value."""

    allowed: Callable[[object], bool]
    expected: str  # in words


TEXT = Field(is_text, "a text")
NAMES = Field(is_list(is_name), "a list of names")
#: What the keys mean is in docs/porting.md, "Add a board".
FIELDS = {
    "description": TEXT,
    "image": Field(is_image, f"a name of letters, digits and _, none of {', '.join(TAKEN)}"),
    "soc": TEXT,
    "family": Field(lambda value: value in FAMILIES, f"one of {', '.join(FAMILIES)}"),
    "sdcard": Field(lambda value: isinstance(value, bool), "true or false"),
    "qemu": Field(lambda value: isinstance(value, dict), "an object"),
}
OPTIONAL = {"models": NAMES}
TEXTS = Field(is_list(is_text), "a list of texts")
QEMU = {"machine": TEXT, "args": TEXTS}
QEMU_OPTIONAL = {"card": TEXTS}


@dataclass(frozen=True)
class Board:
    name: str
    description: str
    image: str  # folder below build/; boards that share an image share it
    machine: str  # QEMU's name
    qemu_args: tuple[str, ...]
    sdcard: bool  # boots from a card
    soc: str  # name in the table of boot/soc.c
    family: str  # one of FAMILIES: what surrounds the SoC
    models: tuple[str, ...]  # the models of the SoC that it is (drivers/board.h); none: all others
    qemu_card: tuple[str, ...] = ()  # QEMU's, for a card whose file is {}; none: it has no slot

    @property
    def kernel(self) -> Path:
        return pimem.BUILD / self.image / "kernel8.img"

    @property
    def elf(self) -> Path:
        return pimem.BUILD / self.image / "firmware.elf"


def folder() -> Path:
    return pimem.ROOT / "boards"


def descriptions() -> dict[str, Path]:
    """Return the board.json of each board, by name."""
    return {path.parent.name: path for path in folder().glob("*/board.json")}


def names() -> list[str]:
    return sorted(descriptions())


def check_keys(
    where: str, data: Mapping[str, Any], fields: Mapping[str, Field], optional: Mapping[str, Field]
) -> None:
    """Refuse keys that are missing or unknown, and values of another kind."""
    known = {**fields, **optional}
    for key in fields:
        if key not in data:
            raise InvalidBoard(f"{where}: '{key}' is missing")
    for key, value in data.items():
        if key not in known:
            raise InvalidBoard(f"{where}: unknown key '{key}'; known are {', '.join(known)}")
        if not known[key].allowed(value):
            raise InvalidBoard(f"{where}: '{key}' is {value!r}, but must be {known[key].expected}")


def read(path: Path) -> dict[str, Any]:
    """Return a board.json, checked."""
    where = str(path.relative_to(pimem.ROOT))
    if not is_name(path.parent.name):
        raise InvalidBoard(f"{where}: the name of the folder must be of letters, digits and _")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise InvalidBoard(f"{where}: {getattr(exc, 'strerror', None) or exc}") from exc
    if not isinstance(data, dict):
        raise InvalidBoard(f"{where}: must be an object")
    check_keys(where, data, FIELDS, OPTIONAL)
    check_keys(f"{where}: qemu", data["qemu"], QEMU, QEMU_OPTIONAL)
    return data


def load(name: str) -> Board:
    known = descriptions()
    if name not in known:
        raise UnknownBoard(f"no board '{name}': it is one of {', '.join(sorted(known))}")
    data = read(known[name])
    return Board(
        name=name,
        description=data["description"],
        image=data["image"],
        machine=data["qemu"]["machine"],
        qemu_args=tuple(data["qemu"]["args"]),
        sdcard=data["sdcard"],
        soc=data["soc"],
        family=data["family"],
        models=tuple(data.get("models", ())),
        qemu_card=tuple(data["qemu"].get("card", ())),
    )


def load_all() -> list[Board]:
    return [load(name) for name in names()]


def with_card() -> list[str]:
    return [board.name for board in load_all() if board.sdcard]


def require_card(name: str) -> Board:
    """Load a board that starts from an SD card."""
    board = load(name)
    if not board.sdcard:
        raise Refusal(f"{board.name} has no SD card; {', '.join(with_card())} have")
    return board
