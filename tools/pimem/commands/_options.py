# SPDX-License-Identifier: MIT
"""Options that several commands have."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from pimem import find_root
from pimem.board import boards
from pimem.exits import Refusal

MAX_SIZE = 256  # GiB: larger cards exist, but at that size it is more often the wrong disk
BAUD = 115200
SILENCE_SECONDS = 60.0


def seconds(text: str) -> float:
    """Read a time limit."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value


def seconds_or_none(text: str) -> float:
    """Read how long to wait, or 0 for not at all."""
    return 0.0 if text == "0" else seconds(text)


def require_folder(path: Path) -> Path:
    """Return a path to be written; Refusal where its folder is not there, before any work."""
    if not path.absolute().parent.is_dir():
        raise Refusal(f"cannot write {path}: there is no folder {path.parent}")
    return path


def add_board(parser: argparse.ArgumentParser, text: str = "default: %(default)s") -> None:
    """Add --board, with the boards of the source tree as choices if there is a tree."""
    choices = boards.names() if find_root() else None
    parser.add_argument("--board", default=boards.DEFAULT, choices=choices, help=text)


def add_kernel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kernel", type=Path, metavar="IMG", help="another image than the board's own"
    )


def add_card(parser: argparse.ArgumentParser) -> None:
    """Add what a card image is made of, and where it will be."""
    parser.add_argument(
        "--firmware",
        type=Path,
        metavar="DIR",
        help="firmware and device trees from DIR (`boot` of the public repository "
        "raspberrypi/firmware) instead of Debian's packages",
    )
    parser.add_argument(
        "--size", type=int, default=64, metavar="MIB", help="a power of two (default: %(default)d)"
    )
    parser.add_argument(
        "--url",
        metavar="ADDRESS",
        help="of the folder where the .img.xz will be published, for Raspberry Pi Imager's list",
    )


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the choice between a real board and an emulated one, and of its image."""
    parser.add_argument("--port", metavar="URL", help="a real board: any pyserial device or URL")
    add_board(parser, "without --port, the board that QEMU emulates (default: %(default)s)")
    add_kernel(parser)


def add_slot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--card",
        type=Path,
        metavar="FILE",
        help="the card in the slot of the emulated board; it keeps what is written",
    )
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="DEVICE",
        help="connect a device to a bus of the emulated board, in the form of QEMU's -device: "
        "tmp105,bus=i2c-bus.1,address=0x48 (may be repeated)",
    )


def device_args(options: argparse.Namespace) -> list[str]:
    """Return QEMU's arguments for --device; Refusal for a real board."""
    if options.device and getattr(options, "port", None) is not None:
        raise Refusal(
            "--device is for QEMU: the devices of a real board are connected to its header"
        )
    return [word for device in options.device for word in ("-device", device)]


def add_icount(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--icount", action="store_true", help="one nanosecond of guest time an instruction"
    )


def add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=SILENCE_SECONDS,
        metavar="SECONDS",
        help="longest silence that does not count as 'no answer' (default: %(default)g)",
    )


def add_script_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="longest silence of the script before it is given up (default: no limit)",
    )


def add_line(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--baud", type=int, default=BAUD, help="default: %(default)d")
    parser.add_argument("--capture", type=Path, metavar="FILE", help="keep a copy of all shown")


def add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-size",
        type=float,
        default=MAX_SIZE,
        metavar="GIB",
        help="larger disks are refused (default: %(default)d)",
    )
