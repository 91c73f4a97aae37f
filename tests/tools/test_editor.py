# SPDX-License-Identifier: MIT
"""What an editor shows of the board's modules, by pyright's language server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SOURCE = """\
import machine, memory
memory.frames.
memory.frames.alloc(1)
memory.report()["kernel"]
machine.
"""


class Server:
    """A language server with one open file."""

    def __init__(self, folder: Path) -> None:
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "pyrightconfig.json").write_text('{"venvPath": ".", "venv": ".venv"}')
        self.file = (folder / "program.py").as_uri()
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("pyright-langserver"), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
        )
        self.number = 0
        workspace = {"uri": folder.as_uri(), "name": "program"}
        self.ask("initialize", processId=None, workspaceFolders=[workspace], capabilities={})
        self.send(method="initialized", params={})
        document = {"uri": self.file, "languageId": "python", "version": 1, "text": SOURCE}
        self.send(method="textDocument/didOpen", params={"textDocument": document})

    def send(self, **message: object) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        size = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return message

    def ask(self, method: str, **params: object) -> Any:
        """The result of a request; requests of the server are answered with nothing."""
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        while True:
            message = self.receive()
            if message.get("id") == self.number and "method" not in message:
                return message["result"]
            if "id" in message:
                items = message["params"].get("items") if message.get("params") else None
                self.send(id=message["id"], result=[{} for _ in items] if items else None)

    def at(self, method: str, line: int, column: int) -> Any:
        document = {"uri": self.file}
        place = {"line": line - 1, "character": column}
        return self.ask(f"textDocument/{method}", textDocument=document, position=place)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("editor"))
    yield server
    server.process.kill()
    server.process.wait()


@pytest.mark.parametrize(
    ("line", "column", "names"),
    [(2, 14, {"alloc", "owners", "show"}), (5, 8, {"Pin", "mem64", "CRASH_RESET"})],
)
def test_names_are_completed(server: Server, line: int, column: int, names: set[str]) -> None:
    items = server.at("completion", line, column)["items"]
    assert names <= {item["label"] for item in items}


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [(3, 16, "Allocate contiguous frames."), (4, 9, "-> Report")],
)
def test_a_name_is_explained(server: Server, line: int, column: int, shown: str) -> None:
    assert shown in server.at("hover", line, column)["contents"]["value"]
