# SPDX-License-Identifier: MIT
"""The monitor on ports that come and go, and what it makes of what it reads."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from limits import HANG_SECONDS, wait_for

from pimem.board import monitor, symbols

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
STAMP = re.compile(r"^\[ *\d+\.\d{3}\] ")
SOURCE = """\
int inner(int x) { return x * 3; }
int outer(int x) {
    return inner(x) + 1;
}
"""


class Seen:
    """A watcher's output, with a clock that ticks a tenth of a second at each look."""

    def __init__(self, elf: Path = Path("/none"), stamps: bool = True) -> None:
        self.text = ""
        self.now = 0.0
        self.watcher = monitor.Watcher(self.add, elf, stamps=stamps, clock=self.clock)

    def add(self, text: str) -> None:
        self.text += text

    def clock(self) -> float:
        self.now += 0.1
        return self.now - 0.1


def test_each_line_has_the_time_of_its_first_byte() -> None:
    seen = Seen()
    for piece in (b"one", b" two\r\nth", b"ree\r\n"):
        seen.watcher.feed(piece)
    assert seen.text == "[    0.100] one two\n[    0.200] three\n"


@pytest.mark.parametrize("cut", range(1, 14))
def test_however_the_bytes_arrive_the_text_is_the_same(cut: int) -> None:
    data = "größe €\r\nb\r\n".encode()
    seen = Seen(stamps=False)
    seen.watcher.feed(data[:cut])
    seen.watcher.feed(data[cut:])
    assert seen.text == "größe €\nb\n"


def test_a_carriage_return_alone_stays() -> None:
    seen = Seen(stamps=False)
    seen.watcher.feed(b"50 %\r")
    seen.watcher.feed(b"60 %\r\n")
    assert seen.text == "50 %\r60 %\n"


def test_a_line_of_the_monitors_own_begins_on_a_fresh_line() -> None:
    seen = Seen(stamps=False)
    seen.watcher.feed(b"half")
    seen.watcher.note("lost it")
    seen.watcher.feed(b"more\n")
    assert seen.text == "half\n-- lost it --\nmore\n"


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    """A small program with debugging information, and the addresses of its functions."""
    folder = tmp_path_factory.mktemp("elf")
    source, elf = folder / "prog.c", folder / "prog.elf"
    source.write_text(SOURCE)
    flags = ["-g", "-O1", "-nostdlib", "-static", f"-ffile-prefix-map={folder}=/pimem/src"]
    command = ["aarch64-linux-gnu-gcc", *flags, "-Wl,-e,outer", str(source), "-o", str(elf)]
    subprocess.run(command, check=True, capture_output=True)
    listing = subprocess.run(
        ["aarch64-linux-gnu-nm", str(elf)], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines()}
    return elf, names


def crash_line(*addresses: int) -> bytes:
    listed = ", ".join(f'"{address:#x}"' for address in addresses)
    return b'CRASH {"cause": "test", "backtrace": [' + listed.encode() + b"]}\r\n"


def test_a_crash_is_followed_by_functions_files_and_lines(
    elf: tuple[Path, dict[str, int]],
) -> None:
    path, names = elf
    seen = Seen(path, stamps=False)
    line = crash_line(names["inner"], names["outer"] + 4)
    seen.watcher.feed(b"before\r\n" + line[:9])
    seen.watcher.feed(line[9:] + b"after\r\n")
    lines = seen.text.splitlines()
    assert lines[0] == "before" and lines[1].startswith("CRASH {") and lines[-1] == "after"
    assert lines[2] == f"  #0  {names['inner']:016x}  inner at src/prog.c:1"
    # The compiler inlined inner() there, and both places are printed.
    assert lines[3].startswith(f"  #1  {names['outer'] + 4:016x}  inner at src/prog.c:1")
    assert lines[4] == "            inlined in  outer at src/prog.c:3"
    assert seen.watcher.crashed


def test_text_that_only_mentions_a_crash_is_none(elf: tuple[Path, dict[str, int]]) -> None:
    seen = Seen(elf[0], stamps=False)
    seen.watcher.feed(b"print('CRASH {')\r\n")
    assert not seen.watcher.crashed and seen.text == "print('CRASH {')\n"


def test_output_that_looks_like_a_crash_line_is_none() -> None:
    seen = Seen(stamps=False)
    seen.watcher.feed(b"CRASH {oops}\r\n")
    assert not seen.watcher.crashed and seen.text == "CRASH {oops}\n"
    seen.watcher.feed(b"*** crash: fault\r\nCRASH {oops}\r\n")
    assert seen.watcher.crashed


