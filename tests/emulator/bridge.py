# SPDX-License-Identifier: MIT
"""The bench of the hardware guide, with a machine for a board: a bridge that serves its UART over
TCP, as RFC 2217 (where DTR and RTS drive RUN) or plain.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Iterable

import serial
from serial import rfc2217

from pimem.board.qemu import Qemu

HELD_SECONDS = 60


class Uart(serial.Serial):
    """A machine's pty, with the modem lines that it lacks: RUN is low while RTS is asserted and
    DTR is not, and the machine starts anew when it rises."""

    def __init__(self, machine: Qemu) -> None:
        self.resets = 0
        self._machine = machine
        self._held = False
        super().__init__(machine.pty, timeout=0)
        self.rts = self.dtr = False  # in this order: RTS alone would reset

    def _update_rts_state(self) -> None:
        held = self._rts_state and not self._dtr_state
        if self._held and not held:
            self.resets += 1
            self._machine.qmp.execute("system_reset")
        self._held = held

    _update_dtr_state = _update_rts_state

    def hold_back(self, most: int) -> threading.Event:
        """From now on let so many bytes pass, and the others when the event is set."""
        goes_on, write, passed = threading.Event(), self.write, 0

        def write_held(data: bytes) -> int | None:
            nonlocal passed
            passed += len(data)
            assert passed <= most or goes_on.wait(HELD_SECONDS), "it is held for too long"
            return write(data)

        self.write = write_held  # type: ignore[method-assign]
        return goes_on

    cts = dsr = ri = cd = property(lambda self: False)


class Bridge:
    """`url` is where the board is. One program after the other may use it."""

    def __init__(self, machine: Qemu, *, telnet: bool) -> None:
        self.uart = Uart(machine)
        self._telnet = telnet
        self._server = socket.create_server(("127.0.0.1", 0))
        scheme = "rfc2217" if telnet else "socket"
        self.url = f"{scheme}://127.0.0.1:{self._server.getsockname()[1]}"
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _stopped_before(self, *ready: object) -> set[object]:
        """What of these has something to read; nothing once the bridge is to end."""
        found = select.select([*ready, self._stop], [], [])[0]
        return set() if self._stop in found else set(found)

    def _serve(self) -> None:
        while self._stopped_before(self._server):
            connection, _ = self._server.accept()
            with connection, contextlib.suppress(OSError):
                self._relay(connection)

    def _relay(self, connection: socket.socket) -> None:
        connection.settimeout(60)
        manager = rfc2217.PortManager(self.uart, Writer(connection)) if self._telnet else None
        while ready := self._stopped_before(connection, self.uart):
            if connection in ready:
                data = connection.recv(1024)
                if not data:
                    return
                self.uart.write(join(manager.filter(data)) if manager else data)
            if self.uart in ready:
                data = self.uart.read(self.uart.in_waiting)
                connection.sendall(join(manager.escape(data)) if manager else data)

    def close(self) -> None:
        os.write(self._stopper, b"x")
        self._thread.join(60)
        self._server.close()
        self.uart.close()
        os.close(self._stop)
        os.close(self._stopper)

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Writer:
    """A socket as the protocol's manager wants it."""

    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


def join(pieces: Iterable[bytes]) -> bytes:
    return b"".join(pieces)
