# SPDX-License-Identifier: MIT
"""The serial line while the collector works on a large heap: nothing is lost at the pace of a real
line, Ctrl-C is answered, interrupts are masked for short stretches only.

An instruction counts as a nanosecond, as it does under -icount.
LINE_HEAP: MiB of small objects, LINE_BYTES: what is sent; `make test-long` has 400 MiB and 1 MB.
"""

from __future__ import annotations

import ast
import binascii
import os
import time
from collections.abc import Iterator

import pytest
from counts import Counts, counted

from pimem.testing import Machine

HEAP = int(os.environ.get("LINE_HEAP", "40"))
BYTES = int(os.environ.get("LINE_BYTES", "16000"))
SECONDS = 3000
PACE = 115_200 / 10 / 1e9  # bytes for an instruction, which takes a nanosecond
COLLECT_EACH = HEAP * 64  # bytes, for which the line takes thrice as long as a collection
BURST = 16  # bytes sent at once, when the sender was late
MASKED_MOST = 5_000
ANSWER_MOST = 1_000_000  # beside a collection
ANSWERED = ("mp_sched_keyboard_interrupt", "mp_obj_print_exception")

FILL = """
import gc, memory
kept = [[0.5 + i for i in range(1 << 14)] for _ in range(HEAP)]
gc.collect()
assert gc.mem_alloc() > HEAP << 20
"""
# Waits busily, so that the instructions tell the time.
RECEIVE = """
import binascii, select, sys
poller = select.poll()
poller.register(sys.stdin, select.POLLIN)
def receive(left):
    crc = 0
    while left:
        if poller.poll(0):
            crc = binascii.crc32(sys.stdin.buffer.read(1), crc)
            left -= 1
            if left % COLLECT_EACH == 0:
                gc.collect()
    return crc
before = memory.gc_report()["collections"]
print("ready")
crc = receive(BYTES)
uart = memory.report()["uart"]
print((crc, uart["overruns"], uart["ring_full"], memory.gc_report()["collections"] - before))
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Counts]]:
    """A board with a large heap; the numbers begin when it is made."""
    with counted("RPI4", tmp_path_factory.mktemp("counts"), ANSWERED) as (machine, counts):
        machine.exec(FILL.replace("HEAP", str(HEAP)), timeout=SECONDS)
        counts.clear()
        yield machine, counts


def send_at_pace(machine: Machine, counts: Counts, data: bytes) -> None:
    """At the pace of the line in the board's time; late rather than early."""
    at, sent = counts.total, 0
    due = 0.0
    while sent < len(data):
        now = counts.total
        due = min(due + (now - at) * PACE, BURST)
        at = now
        part = data[sent : sent + int(due)]
        if part:
            machine.link.write(part)
            sent += len(part)
            due -= len(part)
        time.sleep(0.0005)


def masked_briefly(counts: Counts) -> bool:
    print(f"IRQ masked: {counts.masked}, {counts.masked_from:#x} to {counts.masked_to:#x}")
    return 50 < counts.masked <= MASKED_MOST


def test_a_paste_at_the_pace_of_the_line_loses_nothing(busy: tuple[Machine, Counts]) -> None:
    machine, counts = busy
    data = bytes(range(32, 127)) * (BYTES // 95 + 1)
    data = data[:BYTES]
    script = RECEIVE.replace("BYTES", str(BYTES)).replace("COLLECT_EACH", str(COLLECT_EACH))
    machine.link.paste(script.encode())
    machine.link.read_until(b"ready\r\n", total=60)
    send_at_pace(machine, counts, data)
    said = machine.link.read_until(b"\x04>", total=SECONDS).split(b"\x04")[0]
    crc, overruns, ring_full, collections = ast.literal_eval(said.decode().strip())
    assert crc == binascii.crc32(data)
    assert (overruns, ring_full) == (0, 0) and collections >= BYTES // COLLECT_EACH
    assert masked_briefly(counts)


def test_ctrl_c_is_answered_after_the_collection_at_most(busy: tuple[Machine, Counts]) -> None:
    machine, counts = busy
    counts.clear()
    for attempt in range(5):
        machine.link.paste(b"print('going')\nwhile True: gc.collect()\n")
        machine.link.read_until(b"going\r\n", total=60)
        time.sleep(0.05 + attempt * 0.03)
        machine.link.write(b"\x03")
        assert b"KeyboardInterrupt" in machine.link.read_until(b"\x04>", total=60)
    before = counts.total
    machine.exec("for _ in range(4): gc.collect()")
    collection = (counts.total - before) // 4
    print(f"a collection {collection}, the slowest answer {counts.slowest} instructions")
    assert counts.answers == 5
    assert counts.slowest <= collection + ANSWER_MOST
    assert masked_briefly(counts)


def test_interrupts_are_masked_for_short_stretches_only(busy: tuple[Machine, Counts]) -> None:
    """By memory.selftest(), and while a long script is sent as fast as the emulator takes it."""
    machine, counts = busy
    counts.clear()
    machine.exec("kept = None\nmemory.selftest()\n" + "# a comment\n" * 3000, timeout=SECONDS)
    assert masked_briefly(counts)
