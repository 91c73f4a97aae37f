# SPDX-License-Identifier: MIT
"""Serve emulated boards to other programs: each on a pseudo-terminal, or on a TCP port.

As on a real serial line, what a board prints while no program is connected is lost, and one
program after the other may connect. A board that is reset restarts.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import serial
from serial import rfc2217

from pimem.board.line import LINE_BYTES, CrashLines
from pimem.board.qemu import Qemu
from pimem.exits import Failure, Refusal, complain

LOCAL = "127.0.0.1"
SCHEMES = ("socket", "rfc2217")
TICK_SECONDS = 0.05  # how often it is looked whether a program has opened a pseudo-terminal
PIECE = 4096
MOST_WAITING = 65536  # bytes for a program that does not read; then the board waits
MOST_TYPED = 1024  # bytes for a board that does not read


@dataclass(frozen=True)
class Address:
    """Where a board listens: a scheme of SCHEMES, a host and a port (0: any that is free)."""

    scheme: str
    host: str
    port: int

    def next(self, number: int) -> Address:
        """Return the address of the board of this number."""
        return Address(self.scheme, self.host, self.port + number if self.port else 0)


def parse_address(text: str) -> Address:
    """Read socket://[HOST]:PORT or rfc2217://[HOST]:PORT."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.scheme not in SCHEMES or parts.path.strip("/"):
        raise Refusal(
            f"--listen {text}: it must be socket://[HOST]:PORT or rfc2217://[HOST]:PORT, "
            "PORT from 0 (any that is free) to 65535"
        )
    return Address(parts.scheme, parts.hostname or LOCAL, port)


class Uart(serial.Serial):
    """A machine's serial line, with the modem lines that a pseudo-terminal lacks: RUN is low while
    RTS is asserted and DTR is not, and the machine restarts when it rises."""

    def __init__(self, machine: Qemu) -> None:
        self._machine = machine
        self._held = False
        super().__init__(machine.pty, timeout=0, exclusive=True)
        self.rts = self.dtr = False  # in this order: RTS alone would reset

    def _update_rts_state(self) -> None:
        held = bool(self.rts and not self.dtr)
        if self._held and not held:
            self._machine.qmp.execute("system_reset")
        self._held = held

    _update_dtr_state = _update_rts_state
    cts = dsr = ri = cd = property(lambda self: False)


class Door(Protocol):
    """Where one program after the other connects to a board."""

    url: str

    def waits_on(self) -> list[int]:
        """Return the descriptors that become readable when something happens."""

    def connected(self) -> bool: ...

    def receive(self) -> bytes:
        """Return what the program has sent by now."""

    def send(self, data: bytes) -> int:
        """Return how much of the data was taken."""

    def close(self) -> None: ...


class Pty:
    """A pseudo-terminal, which the program opens."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.url = os.ttyname(slave)
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        os.close(slave)  # from now on it hangs up whenever no program has it open

    def connected(self) -> bool:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        return not any(events & select.POLLHUP for _, events in poll.poll(0))

    def waits_on(self) -> list[int]:
        return [self._master] if self.connected() else []

    def receive(self) -> bytes:
        with contextlib.suppress(OSError):
            return os.read(self._master, MOST_TYPED)
        return b""

    def send(self, data: bytes) -> int:
        with contextlib.suppress(OSError):
            return os.write(self._master, data[:PIECE])
        return 0

    def close(self) -> None:
        os.close(self._master)


class Writer:
    """A connection as rfc2217.PortManager uses it: answers go out before other data."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


