# SPDX-License-Identifier: MIT
"""Give Thonny's back end the commands that its window sends.

thonny_driver.py PORT run SCRIPT: what the script prints goes to stdout.
thonny_driver.py PORT shell LINE: what the shell shows of a line.
thonny_driver.py PORT stop LINE LINE: Stop when the first line loops; then the second one.
thonny_driver.py PORT restart: Ctrl-D in the shell.
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

from thonny.common import (
    EOFCommand,
    ImmediateCommand,
    InlineCommand,
    ToplevelCommand,
    parse_message,
    serialize_message,
)

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


def send(backend: subprocess.Popen[str], command: object) -> None:
    assert backend.stdin
    backend.stdin.write(serialize_message(command) + "\n")
    backend.stdin.flush()


def drive(backend: subprocess.Popen[str], *commands: object, stop: bool = False) -> None:
    """Send a command at each prompt of the board, and Stop when one loops; print all output."""
    waiting, printed = list(commands), ""
    for message in messages(backend):
        kind = message.event_type
        if kind == "ToplevelResponse":
            if not waiting:
                return
            send(backend, waiting.pop(0))
        elif kind == "ProgramOutput":
            begun = len(waiting) < len(commands)  # before, it is the greeting
            file = sys.stdout if begun and message.stream_name == "stdout" else sys.stderr
            print(message.data, end="", file=file)
            printed += message.data
            if stop and begun and "looping" in printed:
                send(backend, ImmediateCommand("interrupt"))
                stop = False
    sys.exit("the back end ended")


class Files:
    """Files of a board, by the back end; the board is at its prompt."""

    def __init__(self, backend: subprocess.Popen[str]) -> None:
        self.backend = backend
        self.incoming = messages(backend)
        next(each for each in self.incoming if each.event_type == "ToplevelResponse")

    def ask(self, name: str, **arguments: object) -> object:
        command = InlineCommand(name, id=1, make_shebang_scripts_executable=False, **arguments)
        send(self.backend, command)
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

    def download(self, path: str, target: str) -> None:
        target = str(Path(target).resolve())
        items = [{"kind": "file", "size": 0, "source_path": path, "target_path": target}]
        self.ask("download", items=items)

    def space(self, path: str) -> None:
        answer = self.ask("get_fs_info", path=path)
        print(f"{answer['free']} of {answer['total']} bytes free")

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


def source(text: str) -> ToplevelCommand:
    return ToplevelCommand("execute_source", source=text)


def act(backend: subprocess.Popen[str], name: str, *words: str) -> None:
    if name == "run":
        drive(backend, source(Path(words[0]).read_text(encoding="utf-8")))
    elif name in ("shell", "stop"):
        drive(backend, *map(source, words), stop=name == "stop")
    elif name == "restart":
        drive(backend, EOFCommand())
    else:
        drive_files(backend, (name, *words))


def main(port: str, *words: str) -> None:
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
                act(backend, *words)
            finally:
                backend.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
