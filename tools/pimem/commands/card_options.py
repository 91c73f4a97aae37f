# SPDX-License-Identifier: MIT
"""Command lines of what concerns the card: image, devices, flash."""

from __future__ import annotations

import argparse
from pathlib import Path

from pimem.board import boards

MAX_SIZE = 256  # GiB: larger cards exist, but at that size it is more often the wrong disk

FLASH_EPILOG = """\
IMAGE may be compressed (.xz). With IMAGE.bmap beside it only the blocks in use are written; with
IMAGE.sha256 beside it a damaged image is refused before anything is written. What has been
written is read back and compared, unless --no-verify.

refused: system disks, mounted disks, disks that are not removable, read-only ones, partitions,
and disks too small for the image or larger than --max-size.
"""


def add_kernel(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--board", default=boards.DEFAULT, choices=boards.names(), help="default: %(default)s"
    )
    command.add_argument(
        "--kernel", type=Path, metavar="IMG", help="another kernel than the board's own"
    )


def add_image(command: argparse.ArgumentParser) -> None:
    add_kernel(command)
    command.add_argument(
        "--firmware",
        type=Path,
        metavar="DIR",
        help="firmware and device trees from DIR (`boot` of the public repository "
        "raspberrypi/firmware) instead of Debian's packages",
    )
    command.add_argument(
        "--size", type=int, default=64, metavar="MIB", help="a power of two (default: %(default)d)"
    )
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: sdcard.img beside the kernel"
    )
    command.add_argument("--json", action="store_true", help="list what is inside as JSON")


def add_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-size",
        type=float,
        default=MAX_SIZE,
        metavar="GIB",
        help="larger disks are refused (default: %(default)d)",
    )


def add_flash(command: argparse.ArgumentParser) -> None:
    command.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help=".img or .img.xz")
    command.add_argument("device", nargs="?", metavar="DEVICE", help="`pimem devices` lists them")
    command.add_argument(
        "--update",
        type=Path,
        metavar="DIR",
        help="instead: replace kernel8.img and config.txt on the card mounted at DIR",
    )
    add_kernel(command)
    add_limit(command)
    command.add_argument("-y", "--yes", action="store_true", help="do not ask")
    command.add_argument(
        "-n", "--dry-run", action="store_true", help="check everything and write nothing"
    )
    command.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not read back"
    )


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    image = commands.add_parser("image", help="make the SD card image")
    add_image(image)
    devices = commands.add_parser("devices", help="list disks, and which of them can be flashed")
    devices.add_argument("--json", action="store_true", help="as JSON")
    add_limit(devices)
    flash = commands.add_parser(
        "flash",
        help="write an image to a card, or a new kernel to a mounted one",
        epilog=FLASH_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_flash(flash)
