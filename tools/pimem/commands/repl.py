# SPDX-License-Identifier: MIT
"""Boot and talk to the REPL from this terminal."""

from __future__ import annotations

import argparse
import sys

from pimem.board import boards, monitor
from pimem.commands import _options
from pimem.exits import Refusal


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_source(parser)
    _options.add_slot(parser)
    _options.add_icount(parser)
    _options.add_timeout(parser)
    _options.add_line(parser)


def run(options: argparse.Namespace) -> int:
    if not sys.stdin.isatty():
        raise Refusal("repl needs a terminal; `run` takes a script on stdin")
    return monitor.talk(
        boards.load(options.board),
        port=options.port,
        kernel=options.kernel,
        card=options.card,
        icount=options.icount,
        extra=_options.device_args(options),
        baud=options.baud,
        capture=options.capture,
    )
