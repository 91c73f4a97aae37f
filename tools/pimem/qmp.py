# SPDX-License-Identifier: MIT
"""A synchronous client of QEMU's machine protocol (QMP) on a unix socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command or does not answer; the text names the command."""


class Qmp:
    def __init__(self, path: Path, alive: Callable[[], bool], timeout: float = 20) -> None:
        """Connects as soon as QEMU listens at `path`; gives up early if it is not alive()."""
        self.timeout = timeout
        self.events: list[dict[str, Any]] = []
        self._socket = self._connect(path, alive)
        self._stream = self._socket.makefile("rw", encoding="utf-8")
        self._receive("greeting")
        self.execute("qmp_capabilities")

    def _connect(self, path: Path, alive: Callable[[], bool]) -> socket.socket:
        end = time.monotonic() + self.timeout
        while True:
            link = socket.socket(socket.AF_UNIX)
            link.settimeout(self.timeout)
            try:
                link.connect(str(path))
                return link
            except OSError as exc:
                link.close()
                if not alive():
                    raise QmpError("QEMU ended before it could be talked to") from exc
                if time.monotonic() > end:
                    raise QmpError(f"QEMU does not listen at {path}") from exc
            time.sleep(0.01)

    def _receive(self, what: str) -> dict[str, Any]:
        try:
            line = self._stream.readline()
        except OSError as exc:
            raise QmpError(f"{what}: no answer from QEMU: {exc}") from exc
        if not line:
            raise QmpError(f"{what}: QEMU closed the connection")
        return json.loads(line)

    def execute(self, command: str, **arguments: Any) -> Any:
        """Runs one command and returns what it returns; events met are kept in `events`."""
        request: dict[str, Any] = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        try:
            self._stream.write(json.dumps(request) + "\n")
            self._stream.flush()
        except OSError as exc:
            raise QmpError(f"{command}: QEMU is gone: {exc}") from exc
        while True:
            answer = self._receive(command)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(f"{command}: {answer['error']['desc']}")
            self.events.append(answer)

    def human(self, line: str) -> str:
        """One line of the human monitor, such as 'xp /4xw 0x80000' or 'info registers'."""
        return self.execute("human-monitor-command", **{"command-line": line})

    def close(self) -> None:
        self._stream.close()
        self._socket.close()