@pytest.mark.parametrize("line", [b'CRASH {"backtr', b"CRASH {}", b'CRASH {"backtrace": ["no"]}'])
def test_a_damaged_report_is_still_a_crash(line: bytes, elf: tuple[Path, dict[str, int]]) -> None:
    seen = Seen(elf[0], stamps=False)
    seen.watcher.feed(line + b"\r\n")
    assert seen.watcher.crashed
    assert seen.text.startswith(line.decode())


def test_without_an_elf_the_reason_is_told(tmp_path: Path) -> None:
    text = symbols.explain({"backtrace": ["0x80000"]}, tmp_path / "none.elf")
    assert text == f"  no symbols: no {tmp_path / 'none.elf'} to look addresses up in\n"


def test_names_of_another_build_are_refused(elf: tuple[Path, dict[str, int]]) -> None:
    path, names = elf
    report = {"backtrace": [f"{names['inner']:#x}"]}
    right = symbols.explain(report | {"text": f"{symbols.text_crc(path):#x}"}, path)
    assert right == symbols.explain(report, path) and "inner at" in right
    wrong = symbols.explain(report | {"text": "0x0badc0de"}, path)
    assert wrong.startswith(f"  no symbols: {path} is another build") and "0x0badc0de" in wrong
    assert wrong.count("\n") == 1


class Adapter:
    """A serial adapter that can be pulled: a link to a pty that comes and goes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.master = -1

    def plug(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.place.symlink_to(os.ttyname(slave))
        self.slave = slave

    def pull(self) -> None:
        self.place.unlink()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    adapter = Adapter(tmp_path / "ttyUSB0")
    adapter.plug()
    yield adapter
    adapter.pull()


class Running:
    """A monitor in a process of its own, its output as it comes."""

    def __init__(self, *args: str) -> None:
        command = [sys.executable, "-m", "pimem", "monitor", *args]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.text = ""

    def shows(self, wanted: str, poke: Callable[[], object] = lambda: None) -> None:
        """Pokes the board until the monitor shows what is wanted."""
        wait_for(lambda: self._shows_now(wanted, poke), lambda: self.text)

    def _shows_now(self, wanted: str, poke: Callable[[], object]) -> bool:
        assert self.process.stdout
        poke()
        if select.select([self.process.stdout], [], [], 0.2)[0]:
            self.text += os.read(self.process.stdout.fileno(), 4096).decode()
        return wanted in self.text

    def rest(self) -> str:
        """What comes until it ends."""
        return self.process.communicate(timeout=HANG_SECONDS)[0].decode()

    def end(self) -> None:
        self.process.terminate()
        self.rest()


def test_a_port_that_goes_away_is_opened_again(adapter: Adapter) -> None:
    running = Running("--port", str(adapter.place))
    try:
        running.shows("hello", lambda: os.write(adapter.master, b"hello\r\n"))
        adapter.pull()
        running.shows("waiting for it, 60 s at most --")
        adapter.plug()
        running.shows("again", lambda: os.write(adapter.master, b"again\r\n"))
        assert f"-- {adapter.place} is back --" in running.text
    finally:
        running.end()


def test_a_port_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    adapter = Adapter(tmp_path / "ttyUSB0")
    running = Running("--port", str(adapter.place))
    try:
        running.shows("there is no such device; `pimem ports` lists what there is; waiting for it")
        adapter.plug()
        running.shows("hello", lambda: os.write(adapter.master, b"hello\r\n"))
        assert f"-- {adapter.place} is there --" in running.text
        adapter.pull()
    finally:
        running.end()


def test_a_port_that_stays_away_is_no_answer(pimem: Pimem, tmp_path: Path) -> None:
    done = pimem("monitor", "--port", str(tmp_path / "none"), "--wait", "0")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1 and "cannot open" in done.stderr


def test_it_ends_when_its_time_is_over(pimem: Pimem, adapter: Adapter) -> None:
    done = pimem("monitor", "--port", str(adapter.place), "--seconds", "0.5")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_keeps_a_copy(tmp_path: Path) -> None:
    adapter = Adapter(tmp_path / "ttyUSB0")
    adapter.plug()
    capture = tmp_path / "log.txt"
    running = Running("--port", str(adapter.place), "--capture", str(capture), "--wait", "0")
    try:
        running.shows("ready", lambda: os.write(adapter.master, b"ready\r\n"))
    finally:
        adapter.pull()
    shown = running.text + running.rest()
    assert running.process.returncode == 4
    assert capture.read_text() == shown
    *lines, last = shown.splitlines()
    assert all(STAMP.match(line) for line in lines) and last.startswith("-- lost ")
    assert "\x1b" not in shown


def test_a_capture_that_cannot_be_written_is_refused(pimem: Pimem, tmp_path: Path) -> None:
    done = pimem("monitor", "--port", "loop://", "--capture", str(tmp_path / "no" / "log"))
    assert done.returncode == 2
    assert "cannot write" in done.stderr
