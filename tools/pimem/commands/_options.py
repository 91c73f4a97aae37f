# SPDX-License-Identifier: MIT
"""Options that several commands have."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from pimem import find_root
from pimem.board import boards
from pimem.exits import Refusal

MAX_SIZE = 256  # GiB: larger cards exist, but at that size it is more often the wrong disk
BAUD = 115200
SILENCE_SECONDS = 60.0
UART_URL = re.compile(r"socket://([\w.-]*):(\d{1,5})")
LAST_PORT = 65535  # of TCP


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
    parser.add_argument(
        "--uart",
        metavar="URL",
        help="socket://[HOST]:PORT, where a program connects to UART(1) of the emulated board "
        "(HOST: 127.0.0.1 by default)",
    )


def device_args(options: argparse.Namespace) -> list[str]:
    """Return QEMU's arguments for --device and --uart; Refusal for a real board."""
    if getattr(options, "port", None) is not None:
        if options.device:
            raise Refusal(
                "--device is for QEMU: the devices of a real board are connected to its header"
            )
        if options.uart is not None:
            raise Refusal("--uart is for QEMU: the UARTs of a real board are on its header")
    devices = [word for device in options.device for word in ("-device", device)]
    return devices if options.uart is None else [*devices, "-serial", uart_server(options)]


def uart_server(options: argparse.Namespace) -> str:
    """Return the URL of --uart as QEMU's -serial takes it: the board starts without a client."""
    if boards.load(options.board).machine.startswith("virt"):
        raise Refusal(f"--uart {options.uart}: {options.board} has no UART(1), but RPI3 and RPI4")
    found = UART_URL.fullmatch(options.uart)
    if not found or not 1 <= int(found[2]) <= LAST_PORT:
        raise Refusal(
            f"--uart {options.uart}: it must be socket://[HOST]:PORT, PORT from 1 to {LAST_PORT}"
        )
    return f"tcp:{found[1] or '127.0.0.1'}:{found[2]},server=on,wait=off"


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
