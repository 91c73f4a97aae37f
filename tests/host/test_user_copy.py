# SPDX-License-Identifier: MIT
"""The kernel copies for a program at EL0 what that could access itself, and nothing else."""

import ctypes

import fake_seam
import pytest
from fake_seam import DEVICE, EFAULT, INT, PAGE, PTR, U64, R, U, W, X
from spaces import MMIO, Space, Spaces

VA = 0x40_0000_0000
SIGNATURES = {
    "user_copy_from": (INT, [PTR, PTR, U64, U64, PTR]),
    "user_copy_to": (INT, [PTR, U64, PTR, U64, PTR]),
}
TEXT = bytes(range(1, 256)) * 40


class Copier:
    """A space with three user pages out of physical order, then one of each other kind."""

    def __init__(self) -> None:
        self.spaces = Spaces(extra_sources=["user_copy.c"])
        fake_seam.declare(self.spaces.library, SIGNATURES)
        self.space: Space = self.spaces.open("program")
        self.where = U64()
        pages = [self.spaces.frames.take() for _ in range(7)]
        prots = [R | W | U, R | W | U, R | U, R | X | U, R | W, R | X]
        order = [2, 0, 1, 3, 4, 5]
        for i, prot in enumerate(prots):
            assert self.space.map(VA + i * PAGE, pages[order[i]], attrs=prot) == 0
        assert self.space.map(VA + 6 * PAGE, MMIO, attrs=R | W | U | DEVICE) == 0

    def read(self, va: int, size: int) -> bytes | int:
        buffer = ctypes.create_string_buffer(size + 1)
        where = ctypes.byref(self.where)
        result = self.spaces.library.user_copy_from(self.space.p, buffer, va, size, where)
        return result or buffer.raw[:size]

    def write(self, va: int, data: bytes) -> int:
        where = ctypes.byref(self.where)
        return self.spaces.library.user_copy_to(self.space.p, va, data, len(data), where)


@pytest.fixture
def copier():
    return Copier()


@pytest.mark.parametrize("start", [0, 1, PAGE - 1, PAGE])
@pytest.mark.parametrize("size", [0, 1, 2, PAGE - 1, PAGE, PAGE + 1])
def test_what_is_written_is_read_back_over_page_ends(copier, start, size):
    before = copier.read(VA, 2 * PAGE)
    fits = start + size <= 2 * PAGE
    assert copier.write(VA + start, TEXT[:size]) == (0 if fits else EFAULT)
    if fits:
        assert copier.read(VA + start, size) == (TEXT[:size] if size else b"")
        after = copier.read(VA, 2 * PAGE)
        assert after == before[:start] + TEXT[:size] + before[start + size :]
    else:
        assert copier.where.value == VA + 2 * PAGE
        assert copier.read(VA, 2 * PAGE) == before  # nothing half done


@pytest.mark.parametrize(
    ("page", "read", "write"),
    [
        (0, True, True),
        (2, True, False),
        (3, True, False),
        (4, False, False),
        (5, False, False),
        (6, False, False),
        (7, False, False),
    ],
)
def test_only_what_the_program_could_access_itself(copier, page, read, write):
    va = VA + page * PAGE + 8
    assert isinstance(copier.read(va, 4), bytes) == read
    assert (copier.write(va, b"1234") == 0) == write
    if not write:
        assert copier.where.value == va


@pytest.mark.parametrize(
    "va", [0, fake_seam.UPPER, fake_seam.UPPER - 4, 1 << 48, (1 << 48) - 2, (1 << 64) - 2]
)
def test_addresses_outside_are_refused_by_their_own_name(copier, va):
    assert copier.read(va, 4) == EFAULT and copier.where.value == va
    assert copier.write(va, b"1234") == EFAULT and copier.where.value == va


def test_a_huge_size_ends_at_the_first_page_that_is_not_the_programs(copier):
    result = copier.spaces.library.user_copy_from(
        copier.space.p, None, VA, (1 << 64) - 1, ctypes.byref(copier.where)
    )
    assert (result, copier.where.value) == (EFAULT, VA + 4 * PAGE)
