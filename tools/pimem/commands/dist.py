# SPDX-License-Identifier: MIT
"""Make the folder of a release.

It has the card image with all that belongs to it, the kernel, the packages, all licences and
SHA256SUMS.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pimem
from pimem.board import boards
from pimem.card import dist, image, imager
from pimem.commands import _options
from pimem.exits import complain

EPILOG = """\
The files have the date of SOURCE_DATE_EPOCH: with the same sources and the same value they are the
same, wherever they are made. `make dist` takes the date of the last commit.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_board(parser)
    _options.add_kernel(parser)
    _options.add_card(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="where pimem-VERSION/ goes; made if only DIR itself is missing (default: dist)",
    )
    for name, what in (("micropython", "MicroPython"), ("dtc", "libfdt")):
        parser.add_argument(
            f"--{name}", type=Path, metavar="DIR", help=f"the source of {what}, for its licence"
        )


def run(options: argparse.Namespace) -> None:
    size = image.check_size(options.size)
    board = boards.require_card(options.board)
    kernel = options.kernel or board.kernel
    origins = dist.Origins(
        kernel=kernel,
        elf=kernel.with_name(dist.ELF),
        micropython=options.micropython or pimem.DEPS / "micropython",
        dtc=options.dtc or pimem.DEPS / "dtc",
        firmware=options.firmware,
    )
    address = imager.check_address(options.url) if options.url else ""
    parent = _options.require_folder(options.output or pimem.ROOT / "dist")
    folder = dist.make(parent, origins, size, address)
    print("\n".join(dist.listing(folder)))
    complain(f"{folder} is ready")
