# SPDX-License-Identifier: MIT
"""Banks of RAM from which device windows and VideoCore's share are cut out."""

from __future__ import annotations

import ctypes
import functools

import host_library
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import Range

MAX_BANKS = 8
WINDOW = (0x3F000000, 0x40000000)
M1, G1 = 1 << 20, 1 << 30
Bank = tuple[int, int]


@functools.cache
def library() -> ctypes.CDLL:
    lib = host_library.build("boot_ram", [str(host_library.PORT / "boot" / "boot_ram.c")])
    lib.boot_ram_cut.argtypes = [ctypes.POINTER(Range), ctypes.POINTER(ctypes.c_size_t), Range]
    lib.boot_ram_cut.restype = None
    return lib


def cut(banks: list[Bank], *cuts: Bank) -> list[Bank]:
    table = (Range * MAX_BANKS)(*(Range(*bank) for bank in banks))
    count = ctypes.c_size_t(len(banks))
    for start, end in cuts:
        library().boot_ram_cut(table, ctypes.byref(count), Range(start, end))
    assert count.value <= MAX_BANKS
    return [(bank.start, bank.end) for bank in table[: count.value]]


def test_a_bank_that_ends_with_a_window_is_shortened() -> None:
    # The Pi 3's device tree as it is on disk.
    assert cut([(0, G1)], WINDOW) == [(0, WINDOW[0])]


def test_a_window_in_the_middle_leaves_both_sides_in_order() -> None:
    banks = [(0, 2 * G1), (4 * G1, 5 * G1)]
    assert cut(banks, WINDOW) == [(0, WINDOW[0]), (G1, 2 * G1), (4 * G1, 5 * G1)]


def test_a_bank_inside_a_window_is_none() -> None:
    assert cut([(0, M1), (WINDOW[0] + M1, WINDOW[1]), (G1, 2 * G1)], WINDOW) == [
        (0, M1),
        (G1, 2 * G1),
    ]
    assert cut([WINDOW], WINDOW) == []


def test_what_touches_a_window_only_stays() -> None:
    banks = [(0, WINDOW[0]), (WINDOW[1], 2 * G1)]
    assert cut(banks, WINDOW, (5, 5), (6, 5)) == banks


def test_without_room_for_a_bank_the_larger_part_stays() -> None:
    small = [(n * M1, n * M1 + 4096) for n in range(1, MAX_BANKS)]
    assert cut([*small, (G1, 2 * G1)], (G1 + M1, G1 + 2 * M1))[-1] == (G1 + 2 * M1, 2 * G1)
    assert cut([*small, (G1, 2 * G1)], (2 * G1 - 2 * M1, 2 * G1 - M1))[-1] == (G1, 2 * G1 - 2 * M1)


SIZE = 40
ranges = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE))


@settings(max_examples=host_library.examples(300), deadline=None)
@given(st.lists(ranges.map(sorted).filter(lambda r: r[0] < r[1]), max_size=4), st.lists(ranges))
def test_what_is_left_is_the_banks_without_the_cuts(banks: list, cuts: list) -> None:
    """Each bank takes up to one more for each cut: four banks and four cuts have room."""
    cuts = cuts[: MAX_BANKS - len(banks)] if len(banks) < 2 else cuts[: 4 // len(banks)]
    left = cut([tuple(bank) for bank in banks], *cuts)
    assert all(start < end for start, end in left)
    for place in range(SIZE):
        expected = sum(start <= place < end for start, end in banks)
        if any(start <= place < end for start, end in cuts):
            expected = 0
        assert sum(start <= place < end for start, end in left) == expected