class Listener:
    """A TCP port, with the serial line as it is or as RFC 2217 has it."""

    def __init__(self, address: Address, uart: Uart) -> None:
        try:
            self._server = socket.create_server((address.host, address.port))
        except (OSError, OverflowError) as exc:
            where = f"{address.scheme}://{address.host}:{address.port}"
            raise Failure(f"cannot listen at {where}: {exc}") from exc
        self._server.setblocking(False)
        port = self._server.getsockname()[1]
        self.url = f"{address.scheme}://{address.host}:{port}"
        self._uart = uart
        self._telnet = address.scheme == "rfc2217"
        self._connection: socket.socket | None = None
        self._manager: Any = None  # a rfc2217.PortManager

    def waits_on(self) -> list[int]:
        return [(self._connection or self._server).fileno()]

    def connected(self) -> bool:
        if self._connection is None:
            with contextlib.suppress(BlockingIOError):
                self._connection, _ = self._server.accept()
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._telnet:
                    manager: Any = rfc2217.PortManager  # annotated for a Serial on both sides
                    self._manager = manager(self._uart, Writer(self._connection))
                self._connection.setblocking(False)
        return self._connection is not None

    def receive(self) -> bytes:
        if self._connection is None:
            return b""
        try:
            data = self._connection.recv(MOST_TYPED)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return b"".join(self._manager.filter(data)) if self._manager and data else data

    def send(self, data: bytes) -> int:
        if self._connection is None:
            return len(data)
        piece = data[:PIECE]
        try:
            if self._manager is None:
                return self._connection.send(piece)
            self._connection.settimeout(1)
            self._connection.sendall(b"".join(self._manager.escape(piece)))
            self._connection.setblocking(False)
            return len(piece)
        except BlockingIOError:
            return 0
        except OSError:
            self._hang_up()
            return len(data)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._manager = None

    def close(self) -> None:
        self._hang_up()
        self._server.close()


class Served:
    """A board that has booted, and its door."""

    def __init__(self, machine: Qemu, address: Address | None) -> None:
        self.machine = machine
        self._uart = Uart(machine)
        os.set_blocking(self._uart.fileno(), False)
        self.door: Door = Listener(address, self._uart) if address else Pty()
        self._typed = bytearray()  # for the board
        self._printed = bytearray()  # for the program
        self._line = b""
        self._crash_lines = CrashLines()

    def waits_on(self) -> tuple[list[int], list[int]]:
        """Return the descriptors to wait for until they can be read, and written."""
        wire = self._uart.fileno()
        reads = [wire] if len(self._printed) < MOST_WAITING else []
        doors = self.door.waits_on()
        if len(self._typed) < MOST_TYPED:
            reads += doors
        return reads, ([wire] if self._typed else []) + (doors if self._printed else [])

    def move(self) -> None:
        """Move what can be moved now, in both directions."""
        if len(self._printed) < MOST_WAITING:
            self._take()
        if self._printed:
            del self._printed[: self.door.send(bytes(self._printed))]
        if len(self._typed) < MOST_TYPED:
            self._typed += self.door.receive()
        if self._typed:
            with contextlib.suppress(OSError):
                del self._typed[: os.write(self._uart.fileno(), self._typed)]

    def _take(self) -> None:
        try:
            data = os.read(self._uart.fileno(), PIECE)
        except OSError:  # nothing has come, or the machine has ended
            data = b""
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[:LINE_BYTES]
        for line in lines:
            if self._crash_lines.ends_report(line):
                complain(f"{self.door.url}: the board crashed")
        if self.door.connected():
            self._printed += data
        else:
            self._printed.clear()

    def close(self) -> None:
        self.door.close()
        self._uart.close()
        self.machine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ended(board: Served) -> bool:
    """Return whether the machine has ended, and say why."""
    reason = board.machine.ended()
    if reason:
        complain(f"{board.door.url}: the machine stopped: {reason}")
    return bool(reason)


def serve(boards: Sequence[Served]) -> None:
    """Serve the boards until all of their machines have ended."""
    left = list(boards)
    while left:
        wanted = [board.waits_on() for board in left]
        reads = [fd for each, _ in wanted for fd in each]
        writes = [fd for _, each in wanted for fd in each]
        select.select(reads, writes, [], TICK_SECONDS)
        for board in left:
            board.move()
        left = [board for board in left if not ended(board)]
