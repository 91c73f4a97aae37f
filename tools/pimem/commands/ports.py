# SPDX-License-Identifier: MIT
"""List serial ports."""

from __future__ import annotations

import argparse
import json
from typing import Any

from serial.tools import list_ports

#: The description of a serial port with nothing behind it.
NOTHING = "n/a"
OTHERS = (
    "also: /dev/pts/N, socket://HOST:PORT, rfc2217://HOST:PORT, "
    "and any other URL that pyserial opens"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def describe(port: Any) -> dict[str, str | None]:
    usb = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None else None
    return {
        "port": port.device,
        "usb": usb,
        "serial": port.serial_number,
        "description": None if port.description == NOTHING else port.description,
    }


def found() -> list[dict[str, str | None]]:
    """Return the ports, USB adapters first: a board is more likely behind one of them."""
    listing = [describe(port) for port in list_ports.comports()]
    return sorted(listing, key=lambda each: (each["usb"] is None, each["port"]))


def table(listing: list[dict[str, str | None]]) -> str:
    rows = [["PORT", "USB", "SERIAL", "DESCRIPTION"]]
    keys = ("port", "usb", "serial", "description")
    rows += [[each[key] or "-" for key in keys] for each in listing]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join(map(str.ljust, row, [*widths, 0])).rstrip() for row in rows)


def run(options: argparse.Namespace) -> None:
    listing = found()
    if options.json:
        print(json.dumps(listing, indent=2))
    else:
        print(table(listing) if listing else "no serial ports")
        print(OTHERS)
