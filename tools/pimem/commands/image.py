# SPDX-License-Identifier: MIT
"""Make the SD card image.

stdout gets the list of what is inside; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pimem.board import boards
from pimem.card import data, image, imager
from pimem.card.fat import MEBIBYTE
from pimem.card.firmware import CardFile
from pimem.commands import _options
from pimem.exits import Refusal, complain


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_board(parser)
    _options.add_kernel(parser)
    _options.add_card(parser)
    parser.add_argument(
        "--data",
        metavar="SIZE",
        help="add a partition for your files, which the board mounts at / (64M, 1G): FAT32; the "
        "image then has the next power of two in size, sparse",
    )
    parser.add_argument(
        "--littlefs",
        action="store_true",
        help="littlefs in that partition: a power cut loses unfinished files only, and a PC "
        "does not read it",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: sdcard.img beside the kernel"
    )
    parser.add_argument("--json", action="store_true", help="list what is inside as JSON")


def show(path: Path, digest: str, files: Sequence[CardFile], as_json: bool) -> None:
    size = path.stat().st_size
    if not as_json:
        print(f"{digest}  {path.name}  ({size // MEBIBYTE} MiB)")
        print("\n".join(image.content_lines(files)))
        return
    listing = [
        {
            "name": file.name,
            "size": len(file.data),
            "sha256": file.sha256,
            "origin": file.origin,
            "built": file.built or None,
        }
        for file in files
    ]
    record = {"image": str(path), "size": size, "sha256": digest}
    json.dump({**record, "files": listing}, sys.stdout, indent=2)
    print()


def chosen_data(size: int, text: str | None, littlefs: bool) -> data.Data | None:
    """Return the second partition that the options ask for, checked before any work."""
    if text is None:
        if littlefs:
            raise Refusal("--littlefs: of which size? --data 1G")
        return None
    second = data.parse(text, littlefs)
    data.whole(size, second)
    return second


def run(options: argparse.Namespace) -> None:
    size = image.check_size(options.size)
    second = chosen_data(size, options.data, options.littlefs)
    board = boards.require_card(options.board)
    address = imager.check_address(options.url) if options.url else None
    own = board.kernel.with_name("sdcard.img")
    path = _options.require_folder(options.output) if options.output else own
    files = image.card_files(options.kernel or board.kernel, options.firmware)
    digest = image.make(path, size, files, address, second)
    show(path, digest, files, options.json)
    listed = path.name + imager.SUFFIX
    complain(
        f"{path} is ready, .xz, .bmap and .sha256 beside it: `pimem flash` writes it, "
        f"and `rpi-imager --repo {listed}` lists it"
    )
