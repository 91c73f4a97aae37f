# SPDX-License-Identifier: MIT
"""machine.UART(1), the mini UART: QEMU's second serial line, whose other end is this test.

What its numbers 2 to 5 do to the PL011 is in tests/host/test_machine_uart.py and
test_drivers_uart.py: QEMU has none of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import queue
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pimem.board import boards
from pimem.board.link import ScriptError
from pimem.testing import Machine, board_session
from pimem.testing.refusals import check_refused

LONG = 60_000  # ms: what comes is awaited, however late QEMU passes it on
SETUP = f"""
from machine import UART, Pin
import time
u = UART(1, timeout={LONG}, timeout_char={LONG})
"""


class Wire:
    """A board and the other end of its second serial line."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.got: queue.Queue[bytes] = queue.Queue()
        # QEMU, which writes byte by byte, stops when a few hundred were not read.
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while part := self.socket.recv(4096):
            self.got.put(part)

    def sent(self) -> bool:
        """Return whether QEMU has taken all that was sent."""
        return fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)) == bytes(4)

    def take(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            got += self.got.get(timeout=60)
        return got


@pytest.fixture(scope="module", params=board_session.PIS)
def line(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Wire]:
    path = tmp_path_factory.mktemp("uart") / "line"
    extra = ["-chardev", f"socket,id=line,path={path},server=on,wait=off"]
    extra += ["-serial", "chardev:line"]
    with board_session.booted(request.param, extra=extra) as machine:
        wire = Wire(machine, path)
        yield wire
        wire.socket.close()


@pytest.fixture
def wire(line: Wire) -> Iterator[Wire]:
    line.machine.exec(SETUP)
    yield line
    line.machine.exec("u.init()\nwhile u.any():\n u.read(u.any())\nu.deinit()")


def test_bytes_go_out_as_they_are(wire: Wire) -> None:
    data = bytes(range(256)) * 8
    assert wire.machine.eval(f"u.write({data!r})") == len(data)
    wire.machine.exec("u.flush()\nassert u.txdone()")
    assert wire.take(len(data)) == data


def test_bytes_come_in_as_they_are(wire: Wire) -> None:
    data = bytes(range(256))
    wire.machine.exec("u.init(rxbuf=1024)")
    wire.socket.sendall(data * 4)
    assert wire.machine.eval("list(u.read(1024))") == list(data * 4)


def test_a_full_ring_holds_the_sender_back_and_nothing_is_lost(wire: Wire) -> None:
    """The line has no flow control, but QEMU's sender waits while the FIFO is full."""
    data = bytes(n * 7 & 255 for n in range(10_000))
    wire.machine.exec("u.init(rxbuf=32)")
    wire.socket.sendall(data)
    wire.machine.exec("while u.any() < 32:\n time.sleep_ms(1)\ntime.sleep_ms(100)")
    assert wire.machine.eval("u.any()") == 32
    assert not wire.sent()
    wire.machine.exec("got = u.read(10000)")
    assert wire.machine.eval("len(got)") == 10_000
    assert wire.machine.eval("got == bytes(n * 7 & 255 for n in range(10000))") is True


def test_lines_and_buffers_are_read(wire: Wire) -> None:
    wire.socket.sendall(b"one\ntwo\nrest")
    wire.machine.exec("assert u.readline() == b'one\\n'")
    wire.machine.exec("b = bytearray(3)\nassert u.readinto(b) == 3 and b == b'two', b")
    wire.machine.exec("assert u.read(1) == b'\\n'\nassert u.read(4) == b'rest'")


def test_a_read_ends_at_its_timeout(wire: Wire) -> None:
    wire.machine.exec("u.init(timeout=0)")
    assert wire.machine.eval("[u.read(), u.read(5), u.readline(), u.any()]") == [
        None,
        None,
        None,
        0,
    ]
    wire.machine.exec("u.init(timeout=30, timeout_char=20)\nstart = time.ticks_ms()")
    assert wire.machine.eval("u.read(1)") is None
    assert wire.machine.eval("time.ticks_diff(time.ticks_ms(), start)") >= 30
    wire.socket.sendall(b"ab")
    wire.machine.exec("while u.any() < 2:\n pass")
    wire.machine.exec("assert u.read(9) == b'ab'")


def test_bytes_are_received_while_interrupts_are_masked(wire: Wire) -> None:
    wire.machine.exec("import machine\nstate = machine.disable_irq()")
    wire.socket.sendall(b"masked")
    wire.machine.exec("got = b''\nwhile len(got) < 6:\n got += u.read(1) or b''")
    wire.machine.exec("machine.enable_irq(state)\nassert got == b'masked', got")


def test_poll_waits_for_bytes(wire: Wire) -> None:
    wire.machine.exec(
        "import select\np = select.poll()\np.register(u, select.POLLIN)\nassert p.poll(0) == []"
    )
    wire.socket.sendall(b"x")
    wire.machine.exec(f"assert p.poll({LONG})[0][0] is u\nassert u.read(1) == b'x'")
    wire.machine.exec("p.modify(u, select.POLLOUT)\nassert p.poll(0)")


def test_the_handler_is_called_when_bytes_came(wire: Wire) -> None:
    wire.machine.exec(
        "got = b''\ndef came(which):\n global got\n assert which is u\n"
        " got += u.read(u.any()) if u.any() else b''\n"
        "i = u.irq(came, UART.IRQ_RX)\nassert i.trigger() == UART.IRQ_RX"
    )
    wire.socket.sendall(b"interrupt")
    wire.machine.exec("while len(got) < 9:\n time.sleep_ms(1)")
    wire.machine.exec("assert got == b'interrupt', got\ni.trigger(0)")
    wire.socket.sendall(b"quiet")
    wire.machine.exec("while u.any() < 5:\n time.sleep_ms(1)\nassert got == b'interrupt'")


def test_the_object_of_the_interrupt_outlives_deinit(wire: Wire) -> None:
    wire.machine.exec("""
calls = []
irq = u.irq(calls.append, UART.IRQ_RX)
u.deinit()
try:
    irq.trigger(UART.IRQ_RX)
except ValueError as error:
    calls.append(str(error))
u.init()
assert u.irq() is irq and irq.trigger() == 0
irq.trigger(UART.IRQ_RX)
""")
    wire.socket.sendall(b"x")
    wire.machine.exec("while len(calls) < 2:\n    time.sleep_ms(1)")
    assert wire.machine.eval("[calls[0], calls[1] is u, u.read().decode()]") == [
        "UART(1) is closed: init() opens it again",
        True,
        "x",
    ]


def test_a_soft_reset_closes_the_line(line: Wire) -> None:
    line.machine.exec(SETUP + "\nu.irq(print, UART.IRQ_RX)")
    line.machine.soft_reset()
    line.machine.exec("from machine import UART, Pin\nPin(32, Pin.OUT)\nPin(32, Pin.IN)")
    line.socket.sendall(b"to no one")
    line.machine.exec("u = UART(1)")
    line.machine.exec("u.write(b'again')\nu.deinit()")
    assert line.take(5) == b"again"


def test_bytes_that_come_during_a_soft_reset_do_no_harm(line: Wire) -> None:
    """The ring is in the heap that goes: what comes late must not be stored in the next one."""
    for _ in range(3):
        line.machine.exec(SETUP + "\nu.init(rxbuf=32768)\nu.irq(lambda u: u.read(u.any()), 1)")
        line.socket.sendall(b"\xa5" * 2000)
        line.machine.soft_reset()
        assert line.machine.eval("memory.check()", "import memory") == []
    line.machine.exec("from machine import UART\nu = UART(1, timeout=100)")
    while not line.sent():
        line.machine.exec("u.read(u.any())")
    line.machine.exec("while u.read(): pass")
    line.machine.exec("u.deinit()")


BAD = [
    ("UART()", "TypeError", "argument"),
    ("UART(0)", "OSError", "UART(0) is the console"),
    ("UART(6)", "ValueError", "no UART(6) here"),
    ("UART(-1)", "ValueError", "no UART(-1) here"),
    ("UART('1')", "TypeError", "str"),
    ("UART(1, 0)", "ValueError", "baudrate 0 is not in 1 to"),
    ("UART(1, -5)", "ValueError", "baudrate -5"),
    ("UART(1, 10 ** 9)", "ValueError", "cannot make baudrate 1000000000 from its clock"),
    ("UART(1, 1)", "ValueError", "cannot make baudrate 1 from its clock"),
    ("UART(1, bits=9)", "ValueError", "bits 9 is not in 7 to 8"),
    ("UART(1, parity=1)", "ValueError", "parity 1 is not None"),
    ("UART(1, stop=2)", "ValueError", "stop 2"),
    ("UART(1, rxbuf=31)", "ValueError", "rxbuf 31 is not in 32 to 65536"),
    ("UART(1, rxbuf=65537)", "ValueError", "rxbuf 65537"),
    ("UART(1, timeout=-2)", "ValueError", "timeout -2"),
    ("UART(1, timeout_char=86400001)", "ValueError", "timeout_char 86400001"),
    ("UART(1, tx=14)", "OSError", "GPIO14 is in use by UART(0), the console"),
    ("UART(1, tx=5)", "ValueError", "UART(1) is not on tx=5, but on tx=32, rx=33"),
    ("UART(1, tx=32, rx=15)", "ValueError", "UART(1) is not on tx=32, rx=15"),
    ("UART(1, tx=99)", "ValueError", "99"),
    ("UART(1, txbuf=9)", "TypeError", "no argument txbuf here: baudrate, bits, parity"),
]


@pytest.mark.parametrize(("call", "error", "named"), BAD)
def test_a_bad_argument_is_named(line: Wire, call: str, error: str, named: str) -> None:
    line.machine.exec("from machine import UART, Pin")
    check_refused(line.machine, call, error, named)
    line.machine.exec("Pin(32, Pin.IN)")


def test_the_pins_belong_to_it_and_a_closed_one_says_so(wire: Wire) -> None:
    for call in ("Pin(32, Pin.OUT)", "Pin(33, Pin.OUT)"):
        with pytest.raises(ScriptError, match=r"EBUSY: GPIO3[23] is in use by UART\(1\)"):
            wire.machine.exec(call)
    for call in ("u.irq(5, 1)", "u.irq(print, 2)", "u.irq(print, 1, True)"):
        with pytest.raises(ScriptError, match="TypeError|ValueError"):
            wire.machine.exec(call)
    wire.machine.exec("u.deinit()\nu.deinit()\nassert str(u) == 'UART(1, closed)'")
    for call in ("any()", "txdone()", "read(1)", "write(b'x')", "flush()", "sendbreak()", "irq()"):
        with pytest.raises(ScriptError, match=r"UART\(1\) is closed: init\(\) opens it again"):
            wire.machine.exec(f"u.{call}")


def test_numbers_2_to_5_are_those_of_the_pi_4(line: Wire) -> None:
    expected = "no UART.*there is 1"
    if line.machine.board.soc == "BCM2711":
        expected = "ENODEV: UART.* does not answer"  # QEMU has none of them
    for number in (2, 3, 4, 5):
        with pytest.raises(ScriptError, match=expected):
            line.machine.exec(f"from machine import UART\nUART({number})")
    line.machine.exec("from machine import Pin\nPin(0, Pin.OUT)\nPin(0, Pin.IN)")


# --- pimem run --uart ---

ECHO = """
from machine import UART
uart = UART(1, timeout=100)
line = b""
while not line.endswith(b"\\n"):
    line += uart.readline() or b""
uart.write(b"echo " + line)
uart.flush()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(port: int, process: subprocess.Popen[str]) -> socket.socket:
    """Wait until QEMU listens, or the command has ended."""
    while process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError(process.communicate())


def ask(client: socket.socket, process: subprocess.Popen[str]) -> str:
    """Send a line until one comes back: before the program opens the UART, they are lost."""
    got = b""
    while b"\n" not in got and process.poll() is None:
        client.sendall(b"hello\n")
        with contextlib.suppress(TimeoutError):
            got += client.recv(100)
    return got.decode()


def pimem(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pimem", *arguments]


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_program_connects_to_the_uart_of_an_emulated_board(name: str, tmp_path: Path) -> None:
    script = tmp_path / "echo.py"
    script.write_text(ECHO)
    port = free_port()
    kernel = str(board_session.kernel(boards.load(name)))
    place = ("--board", name, "--kernel", kernel, "--uart", f"socket://:{port}")
    command = pimem("run", *place, str(script))
    with subprocess.Popen(command, text=True, stderr=subprocess.PIPE) as process:
        try:
            with connect(port, process) as client:
                assert ask(client, process).startswith("echo ")
            assert process.wait(timeout=60) == 0, process.communicate()
        finally:
            process.kill()


BAD_URLS = (
    (("--uart", "socket://:0"), "PORT from 1 to 65535"),
    (("--uart", "socket://:65536"), "PORT from 1 to 65535"),
    (("--uart", "pty"), "--uart pty: it must be socket://[HOST]:PORT"),
    (("--board", "QEMU_VIRT", "--uart", "socket://:4001"), "QEMU_VIRT has no UART(1)"),
    (("--port", "/dev/null", "--uart", "socket://:4001"), "--uart is for QEMU"),
)


@pytest.mark.parametrize(("arguments", "reason"), BAD_URLS)
def test_what_cannot_be_a_uart_is_refused(arguments: tuple[str, ...], reason: str) -> None:
    done = subprocess.run(
        pimem("run", *arguments, "examples/blink.py"), capture_output=True, text=True
    )
    assert done.returncode == 2 and reason in done.stderr, done.stderr
