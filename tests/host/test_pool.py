# SPDX-License-Identifier: MIT
"""Pools of records: every frame comes back, wrong frees are refused, damage is noticed."""

import ctypes

import fake_seam
import host_library
import pytest
from fake_seam import EALREADY, EFAULT, INT, PAGE, PTR, SIZE, U32
from hypothesis import given
from hypothesis import strategies as st


class PoolStruct(ctypes.Structure):
    """pool_t."""

    _fields_ = [
        ("source", PTR),
        ("partial", PTR),
        ("slabs", SIZE),
        ("objects", SIZE),
        ("object_size", U32),
        ("per_slab", U32),
    ]


class Pool:
    """Methods are the pool_* functions."""

    def __init__(self, size: int = 64) -> None:
        self.library = host_library.build("pool", ["pool.c", "fake_arch.c"], ["MEM_ARCH_RECORD"])
        fake_seam.declare(
            self.library,
            {
                "pool_init": (None, [PTR, PTR, SIZE]),
                "pool_alloc": (PTR, [PTR]),
                "pool_free": (INT, [PTR, PTR]),
                "pool_check": (U32, [PTR]),
            },
        )
        self.frames = fake_seam.Frames(self.library, 40)
        self.state = PoolStruct()
        self._p = ctypes.addressof(self.state)
        self.library.pool_init(self._p, ctypes.addressof(self.frames.source), size)

    def alloc(self) -> int | None:
        return self.library.pool_alloc(self._p)

    def free(self, address: int | None) -> int:
        return self.library.pool_free(self._p, address)

    def check(self) -> int:
        return self.library.pool_check(self._p)


@pytest.fixture
def pool():
    return Pool()


def test_objects_are_zeroed_aligned_and_apart(pool):
    found = [pool.alloc() for _ in range(100)]
    for address in found:
        assert address % 16 == 0
        assert ctypes.string_at(address, 64) == bytes(64)
        ctypes.memset(address, 0xFF, 64)
    found.sort()
    assert all(b - a >= 64 for a, b in zip(found, found[1:], strict=False))
    assert pool.check() == 0
    assert pool.frames.in_use == pool.state.slabs == 2


def test_nothing_is_taken_before_it_is_needed_and_nothing_kept_after(pool):
    assert pool.frames.in_use == 0
    address = pool.alloc()
    assert pool.frames.in_use == 1
    assert pool.free(address) == 0
    assert pool.frames.in_use == 0


def test_a_second_free_is_refused(pool):
    first, second = pool.alloc(), pool.alloc()
    assert pool.free(first) == 0
    assert pool.free(first) == EALREADY
    assert pool.state.objects == 1
    assert pool.free(second) == 0


@pytest.mark.parametrize("offset", [1, 8, 16, 63, -64 * 40])
def test_what_is_no_object_is_refused(pool, offset):
    address = pool.alloc()
    header = address & ~(PAGE - 1)
    assert pool.free(max(address + offset, header)) == EFAULT
    assert pool.state.objects == 1 and pool.check() == 0


def test_freeing_nothing_is_allowed(pool):
    assert pool.free(None) == 0


def test_without_frames_there_is_no_object(pool):
    pool.frames.fail_after(0)
    assert pool.alloc() is None
    assert pool.check() == 0 and pool.state.slabs == 0


@pytest.mark.parametrize("damage", ["free list", "count"])
def test_check_notices_damage(pool, damage):
    keep, freed = pool.alloc(), pool.alloc()
    pool.free(freed)
    assert pool.check() == 0
    if damage == "free list":
        ctypes.c_uint64.from_address(freed).value = keep
    else:
        pool.state.slabs += 1
    assert pool.check() > 0


@given(
    size=st.sampled_from([1, 16, 48, 100, 200, 2000]),
    choices=st.lists(st.tuples(st.booleans(), st.integers(0, 10**6)), max_size=300),
)
def test_any_history_keeps_objects_apart_and_gives_every_frame_back(size, choices):
    pool = Pool(size)
    live: list[int] = []
    for take, pick in choices:
        if take and (address := pool.alloc()) is not None:
            assert address not in live
            ctypes.memset(address, 0xEE, size)
            live.append(address)
        elif live:
            assert pool.free(live.pop(pick % len(live))) == 0
        assert pool.state.objects == len(live)
        assert pool.state.slabs == len({address & ~(PAGE - 1) for address in live})
    assert pool.check() == 0
    for address in live:
        assert pool.free(address) == 0
    assert pool.frames.in_use == 0
