# SPDX-License-Identifier: MIT
"""Mailbox property calls against a played VideoCore: right, wrong and missing answers."""

import ctypes
import functools
import struct
from collections.abc import Callable

import hardware
import host_library
import pytest

BASE = 0x2000
READ, STATUS0, WRITE, STATUS1 = BASE, BASE + 0x18, BASE + 0x20, BASE + 0x38
FULL, EMPTY = 1 << 31, 1 << 30
OK, ABSENT, TIMEOUT, REFUSED, UNKNOWN = range(5)
PA = 0x123440
SIZE = 128
ANSWERED = 1 << 31

lib = functools.cache(hardware.build)


class VideoCore:
    """Answers requests in the buffer by a function from values to answer."""

    def __init__(self) -> None:
        self.machine = hardware.Machine(lib(), step=5400)
        self.buffer = host_library.Memory(SIZE, align=64)
        self.mailbox = hardware.Mailbox()
        self.replies: list[int] = []
        self.requests: list[tuple[int, list[int]]] = []
        self.answer: Callable[[list[int]], bytes | None] = lambda values: b""
        self.code = 0x80000000
        self.answered = ANSWERED
        self.answered_length: int | None = None  # None: that of the answer
        self.machine.on_read |= {STATUS0: self.status, READ: self.read}
        self.machine.on_write[WRITE] = self.request
        assert lib().mailbox_init(self.pointer, BASE, self.buffer.address, PA)

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.mailbox)

    def status(self) -> int:
        return 0 if self.replies else EMPTY

    def read(self) -> int:
        return self.replies.pop(0) if self.replies else 0

    def words(self) -> list[int]:
        return list(struct.unpack(f"<{SIZE // 4}I", ctypes.string_at(self.buffer.address, SIZE)))

    def request(self, message: int) -> None:
        assert message == 0xC0000000 | PA | 8
        cleanings = 2 * len(self.requests) + 1  # before and after each call
        assert self.machine.cleaned == [(self.buffer.address, SIZE)] * cleanings, "all of it"
        words = self.words()
        size, code, tag, value_bytes, tag_code = words[:5]
        assert (code, tag_code) == (0, 0)
        assert size == 4 * (6 + value_bytes // 4)
        assert words[5 + value_bytes // 4] == 0, "the end tag"
        values = words[5 : 5 + value_bytes // 4]
        self.requests.append((tag, values))
        answer = self.answer(values)
        if answer is None:
            return
        self.buffer.write(4, struct.pack("<I", self.code))
        length = len(answer) if self.answered_length is None else self.answered_length
        self.buffer.write(16, struct.pack("<I", self.answered | length) + answer)
        self.replies.append(message)

    def call(self, values: list[int], sent: int, expected: int) -> tuple[int, list[int]]:
        array = (ctypes.c_uint32 * max(len(values), 1))(*values)
        result = lib().mailbox_property(self.pointer, 0x30002, array, sent, expected)
        return result, list(array)[: len(values)]


def test_an_answer_is_copied_out_after_the_cache_lines_were_dropped_again() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", values[0], 48_000_000)
    assert vc.call([2, 7], 1, 2) == (OK, [2, 48_000_000])
    assert vc.requests == [(0x30002, [2, 0])]
    assert vc.machine.cleaned == [(vc.buffer.address, SIZE)] * 2


@pytest.mark.parametrize("answer", [b"", b"\2\0\0\0", b"\2\0\0\0\1\2\3"])
def test_an_answer_shorter_than_expected_is_no_answer(answer: bytes) -> None:
    vc = VideoCore()
    vc.answer = lambda values: answer
    assert vc.call([2, 7], 1, 2) == (UNKNOWN, [2, 7])


def test_a_tag_that_is_not_marked_as_answered_is_unknown() -> None:
    vc = VideoCore()
    vc.answered = 0
    vc.answer = lambda values: bytes(8)
    assert vc.call([2, 7], 1, 2) == (UNKNOWN, [2, 7])


@pytest.mark.parametrize("code", [0, 0x80000001, 1])
def test_a_bad_response_code_is_a_refusal(code: int) -> None:
    vc = VideoCore()
    vc.code = code
    vc.answer = lambda values: bytes(8)
    assert vc.call([2, 7], 1, 2) == (REFUSED, [2, 7])


def test_a_stale_answer_is_drained_before_the_request() -> None:
    vc = VideoCore()
    vc.replies = [0xC0000008, 0x12345678]
    vc.answer = lambda values: struct.pack("<II", 2, 3)
    assert vc.call([2, 7], 1, 2) == (OK, [2, 3])


def test_the_answer_to_another_request_is_skipped() -> None:
    vc = VideoCore()

    def answer(values: list[int]) -> bytes:
        vc.replies.append(0x00000010)
        return struct.pack("<II", 2, 3)

    vc.answer = answer
    assert vc.call([2, 7], 1, 2) == (OK, [2, 3])


def test_a_videocore_that_never_answers_times_out() -> None:
    vc = VideoCore()
    vc.answer = lambda values: None
    assert vc.call([2, 7], 1, 2) == (TIMEOUT, [2, 7])
    assert 0.5 < vc.machine.seconds < 3


def test_a_mailbox_that_stays_full_times_out_without_a_request() -> None:
    vc = VideoCore()
    vc.machine.registers[STATUS1] = FULL
    assert vc.call([2, 7], 1, 2) == (TIMEOUT, [2, 7])
    assert vc.requests == []
    assert vc.machine.seconds < 3


def test_a_mailbox_full_of_foreign_answers_for_ever_times_out() -> None:
    vc = VideoCore()
    vc.machine.on_read |= {STATUS0: lambda: 0, READ: lambda: 0x10}
    vc.answer = lambda values: None
    assert vc.call([2, 7], 1, 2) == (TIMEOUT, [2, 7])
    assert vc.machine.seconds < 3


def test_a_machine_without_a_mailbox_says_so_and_touches_nothing() -> None:
    vc = VideoCore()
    vc.mailbox.base = 0
    assert vc.call([2, 7], 1, 2) == (ABSENT, [2, 7])
    assert vc.machine.fake.accesses == 0


def test_more_values_than_the_buffer_holds_are_refused() -> None:
    vc = VideoCore()
    assert vc.call([0] * 27, 27, 1)[0] == REFUSED
    assert vc.requests == []
    vc.answer = lambda values: bytes(4 * 26)
    assert vc.call([0] * 26, 26, 26)[0] == OK


@pytest.mark.parametrize(
    ("offset", "pa"), [(4, PA), (0, PA + 16), (0, 0x4000_0000), (0, 0x1_0000_0000)]
)
def test_a_buffer_videocore_could_not_use_safely_is_refused(offset: int, pa: int) -> None:
    vc = VideoCore()
    address = vc.buffer.address + offset
    assert not lib().mailbox_init(vc.pointer, BASE, address, pa)
    assert vc.mailbox.base == 0


def test_a_serial_number_is_low_word_first() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", 0x89ABCDEF, 0x10000000)
    serial = ctypes.c_uint64()
    assert lib().mailbox_serial(vc.pointer, ctypes.byref(serial)) == OK
    assert serial.value == 0x10000000_89ABCDEF


def test_an_expander_pin_is_sent_with_its_offset() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", 0, values[1])
    assert lib().mailbox_set_expander(vc.pointer, 2, True) == OK
    assert vc.requests == [(0x38041, [130, 1])]


@pytest.mark.parametrize("length", [4, 8])
def test_an_expander_pin_is_read_by_its_value_word(length: int) -> None:
    # Whether the firmware's length counts both words is not documented; both are written.
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", 0, 1)
    vc.answered_length = length
    high = ctypes.c_bool()
    assert lib().mailbox_get_expander(vc.pointer, 2, ctypes.byref(high)) == OK
    assert high.value
    assert vc.requests == [(0x30041, [130, 0])]
    assert lib().mailbox_set_expander(vc.pointer, 2, True) == OK


@pytest.mark.parametrize("status", [130, 0x80000001, 0xFFFFFFFF])
def test_an_expander_s_status_word_is_a_refusal(status: int) -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", status, 1)
    high = ctypes.c_bool()
    assert lib().mailbox_set_expander(vc.pointer, 2, True) == REFUSED
    assert lib().mailbox_get_expander(vc.pointer, 2, ctypes.byref(high)) == REFUSED
    assert not high.value


def test_an_expander_that_answers_nothing_is_unknown() -> None:
    # As QEMU's firmware does.
    vc = VideoCore()
    assert lib().mailbox_set_expander(vc.pointer, 2, True) == UNKNOWN


def test_after_a_time_out_the_buffer_is_not_used_again() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", 2, 3)
    assert vc.call([2, 7], 1, 2) == (OK, [2, 3])
    vc.answer = lambda values: None
    assert vc.call([2, 7], 1, 2) == (TIMEOUT, [2, 7])
    waited, accesses, buffer = vc.machine.seconds, vc.machine.fake.accesses, vc.words()
    # The late answer: it must not be taken for the answer to another call.
    vc.replies.append(0xC0000000 | PA | 8)
    for _ in range(2):
        assert vc.call([5, 7], 1, 2) == (ABSENT, [5, 7])
    assert (vc.machine.seconds, vc.machine.fake.accesses) == (waited, accesses)
    assert vc.words() == buffer


def test_the_arm_s_clock_is_raised_to_the_most_that_is_allowed() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", 3, 1_500_000_000)
    assert lib().mailbox_raise_clock(vc.pointer, 3) == OK
    assert vc.requests == [(0x30004, [3, 0]), (0x38002, [3, 1_500_000_000, 0])]


def test_a_clock_without_a_highest_rate_stays_as_it_is() -> None:
    vc = VideoCore()
    assert lib().mailbox_raise_clock(vc.pointer, 3) == UNKNOWN
    assert vc.requests == [(0x30004, [3, 0])]


def test_the_firmware_s_revision_is_one_word() -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<I", 1_713_364_000)
    revision = ctypes.c_uint32()
    assert lib().mailbox_firmware_revision(vc.pointer, ctypes.byref(revision)) == OK
    assert (revision.value, vc.requests) == (1_713_364_000, [(0x1, [0])])


@pytest.mark.parametrize(
    ("on", "state", "result"),
    [(True, 1, OK), (False, 0, OK), (True, 2, REFUSED), (True, 3, REFUSED)],
)
def test_a_power_domain_is_switched_and_waited_for(on: bool, state: int, result: int) -> None:
    vc = VideoCore()
    vc.answer = lambda values: struct.pack("<II", values[0], state)
    assert lib().mailbox_set_power(vc.pointer, 3, on) == result
    assert vc.requests == [(0x28001, [3, 2 | on])]
