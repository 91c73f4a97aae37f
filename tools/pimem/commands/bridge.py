# SPDX-License-Identifier: MIT
"""Look after a bench's ESP32 serial bridge.

`pimem bridge flash` writes a firmware to it, by esptool's Python interface, which is imported
only when it is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import serial

from pimem.board.serial_port import open_port
from pimem.exits import Failure, Refusal, complain

IMAGE_MAGIC = 0xE9  # first byte of what an ESP's boot ROM starts
BAUD = 460800


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    flash = actions.add_parser(
        "flash",
        help="write a firmware to it",
        description="Writes a firmware to the ESP of a bridge, through esptool, and starts it.",
        epilog="Without --port every serial port is asked, that of a board included.",
    )
    flash.add_argument("firmware", type=Path, metavar="FIRMWARE", help="a merged image (.bin)")
    flash.add_argument("--port", metavar="DEVICE", help="default: the first ESP found")
    flash.add_argument("--chip", default="auto", help="default: %(default)s")
    flash.add_argument(
        "--offset",
        type=lambda text: int(text, 0),
        default=0,
        metavar="ADDRESS",
        help="in its flash (default: 0)",
    )
    flash.add_argument("--baud", type=int, default=BAUD, help="default: %(default)d")


def read_firmware(path: Path, offset: int) -> bytes:
    """Return the firmware, if it is one: at offset 0 an ESP starts nothing else."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise Refusal(f"cannot read {path}: {exc.strerror}") from exc
    if not data:
        raise Refusal(f"{path} is empty")
    # Merged images of the first ESP32 begin with 4 KiB of erased flash.
    first = data.lstrip(b"\xff")[:1]
    if offset == 0 and first != bytes([IMAGE_MAGIC]):
        raise Refusal(f"{path} is no merged ESP firmware: it does not begin with {IMAGE_MAGIC:#x}")
    return data


def write(esptool: Any, esp: Any, data: bytes, offset: int, baud: int | None) -> None:
    """Load the stub, set the speed, flash and reset, with the checks of the esptool command."""
    esp = esptool.run_stub(esp)
    if baud:
        esp.change_baud(baud)
    esptool.attach_flash(esp)
    esptool.write_flash(esp, [(offset, data)])
    esptool.reset_chip(esp, "hard-reset")


def flash(
    firmware: Path,
    *,
    port: str | None = None,
    chip: str = "auto",
    offset: int = 0,
    baud: int | None = BAUD,
) -> None:
    """Write a firmware to the ESP on `port` (None: the first one found) and start it."""
    data = read_firmware(firmware, offset)
    if port is not None:
        open_port(port).close()  # esptool's own error for it does not tell the reason
    import esptool
    from esptool.util import FatalError

    try:
        with esptool.connect_esp(port=port, chip=chip) as esp:
            write(esptool, esp, data, offset, baud)
    except (FatalError, OSError, serial.SerialException) as exc:
        raise Failure(f"bridge on {port or 'any port'}: {exc}") from exc
    complain(f"{firmware}: {len(data)} bytes at {offset:#x}, the bridge runs it now")


def run(options: argparse.Namespace) -> None:
    flash(
        options.firmware,
        port=options.port,
        chip=options.chip,
        offset=options.offset,
        baud=options.baud,
    )
