# SPDX-License-Identifier: MIT
"""10,000 timer interrupts a second for ten seconds of guest time, with a paste at 115200 baud:
nothing is lost, and the prompt answers. The guest's time is that of QEMU's -icount."""

from __future__ import annotations

import binascii
import contextlib
import os
import random
import signal
import socket
import string
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paced import HZ, Overrun, PacedLine, paced

from pimem.testing import board_session

RATE, SECONDS = 10_000, 10
BAUD_BYTES = 115_200 // 10  # a second
LINE_LETTERS = 100
ANSWER_US = 2_000  # from the end of a line at the prompt to its answer
END_US = 300_000  # from the end of a script to its output: it is compiled
LATE_US = 5_000  # of a board that runs on: 57 bytes
NAP_SECONDS = 0.05  # of QEMU's process
MASKED_MOST = 10_000  # instructions, as counts.c has them under -icount
CROWD_MASKED_MOST = 100_000  # with the calls of 100 timers in one interrupt
START = f"""
import binascii, machine, memory, sys, time
crc = calls = 0
def count(timer):
    global calls
    calls += 1
def add(letters):
    global crc
    crc = binascii.crc32(letters, crc)
    print("<%x>" % crc)
start = time.ticks_us()
timer = machine.Timer(freq={RATE}, callback=count)
"""
# Stops the timer where a period has just ended: what is due is called, then compared.
STOP = """
timer.init(callback=None)
us = time.ticks_diff(time.ticks_us(), start)
print(us, calls)
"""
# Bytes come without end: the handler reads them all.
FLOODED = """
got = 0
def read(uart):
    global got
    while uart.any():
        got += len(uart.read(uart.any()))
u = machine.UART(1, 115200, rxbuf=256)
u.irq(read, machine.UART.IRQ_RX)
"""
# As many timers as there may be, as fast as they may be.
CROWD = """
def nothing(timer):
    pass
crowd = [machine.Timer(freq=20_000, callback=nothing) for _ in range(99)]
"""
HOLD = """
def hold(timer):
    state = machine.disable_irq()
    time.sleep_us(MASKED_US)
    machine.enable_irq(state)
holder = machine.Timer(period=20, callback=hold)
"""


def letters(size: int) -> bytes:
    choice = random.Random(size).choices(string.ascii_letters + string.digits, k=size)
    return "".join(choice).encode()


def ticks(us: int) -> int:
    return us * HZ // 1_000_000


def parts(size: int) -> list[bytes]:
    text = letters(size)
    return [text[at : at + LINE_LETTERS] for at in range(0, size, LINE_LETTERS)]


def answer(crc: int) -> bytes:
    return b"\n<%x>\r\n" % crc


def paste_script(line: PacedLine, size: int) -> None:
    """Into the raw REPL, as one script."""
    text = letters(size)
    line.send(b"print()\nadd(b'''" + text + b"''')\n\x04")
    line.wait_for(answer(binascii.crc32(text)), ticks(END_US))
    line.go_on().exec("crc = 0")


def paste_block(line: PacedLine, size: int) -> None:
    """At the prompt, in paste mode."""
    line.send(b"\x05" + b"".join(b"add(b'%s')\r" % part for part in parts(size)) + b"\x04")
    line.wait_for(answer(binascii.crc32(letters(size))), ticks(END_US))


def type_lines(line: PacedLine, size: int) -> int:
    """At the prompt, line after line: a line comes while the one before is answered. Return how
    long the slowest answer took."""
    crc, slowest = 0, 0
    asked: dict[bytes, int] = {}
    line.answers.clear()
    line.send(b"crc = 0\r")
    for part in parts(size):
        crc = binascii.crc32(part, crc)
        asked[answer(crc)] = line.send(b"add(b'%s')\r" % part)
    for what, at in asked.items():
        slowest = max(slowest, line.wait_for(what, ticks(END_US)) - at)
    return slowest * 1_000_000 // HZ


@pytest.mark.timeout(1200)  # 35,000 times the board waits for the test, and a host may be busy
@pytest.mark.parametrize("name", board_session.BOARDS)
def test_nothing_is_lost_under_ten_thousand_interrupts_a_second(name: str, tmp_path: Path) -> None:
    with paced(name, tmp_path) as line:
        line.machine.exec(START)
        line.counts.clear()
        paste_script(line, SECONDS * BAUD_BYTES)
        line.go_on().link.leave_raw_repl()
        paste_block(line, BAUD_BYTES)
        slowest = type_lines(line, BAUD_BYTES)
        line.go_on().link.enter_raw_repl()
        us, calls = map(int, line.machine.exec(STOP).split())
        uart = line.machine.eval("memory.report()['uart']")
        masked = line.counts.masked
    print(
        f"{name}: {calls} calls in {us} us, {uart['received']} bytes, answers within "
        f"{slowest} us, IRQ masked for {masked} instructions"
    )
    # Less than one period, and what was due when the timer stopped.
    assert 0 <= us * RATE // 1_000_000 - calls <= 2
    assert us >= SECONDS * 1_000_000
    assert uart["received"] > (SECONDS + 2) * BAUD_BYTES
    assert [uart[what] for what in ("overruns", "ring_full", "line_errors")] == [0, 0, 0], uart
    assert slowest <= ANSWER_US
    assert 50 < masked <= MASKED_MOST


