# SPDX-License-Identifier: MIT
"""The REPL as people and tools use it: Ctrl-C, pasting, raw and raw-paste, soft reset."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pimem.board.link import PROMPT, Link
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.also_raw

PASTE_BYTES = 64 << 10
RECEIVED = "memory.report()['uart']"


@contextmanager
def friendly(board: Machine) -> Iterator[Link]:
    """The friendly REPL for a while."""
    board.link.leave_raw_repl()
    try:
        yield board.link
    finally:
        board.link.enter_raw_repl()


def send(link: Link, data: bytes, piece: int = 512) -> bytes:
    """Sends as fast as the line takes it, reading what comes back meanwhile; returns that."""
    echo = bytearray()
    for at in range(0, len(data), piece):
        link.write(data[at : at + piece])
        if link._port.in_waiting:
            echo += link.receive()
    return bytes(echo)


def type_line(link: Link, text: str, until: bytes = PROMPT) -> str:
    """Types a line at the prompt; what was printed after the echo, without the next prompt."""
    link.write(text.encode() + b"\r")
    shown = link.read_until(until).decode().replace("\r\n", "\n")
    return shown.partition("\n")[2].removesuffix(until.decode())


@pytest.mark.parametrize(
    "busy",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "input('name? ')",
        "any(0 for _ in range(10 ** 15))",
        "import machine\nwhile True: machine.idle()",
    ],
)
def test_ctrl_c_ends_what_runs(board: Machine, busy: str) -> None:
    link = board.link
    link.paste(f"print('going')\n{busy}\n".encode())
    link.read_until(b"going\r\n", total=20)
    link.write(b"\x03")
    text = link.read_until(b"\x04>", total=20)
    assert b"KeyboardInterrupt" in text
    assert board.exec("print(6 * 7)") == "42\n"


def test_ctrl_c_can_be_caught(board: Machine) -> None:
    with friendly(board) as link:
        link.write(b"\x05")
        link.read_until(b"=== ")
        link.write(b"try:\n  print('go', 'ing')\n  while 1: pass\n")
        link.write(b"except KeyboardInterrupt:\n  print('cau', 'ght', sep='')\n\x04")
        link.read_until(b"go ing\r\n")
        link.write(b"\x03")
        link.read_until(b"caught\r\n", total=20)
        link.read_until(PROMPT)


def test_the_friendly_repl_echoes_values_and_keeps_names(board: Machine) -> None:
    with friendly(board) as link:
        assert type_line(link, "x = 6 * 7") == ""
        assert type_line(link, "x") == "42\n"
        assert type_line(link, "_ + 1") == "43\n"
        assert type_line(link, "'text'") == "'text'\n"
        assert "ZeroDivisionError" in type_line(link, "1 / 0")
        assert type_line(link, "x") == "42\n"


def test_blocks_are_indented_and_tab_completes(board: Machine) -> None:
    with friendly(board) as link:
        type_line(link, "import memory")
        link.write(b"memory.Addr\t")
        link.read_until(b"essSpace", total=20)
        link.write(b"\x03")
        link.read_until(PROMPT)
        link.write(b"for i in range(2):\rprint('row', i)\r\r\r\r")  # the last dedents twice
        link.read_until(b"row 0\r\nrow 1\r\n", total=20)
        link.read_until(PROMPT)


@pytest.mark.also_raw(False)
def test_a_paste_of_64_kib_loses_nothing(board: Machine) -> None:
    before = board.eval(RECEIVED, "import memory")
    payload = ("0123456789abcdef" * 3 + "#") * (PASTE_BYTES // 49)
    lines = "\n".join(f"    '{payload[n : n + 70]}'" for n in range(0, len(payload), 70))
    source = f"data = (\n{lines}\n)\n".encode()
    assert len(source) >= PASTE_BYTES
    with friendly(board) as link:
        link.write(b"\x05")
        link.read_until(b"=== ")
        send(link, source)
        link.write(b"\x04")
        link.read_until(PROMPT, total=120)
    crc = board.eval("(len(data), binascii.crc32(data))", "import binascii")
    assert crc == [len(payload), binascii.crc32(payload.encode())]
    after = board.eval(RECEIVED, "import memory")
    assert after["overruns"] == before["overruns"] == 0


def test_64_kib_typed_while_python_is_busy_are_kept(board: Machine) -> None:
    data = bytes(range(32, 127)) * (64000 // 95)
    got = run_with_input(board, data, busy="time.sleep_ms(800)")
    assert got["crc"] == binascii.crc32(data)
    assert got["uart"]["overruns"] == 0


@pytest.mark.also_raw(False)
def test_when_the_ring_is_full_the_line_is_held_and_that_is_counted(board: Machine) -> None:
    if board.qemu is None:
        pytest.skip("a real UART has no back-pressure: what does not fit is lost, and counted")
    data = bytes(range(32, 127)) * (90000 // 95)
    until_full = """\
