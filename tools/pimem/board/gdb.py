# SPDX-License-Identifier: MIT
"""The few words of GDB's remote protocol that a benchmark needs, on QEMU's gdbstub."""

from __future__ import annotations

import socket
from pathlib import Path

PC = 32  # the numbers of the AArch64 core registers: x0 to x30, sp, pc


class GdbError(Exception):
    """The stub refused, or does not answer in time."""


class Gdb:
    def __init__(self, path: Path, timeout: float = 60) -> None:
        """Connect to a stub on a unix socket, which stops the machine."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._buffer = b""
        try:
            self._socket.connect(str(path))
        except OSError as exc:
            raise GdbError(f"no gdbstub at {path}: {exc}") from exc
        self.ask("?")

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Gdb:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, text: str) -> None:
        self._socket.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())

    def _answer(self, request: str) -> str:
        """Return the next packet; acknowledged."""
        try:
            while True:
                body, hash_mark, rest = self._buffer.partition(b"#")
                if hash_mark and len(rest) >= 2:
                    break
                received = self._socket.recv(4096)
                if not received:
                    raise GdbError(f"{request}: the stub closed the connection")
                self._buffer += received
            self._socket.sendall(b"+")
        except OSError as exc:
            raise GdbError(f"{request}: no answer: {exc}") from exc
        self._buffer = rest[2:]
        return body.lstrip(b"+").removeprefix(b"$").decode()

    def ask(self, request: str) -> str:
        self._send(request)
        answer = self._answer(request)
        if answer.startswith("E"):
            raise GdbError(f"{request}: {answer}")
        return answer

    def run_to(self, address: int) -> None:
        """Lets all cores run until one is about to execute the instruction at `address`."""
        self.ask(f"Z0,{address:x},4")
        self.ask("vCont;c")
        self.ask(f"z0,{address:x},4")

    def step(self) -> None:
        """Run one instruction of the core that stopped."""
        self.ask("s")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def read_u64(self, address: int) -> int:
        """Read eight bytes of memory as the stopped core sees it."""
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},8")), "little")

    def set_register(self, number: int, value: int) -> None:
        self.ask(f"P{number:x}={value.to_bytes(8, 'little').hex()}")
