# SPDX-License-Identifier: MIT
"""Command lines of what concerns the serial line: ports, monitor, frames, reset, bridge."""

from __future__ import annotations

import argparse
from pathlib import Path

from pimem.board import boards

BAUD = 115200
FRAMES_EPILOG = """\
Reading the board interrupts the program that runs on it, as Ctrl-C does; its memory stays as it
is. On a terminal the picture is drawn anew every --interval seconds until Ctrl-C.
"""
RESET_EPILOG = """\
SEQUENCE is esptool's: D0 and D1 set DTR, R0 and R1 RTS, W0.1 waits 0.1 s, joined by |. Without
--sequence it is that of $PIMEM_RESET, or D0|R1|W0.1|R0. A port without such lines (a pty, a
socket) is an error. RTS is released in any case, or the board would be held in reset.
"""
MONITOR_EPILOG = """\
exit code 3 if a crash report was among what the board sent, or the machine stopped. Copying
files is mpremote's job: mpremote connect PORT cp main.py :
"""


def add_line(command: argparse.ArgumentParser) -> None:
    command.add_argument("--baud", type=int, default=BAUD, help="default: %(default)d")
    command.add_argument("--capture", type=Path, metavar="FILE", help="keep a copy of all shown")


def add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("--port", metavar="URL", help="a real board: any pyserial device or URL")
    command.add_argument(
        "--board",
        default=boards.DEFAULT,
        choices=boards.names(),
        help="without --port, the board QEMU stands in for (default: %(default)s)",
    )
    command.add_argument(
        "--kernel", type=Path, metavar="IMG", help="another image than the board's own"
    )


def add_monitor(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    monitor = commands.add_parser(
        "monitor", help="watch a board: time stamps, capture, crashes explained",
        epilog=MONITOR_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add_source(monitor)
    monitor.set_defaults(interactive=False, wait_first=True, icount=False)
    add_line(monitor)
    monitor.add_argument(
        "--elf", type=Path, metavar="FILE", help="default: the one beside the image"
    )
    monitor.add_argument(
        "--no-stamps", dest="stamps", action="store_false", help="lines without times"
    )
    monitor.add_argument(
        "--seconds", type=float, metavar="S", help="end after S seconds (default: on Ctrl-])"
    )
    monitor.add_argument(
        "--wait",
        type=float,
        default=60.0,
        metavar="S",
        help="how long to wait for a port that is not there (default: %(default)g)",
    )


def add_frames(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    frames = commands.add_parser(
        "frames",
        help="show free and used RAM of a board, live",
        epilog=FRAMES_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source(frames)
    frames.add_argument("--json", action="store_true", help="the figures, once, as JSON")
    frames.add_argument("--svg", type=Path, metavar="FILE", help="the picture, once, as a file")
    frames.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="default: %(default)g"
    )
    frames.add_argument("--count", type=int, metavar="N", help="end after N pictures")


def add_bridge(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bridge = commands.add_parser("bridge", help="look after a bench's ESP32 serial bridge")
    actions = bridge.add_subparsers(dest="action", required=True)
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
    flash.add_argument("--baud", type=int, default=460800, help="default: %(default)d")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ports = commands.add_parser("ports", help="list serial ports")
    ports.add_argument("--json", action="store_true", help="as JSON")
    add_monitor(commands)
    add_frames(commands)
    reset = commands.add_parser(
        "reset",
        help="reset a board over DTR and RTS",
        epilog=RESET_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reset.add_argument("--port", required=True, metavar="URL", help="any pyserial device or URL")
    reset.add_argument("--sequence", metavar="SEQUENCE", help="default: D0|R1|W0.1|R0")
    add_bridge(commands)
