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
from pimem.card import image, imager
from pimem.card.fat import MEBIBYTE
from pimem.card.firmware import CardFile
from pimem.commands import _options
from pimem.exits import complain


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_board(parser)
    _options.add_kernel(parser)
    _options.add_card(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: sdcard.img beside the kernel"
    )
    parser.add_argument("--json", action="store_true", help="list what is inside as JSON")


def show(path: Path, files: Sequence[CardFile], as_json: bool) -> None:
    size, digest = path.stat().st_size, image.digest(path)
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


def run(options: argparse.Namespace) -> None:
    size = image.check_size(options.size)
    board = boards.require_card(options.board)
    address = imager.check_address(options.url) if options.url else None
    own = board.kernel.with_name("sdcard.img")
    path = _options.require_folder(options.output) if options.output else own
    files = image.card_files(options.kernel or board.kernel, options.firmware)
    image.make(path, size, files, address)
    show(path, files, options.json)
    listed = path.name + imager.SUFFIX
    complain(
        f"{path} is ready, .xz, .bmap and .sha256 beside it: `pimem flash` writes it, "
        f"and `rpi-imager --repo {listed}` lists it"
    )