def test_a_line_whose_interrupts_are_masked_for_too_long_overruns(tmp_path: Path) -> None:
    """So the test above can fail: 16 bytes take 1.4 ms."""
    with paced("RPI4", tmp_path) as line:
        line.machine.exec(START + HOLD.replace("MASKED_US", "700"))
        line.send(b"#" * BAUD_BYTES)
        line.send(b"\n\x04")
        line.wait_for(b"OK\x04\x04>", ticks(END_US))
        line.go_on().exec("holder.deinit()" + HOLD.replace("MASKED_US", "2000"))
        with pytest.raises(Overrun):
            line.send(b"#" * BAUD_BYTES)


def late(line: PacedLine) -> None:
    """From now on a board that runs freely is stopped too late."""
    wait_at = line.counts.wait_at

    def wait_late(at: int) -> None:
        start = line.counts.now
        while not line.counts.until and line.counts.now < start + ticks(LATE_US):
            time.sleep(0)
        wait_at(at)

    line.counts.wait_at = wait_late  # type: ignore[method-assign]


@contextlib.contextmanager
def naps(pid: int) -> Iterator[None]:
    """Stop a process every now and then, as a host does that has no time for it."""
    awake = threading.Event()

    def nap() -> None:
        while not awake.wait(NAP_SECONDS):
            os.kill(pid, signal.SIGSTOP)
            time.sleep(NAP_SECONDS)
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=nap)
    thread.start()
    try:
        yield
    finally:
        awake.set()
        thread.join()


def test_a_host_that_stalls_is_no_overrun(tmp_path: Path) -> None:
    with paced("RPI4", tmp_path) as line:
        line.machine.exec(START)
        late(line)
        with naps(line.machine.emulated().pid):
            for _ in range(5):
                line.go_on()
                line.send(b"#" * (BAUD_BYTES // 10))
            line.send(b"\n\x04")
            line.wait_for(b"OK\x04\x04>", ticks(END_US))


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_two_million_calls_a_second_leave_time_for_the_console(name: str, tmp_path: Path) -> None:
    """More than Python can make: the others are dropped, and Ctrl-C ends the program."""
    with paced(name, tmp_path) as line:
        line.machine.exec(START + CROWD, timeout=120)
        line.counts.clear()
        paste_script(line, BAUD_BYTES // 4)
        line.send(b"print('going')\nwhile True: pass\n\x04")
        line.wait_for(b"going", ticks(END_US))
        asked = line.send(b"\x03")
        ended = line.wait_for(b"KeyboardInterrupt", ticks(END_US))
        line.go_on().exec("for each in crowd: each.deinit()")
        dropped = line.go_on().eval("memory.report()['dropped_calls']")
        uart = line.go_on().eval("memory.report()['uart']")
        masked = line.counts.masked
    print(f"{name}: Ctrl-C after {(ended - asked) * 16 // 1000} us, IRQ masked for {masked}")
    assert dropped > 0 and masked <= CROWD_MASKED_MOST
    assert [uart[what] for what in ("overruns", "ring_full", "line_errors")] == [0, 0, 0], uart


def flood(wire: socket.socket) -> None:
    with contextlib.suppress(OSError):  # until the machine ends
        while True:
            wire.sendall(bytes(4096))


@pytest.mark.parametrize("name", board_session.PIS)
def test_a_second_line_that_never_rests_takes_nothing_from_the_console(
    name: str, tmp_path: Path
) -> None:
    """Its bytes come as fast as they are taken, as those of a line that is not connected."""
    path = tmp_path / "second"
    extra = ["-chardev", f"socket,id=second,path={path},server=on,wait=off"]
    with paced(name, tmp_path, [*extra, "-serial", "chardev:second"]) as line:
        line.machine.exec(START + FLOODED)
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(path))
            threading.Thread(target=flood, args=(wire,), daemon=True).start()
            paste_script(line, BAUD_BYTES // 2)
            line.send(b"print('going')\nwhile True: pass\n\x04")
            line.wait_for(b"going", ticks(END_US))
            line.send(b"\x03")
            line.wait_for(b"KeyboardInterrupt", ticks(END_US))
            got = line.go_on().eval("got")
        uart = line.machine.eval("memory.report()['uart']")
    print(f"{name}: {got} bytes of the second line meanwhile")
    assert got > BAUD_BYTES // 2, "fewer than the console had"
    assert [uart[what] for what in ("overruns", "ring_full", "line_errors")] == [0, 0, 0], uart