for _ in range(400):
    if memory.report()['uart']['ring_full'] > before:
        break
    time.sleep_ms(50)
"""
    got = run_with_input(board, data, busy=until_full)
    assert got["crc"] == binascii.crc32(data)
    assert got["uart"]["overruns"] == 0
    assert got["uart"]["ring_full"] > got["before"]


def run_with_input(board: Machine, data: bytes, busy: str) -> dict:
    """Runs a script that is busy first and then reads len(data) bytes of what was typed.

    `before` is how often the ring had been full when nothing was typed yet.
    """
    link = board.link
    script = f"""\
import sys, time, binascii, json, memory
before = memory.report()['uart']['ring_full']
print('ready')
{busy}
crc, left = 0, {len(data)}
while left:
    part = sys.stdin.buffer.read(min(left, 1000))
    crc = binascii.crc32(part, crc)
    left -= len(part)
print(json.dumps({{'crc': crc, 'before': before, 'uart': memory.report()['uart']}}))
"""
    link.paste(script.encode())
    link.read_until(b"ready\r\n")
    early = send(link, data)
    answer = (early + link.read_until(b"\x04", total=60))[:-1]
    errors = link.read_until(b"\x04")[:-1]
    link.read_until(b">")
    assert errors == b""
    return json.loads(answer)


def test_raw_mode_takes_a_long_script_without_flow_control(board: Machine) -> None:
    link = board.link
    source = "total = 0\n" + "".join(f"total += {n}  # {'x' * 50}\n" for n in range(1000))
    early = send(link, source.encode() + b"print(total)\n\x04")
    assert early + link.read_until(b"\x04>", total=120) == b"OK499500\r\n\x04\x04>"
    assert board.eval(RECEIVED, "import memory")["overruns"] == 0


def test_raw_paste_takes_a_long_script(board: Machine) -> None:
    source = "total = 0\n" + "".join(f"total += {n}  # {'x' * 50}\n" for n in range(1000))
    assert len(source) > 60000
    assert board.exec(source + "print(total)\n") == "499500\n"


def test_a_syntax_error_is_told_and_the_repl_goes_on(board: Machine) -> None:
    output, errors = board.link.exec("print('never')\nx = = 3\n" + "y = 0\n" * 500)
    assert output == ""
    assert "SyntaxError" in errors
    assert board.exec("print('on')") == "on\n"


def test_output_of_100_kib_arrives_whole(board: Machine) -> None:
    text = board.exec("for n in range(2000):\n    print('%050d' % n)")
    assert text.splitlines() == [f"{n:050d}" for n in range(2000)]


def test_bytes_and_unicode_pass_both_ways(board: Machine) -> None:
    assert board.exec("print('naïve – 雪 – 🐍')") == "naïve – 雪 – 🐍\n"


def test_ctrl_d_says_so_and_shows_banner_but_no_boot_report(board: Machine) -> None:
    with friendly(board) as link:
        link.write(b"\x04")
        text = link.read_until(PROMPT).decode().replace("\r\n", "\n")
    assert "MPY: soft reboot\n" in text
    version = board.eval("memory.report()['version']", "import memory")
    assert re.search(
        rf"^MicroPython v1\.\S+ on \S+; pimem {re.escape(version)}, .+ with ", text, re.M
    )
    assert 'Type "help()" for more information.' in text
    assert "TTBR1" not in text


def test_a_fresh_prompt_has_no_names_of_the_boot_code(board: Machine) -> None:
    board.soft_reset()
    with friendly(board) as link:
        assert type_line(link, "dir()").strip() == "['__name__']"


def test_input_reads_a_line(board: Machine) -> None:
    with friendly(board) as link:
        link.write(b"print('<%s>' % input('your name? '))\r")
        link.read_until(b"your name? ")
        link.read_until(b"your name? ")
        link.write(b"Ada\r")
        assert b"<Ada>\r\n" in link.read_until(PROMPT)
