# SPDX-License-Identifier: MIT
"""`pimem bridge flash`: puts a firmware on the ESP32 that a bench uses as serial bridge.

Through esptool's Python interface, imported only here and only when it is used.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import serial

from pimem.exits import OK, Failure, Refusal, complain

IMAGE_MAGIC = 0xE9  # first byte of what an ESP's boot ROM starts


def read_firmware(path: Path, offset: int) -> bytes:
    """The firmware, if it is one: at offset 0 an ESP starts nothing else."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise Refusal(f"cannot read {path}: {exc.strerror}") from exc
    if not data:
        raise Refusal(f"{path} is empty")
    # Merged images of the first ESP32 begin with 4 KiB of nothing.
    first = data.lstrip(b"\xff")[:1]
    if offset == 0 and first != bytes([IMAGE_MAGIC]):
        raise Refusal(f"{path} is no merged ESP firmware: it does not begin with {IMAGE_MAGIC:#x}")
    return data


def write(esptool: Any, esp: Any, data: bytes, offset: int, baud: int | None) -> None:
    """Stub, speed, flash, reset: what the esptool command does, with its own checks."""
    esp = esptool.run_stub(esp)
    if baud:
        esp.change_baud(baud)
    esptool.attach_flash(esp)
    esptool.write_flash(esp, [(offset, data)])
    esptool.reset_chip(esp, "hard-reset")


def main(args: Namespace) -> int:
    data = read_firmware(args.firmware, args.offset)
    import esptool
    from esptool.util import FatalError

    try:
        with esptool.connect_esp(port=args.port, chip=args.chip) as esp:
            write(esptool, esp, data, args.offset, args.baud)
    except (FatalError, OSError, serial.SerialException) as exc:
        raise Failure(f"bridge on {args.port or 'any port'}: {exc}") from exc
    complain(f"{args.firmware}: {len(data)} bytes at {args.offset:#x}, the bridge runs it now")
    return OK
