# SPDX-License-Identifier: MIT
"""List disks, and which of them can be flashed."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from pimem.card.devices import GIBIBYTE, list_devices, obstacle, table
from pimem.commands import _options


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")
    _options.add_limit(parser)


def run(options: argparse.Namespace) -> None:
    found = list_devices()
    max_size = options.max_size * GIBIBYTE
    if options.json:
        listing = [asdict(each) | {"obstacle": obstacle(each, max_size)} for each in found]
        print(json.dumps(listing, indent=2))
    else:
        print(table(found, max_size))
