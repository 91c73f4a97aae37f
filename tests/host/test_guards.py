# SPDX-License-Identifier: MIT
"""The guards against damage by Python code, as far as they are functions of their own."""

from __future__ import annotations

import ctypes
import functools
import random
import re
from ctypes import CFUNCTYPE, c_bool, c_int, c_size_t, c_void_p

import host_library
import pytest
from hypothesis import given
from hypothesis import strategies as st

SOURCES = [
    "guard_shim.c",
    str(host_library.PORT / "machine" / "gc_port.c"),
    str(host_library.MEMORY / "bindings" / "retry.c"),
]
TOO_LARGE = (1 << 64) - 1 >> 2
REFUSED = (1 << 64) - 1
ENOMEM = 12
TIB = 1 << 40

#: Sizes around where products and sums of 64 bits wrap.
EDGES = [0, 1, 2, 7, 8, 9, 1 << 31, 1 << 32, 1 << 58, 1 << 59, 1 << 60, 1 << 61, 1 << 62, 1 << 63]
SIZES = st.sampled_from(EDGES) | st.integers(0, (1 << 64) - 1)
Attempt = CFUNCTYPE(c_int, c_void_p)


@functools.cache
def library() -> ctypes.CDLL:
    lib = host_library.build("guards", SOURCES)
    lib.guard_shim_size.argtypes = [c_size_t] * 3
    lib.guard_shim_new.argtypes = [c_size_t, c_bool]
    lib.guard_shim_repeat.argtypes = [c_size_t] * 3
    for name in ("size", "new", "repeat"):
        getattr(lib, f"guard_shim_{name}").restype = c_size_t
    lib.guard_shim_renew.argtypes = [c_void_p, c_size_t, c_size_t, c_bool]
    lib.guard_shim_renew.restype = c_void_p
    lib.bind_retry.argtypes = [Attempt, c_void_p]
    return lib


@given(SIZES, SIZES, SIZES)
def test_a_size_is_right_or_too_large(base: int, count: int, item: int) -> None:
    right = base + count * item
    assert library().guard_shim_size(base, count, item) == min(right, TOO_LARGE)


@pytest.mark.parametrize("count", [0, 1, 100, 1 << 61, (1 << 61) + 1, (1 << 61) - 1, 1 << 63])
@pytest.mark.parametrize("head", [0, 8])
def test_what_is_allocated_has_room_for_all_items(count: int, head: int) -> None:
    assert library().guard_shim_new(count, head != 0) == min(head + 8 * count, TOO_LARGE)


@given(st.sampled_from([1, 2, 8]), SIZES, SIZES)
def test_a_repetition_that_wraps_is_refused(item: int, length: int, times: int) -> None:
    size = item * length * times
    right = size if size < TOO_LARGE else REFUSED
    assert library().guard_shim_repeat(item, length, times) == right


@pytest.mark.parametrize(("old", "new"), [(100, 300), (300, 100), (100, 100), (64, 65)])
def test_memory_that_is_left_stays_as_it_was(old: int, new: int) -> None:
    content = random.Random(old).randbytes(old)
    memory = ctypes.create_string_buffer(content, old)
    moved = library().guard_shim_renew(memory, old, new, False)
    assert moved != ctypes.addressof(memory)
    assert memory.raw == content
    assert ctypes.string_at(moved, min(old, new)) == content[: min(old, new)]


def test_memory_that_grows_where_it_is_is_not_copied() -> None:
    memory = ctypes.create_string_buffer(b"x" * 64, 64)
    assert library().guard_shim_renew(memory, 64, 128, True) == ctypes.addressof(memory)


def retried(results: list[int]) -> tuple[int, list[int]]:
    """What bind_retry() answers when its attempts do, and the collections before each attempt."""
    lib = library()
    collections = c_size_t.in_dll(lib, "guard_shim_collections")
    before = collections.value
    seen: list[int] = []

    @Attempt
    def attempt(_: object) -> int:
        seen.append(collections.value - before)
        return -results[len(seen) - 1]

    answer = -lib.bind_retry(attempt, None)
    assert collections.value - before == seen[-1]
    return answer, seen


@pytest.mark.parametrize(
    ("results", "right"), [([0], 0), ([ENOMEM, 0], 0), ([ENOMEM] * 2, ENOMEM), ([22], 22)]
)
def test_memory_has_run_out_only_after_a_collection(results: list[int], right: int) -> None:
    assert retried(results) == (right, list(range(len(results))))


def test_a_locked_heap_is_not_collected_when_memory_has_run_out() -> None:
    lib = library()
    lib.guard_shim_lock(True)
    try:
        assert retried([ENOMEM]) == (ENOMEM, [0])
    finally:
        lib.guard_shim_lock(False)


def test_views_have_the_room_that_the_half_has() -> None:
    text = (host_library.PORT / "boot" / "layout.h").read_text()
    found = re.search(r"^#define LAYOUT_VIEW_SIZE +(0x\w+)$", text, re.M)
    assert found and int(found[1], 16) >= 64 * TIB
