# SPDX-License-Identifier: MIT
"""Use belay as a program of its users does, or give its command line a line.

belay_driver.py PORT tasks|thread|stamp|soft-reset: the functions below.
belay_driver.py PORT program SCRIPT: what it prints goes to stdout.
belay_driver.py PORT send FILE|FOLDER TARGET: to a folder of the board.
belay_driver.py PORT install: the dependencies of the folder's pyproject.toml.
belay_driver.py PORT COMMAND ARGUMENT...: `belay COMMAND PORT ARGUMENT...`.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from belay import Device, PyboardException


def tasks(device: Device) -> None:
    """Call functions, a generator, and one that a fault ends; a Timer runs meanwhile."""

    calls: list[int] = []

    @device.setup
    def prepare(period: int) -> None:  # what it assigns is global on the board
        import machine

        calls = []
        machine.Timer(period=period, callback=lambda timer: calls.append(1))

    @device.task
    def add(a: int, b: int = 1) -> int:
        return a + b

    @device.task
    def squares(count: int) -> Iterator[int]:
        yield from (number * number for number in range(count))

    @device.task
    def pin() -> str:
        import machine

        pin = machine.Pin(17, machine.Pin.OUT, value=1)
        return f"GPIO17 is {pin.value()}" if "GPIO17" in repr(pin) else repr(pin)

    @device.task
    def fault() -> int:
        import machine

        return machine.mem64[0]

    @device.task
    def wait() -> str:
        seen = len(calls)
        while len(calls) < seen + 3:
            pass
        return "goes on"

    prepare(20)
    print([add(1, b=2), tuple(squares(3)), pin(), raised(fault), wait()])


def raised(call: Callable[[], object]) -> str:
    """Return the exception of the board that a call ends with; the line of this file is in it."""
    try:
        return f"no exception: {call()}"
    except PyboardException as exc:
        said = str(exc)
        assert __file__ in said and "return machine.mem64[0]" in said, said
        return said.strip().splitlines()[-1].partition(":")[0]


def thread(device: Device) -> None:
    @device.thread
    def beside() -> None:
        print("runs")

    beside()


def stamp(device: Device) -> None:
    """Ask when, by the host's clock, a result was made."""

    @device.task(return_time=True)
    def answer() -> int:
        return 42

    (first, early), (_, late) = answer(), answer()
    around = abs(early - datetime.datetime.now()) < datetime.timedelta(minutes=1)
    print("in order" if first == 42 and early <= late and around else f"{early} {late}")


def command_line(*words: str) -> int:
    from belay.cli.main import run_app  # takes long to import

    sys.argv = ["belay", *words]
    try:
        run_app()
    except SystemExit as exc:
        return int(exc.code or 0)
    return 0


def act(device: Device, name: str, *arguments: str) -> None:
    if name == "program":
        device(Path(arguments[0]).read_text())
    elif name == "send":
        device.sync(arguments[0], arguments[1], keep=True)
    else:
        uses = {"tasks": tasks, "thread": thread, "stamp": stamp, "soft-reset": Device.soft_reset}
        uses[name](device)


def main(port: str, name: str, *arguments: str) -> int:
    if name == "install":
        return command_line("update") or command_line("install", port)
    if name in ("run", "exec", "sync", "terminal", "info"):
        return command_line(name, port, *arguments)
    with Device(port) as device:
        act(device, name, *arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
