# SPDX-License-Identifier: MIT
"""A synchronous client of QEMU's machine protocol (QMP) on a unix socket."""

from __future__ import annotations

import json
import select
import socket
from typing import Any


class QmpError(Exception):
    """QEMU refused a command or does not answer; the text names the command."""


class Qmp:
    def __init__(self, connection: socket.socket, timeout: float = 20) -> None:
        """Take over the connection to QEMU's monitor; QEMU answers once it has started."""
        connection.settimeout(timeout)
        self.timeout = timeout
        self.events: list[dict[str, Any]] = []
        self._buffer = b""
        self._count = 0  # of commands: the identity of the last one
        self._socket = connection
        self._receive("greeting")
        self.execute("qmp_capabilities")

    def _receive(self, what: str) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except OSError as exc:
                raise QmpError(f"{what}: no answer from QEMU: {exc}") from exc
            if not data:
                raise QmpError(f"{what}: QEMU closed the connection")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def notice(self) -> None:
        """Add the events that have come by now to `events`, without asking QEMU for anything.

        A question is answered only when no processor of the guest is in the middle of writing
        to a full serial line: a program that has to empty that line must not wait for an answer.
        """
        while b"\n" in self._buffer or select.select([self._socket], [], [], 0)[0]:
            self._keep_event(self._receive("events"))

    def _keep_event(self, answer: dict[str, Any]) -> None:
        """Keep an event; drop an answer to a command that has had one already."""
        if "event" in answer:
            self.events.append(answer)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run one command and return what it returns; events met are kept in `events`."""
        self._count += 1
        request: dict[str, Any] = {"execute": command, "id": self._count}
        if arguments:
            request["arguments"] = arguments
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as exc:
            raise QmpError(f"{command}: QEMU is gone: {exc}") from exc
        while True:
            answer = self._receive(command)
            if answer.get("id") != self._count:
                self._keep_event(answer)
            elif "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def human(self, line: str) -> str:
        """Run a line of the human monitor, such as 'xp /4xw 0x80000' or 'info registers'."""
        return str(self.execute("human-monitor-command", **{"command-line": line}))

    def close(self) -> None:
        self._socket.close()
