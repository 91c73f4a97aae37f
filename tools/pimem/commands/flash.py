# SPDX-License-Identifier: MIT
"""Write an image to a card, or a new kernel to a mounted one."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from pimem.board import boards
from pimem.card import flash, update
from pimem.commands import _options
from pimem.exits import Refusal

EPILOG = """\
IMAGE may be compressed: .xz, .gz, .bz2, .zst, or .zip with one file in it. With IMAGE.bmap beside
it only the blocks in use are written; with IMAGE.sha256 beside it a damaged image is refused
before anything is written. What has been written is read back and compared, unless --no-verify.

refused: system disks, mounted disks, disks that are not removable, read-only ones, partitions,
and disks too small for the image or larger than --max-size.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help=".img, or compressed")
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="`pimem devices` lists them")
    parser.add_argument(
        "--update",
        type=Path,
        metavar="DIR",
        help="instead: replace kernel8.img and config.txt on the card mounted at DIR",
    )
    parser.add_argument(
        "--check",
        metavar="WHERE",
        help="instead: say whether that disk, or the card mounted in that folder, can be written",
    )
    _options.add_board(parser)
    _options.add_kernel(parser)
    _options.add_limit(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="check everything and write nothing"
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not read back"
    )


def on_terminate(*_: object) -> None:
    raise KeyboardInterrupt


def check(where: str, max_size: float) -> None:
    """Refuse what a card cannot be written to, before one is made."""
    if Path(where).is_dir():
        update.check_card(Path(where))
    else:
        flash.check_access(flash.choose(where, max_size))


def run(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, on_terminate)
    if options.check is not None:
        check(options.check, options.max_size)
        return
    if options.update:
        if options.image or options.device:
            raise Refusal("--update DIR takes no IMAGE and no DEVICE")
        kernel = options.kernel or boards.load(options.board).kernel
        update.update(options.update, kernel, dry_run=options.dry_run)
        return
    if not (options.image and options.device):
        raise Refusal("flash needs IMAGE and DEVICE (`pimem devices` lists them), or --update DIR")
    flash.flash(
        options.image,
        flash.choose(options.device, options.max_size),
        ask=not options.yes,
        dry_run=options.dry_run,
        check=options.verify,
    )
