# SPDX-License-Identifier: MIT
"""The boards of the tree, as boards/<BOARD>/board.json describes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pimem import BUILD, ROOT
from pimem.exits import Refusal

BOARDS = ROOT / "boards"
DEFAULT = "RPI4"


class UnknownBoard(Refusal, ValueError):
    """There is no board of that name; the text lists those there are."""


@dataclass(frozen=True)
class Board:
    name: str
    description: str
    image: str  # folder below build/; boards that share an image share it
    machine: str  # QEMU's name
    qemu_args: tuple[str, ...]
    sdcard: bool  # boots from a card

    @property
    def kernel(self) -> Path:
        return BUILD / self.image / "kernel8.img"

    @property
    def elf(self) -> Path:
        return BUILD / self.image / "firmware.elf"


def names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/board.json"))


def load(name: str) -> Board:
    if name not in names():
        raise UnknownBoard(f"no board '{name}': it is one of {', '.join(names())}")
    data = json.loads((BOARDS / name / "board.json").read_text())
    qemu = data["qemu"]
    return Board(
        name,
        data["description"],
        data["image"],
        qemu["machine"],
        tuple(qemu["args"]),
        data["sdcard"],
    )


def with_card() -> list[str]:
    return [name for name in names() if load(name).sdcard]
