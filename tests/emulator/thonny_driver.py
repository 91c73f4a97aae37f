# SPDX-License-Identifier: MIT
"""Give Thonny's back end the commands that its window sends.

thonny_driver.py PORT SCRIPT: what the script prints goes to stdout.
thonny_driver.py PORT COMMAND ARGUMENT... [+ COMMAND ...]: what its file browser and its editor do;
the commands are the methods of Files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from thonny.common import InlineCommand, ToplevelCommand, parse_message, serialize_message

BACKEND = "thonny.plugins.micropython.bare_metal_backend"
SETTINGS = {"clean": True, "interrupt_on_connect": True, "local_rtc": False, "cwd": None}
SETTINGS["sync_time"] = True


def messages(backend: subprocess.Popen[str]) -> Iterator[object]:
    """Yield the messages of the back end; a message may have several lines."""
    assert backend.stdout
    for line in backend.stdout:
        if line.startswith("\x02"):
            count = int(line[1 : line.index(" ")])
            rest = (backend.stdout.readline() for _ in range(count - 1))
            yield parse_message(line + "".join(rest))


def drive(backend: subprocess.Popen[str], source: str) -> None:
    """Send the script when the board is at its prompt; print its output."""
    assert backend.stdin
    prompts = 0
    for message in messages(backend):
        kind = message.event_type
        if kind == "ToplevelResponse":
            prompts += 1
            if prompts == 2:
                return
            command = ToplevelCommand("execute_source", source=source)
            backend.stdin.write(serialize_message(command) + "\n")
            backend.stdin.flush()
        elif kind == "ProgramOutput" and prompts == 1:
            file = sys.stdout if message.stream_name == "stdout" else sys.stderr
            print(message.data, end="", file=file)
        elif kind == "ProgramOutput":
            print(message.data, end="", file=sys.stderr)
    sys.exit("the back end ended")


class Files:
    """Files of a board, by the back end; the board is at its prompt."""

    def __init__(self, backend: subprocess.Popen[str]) -> None:
        self.backend = backend
        self.incoming = messages(backend)
        next(each for each in self.incoming if each.event_type == "ToplevelResponse")

    def ask(self, name: str, **arguments: object) -> object:
        command = InlineCommand(name, id=1, make_shebang_scripts_executable=False, **arguments)
        assert self.backend.stdin
        self.backend.stdin.write(serialize_message(command) + "\n")
        self.backend.stdin.flush()
        answer = next(each for each in self.incoming if each.event_type == f"{name}_response")
        problem = answer.get("error") or answer.get("errors")
        if problem:
            sys.exit(f"{name}: {problem}")
        return answer

    def list(self, path: str) -> None:
        answer = self.ask("get_dirs_children_info", node_id="", paths=[path], include_hidden=True)
        for name, about in sorted(answer.data[path].items()):
            print(name, about["kind"], about["size"])

    def read(self, path: str) -> None:
        print(self.ask("read_file", path=path).content_bytes.decode())

    def write(self, source: str, path: str) -> None:
        self.ask("write_file", path=path, content_bytes=Path(source).read_bytes())

    def mkdir(self, path: str) -> None:
        self.ask("mkdir", path=path)

    def rename(self, old: str, new: str) -> None:
        """Do as its editor: save under another name, and delete the old one."""
        data = self.ask("read_file", path=old).content_bytes
        self.ask("write_file", path=new, content_bytes=data)
        self.delete(old)

    def upload(self, source: str, path: str) -> None:
        """Upload the files of a folder of the host."""
        items = [
            {
                "kind": "file",
                "size": file.stat().st_size,
                "source_path": str(file),
                "target_path": f"{path}/{file.name}",
            }
            for file in Path(source).iterdir()
        ]
        self.ask("upload", items=items)

    def delete(self, *paths: str) -> None:
        self.ask("delete", paths=list(paths))


def drive_files(backend: subprocess.Popen[str], words: tuple[str, ...]) -> None:
    files = Files(backend)
    for command in " ".join(words).split(" + "):
        name, *arguments = command.split()
        getattr(files, name)(*arguments)


def main(port: str, *what: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", BACKEND, repr({**SETTINGS, "port": port})]
        with subprocess.Popen(
            command,
            env=os.environ | {"THONNY_USER_DIR": folder, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as backend:
            try:
                if len(what) > 1:
                    drive_files(backend, what)
                else:
                    drive(backend, Path(what[0]).read_text(encoding="utf-8"))
            finally:
                backend.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
