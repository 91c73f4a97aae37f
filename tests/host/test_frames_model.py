# SPDX-License-Identifier: MIT
"""The frame allocator against a byte map, refusals included: was there really no run?"""

import re

import host_library
from frames_lib import (
    EALREADY,
    EBUSY,
    EFAULT,
    EINVAL,
    ENOMEM,
    NONE,
    ORDERS,
    PAGE,
    Frames,
    Refused,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

# A map of 16 MiB round the DMA limit, one byte a frame.
DMA_PFN = (1 << 30) // PAGE
FIRST_PFN = DMA_PFN - 2048
SIZE = 4096
UNMANAGED, FREE, USED, RESERVED = range(4)
STATES = ("unmanaged", "free", "used", "reserved")
MAX_REGIONS = 32

# Runs in the map that matter: short ones, those at the ends of words and blocks, and long ones.
counts = st.one_of(
    st.integers(1, 9),
    st.sampled_from([16, 63, 64, 65, 128, 256, 511, 512, 513]),
    st.integers(1, SIZE),
)
aligns = st.sampled_from([1, 1, 1, 2, 4, 8, 64, 128, 512, 1024])
places = st.integers(0, SIZE - 1)
names = st.sampled_from(["stub", "dtb", "vc"])


def pa_of(index: int) -> int:
    return (FIRST_PFN + index) * PAGE


def index_of(pa: int) -> int:
    assert pa % PAGE == 0
    return pa // PAGE - FIRST_PFN


class Model:
    """What must be, without a single clever idea."""

    def __init__(self, banks: list[tuple[int, int]]) -> None:
        self.map = bytearray(SIZE)
        self.regions: list[tuple[int, int, str]] = []  # sorted
        self.peak = 0
        for start, end in banks:
            self.map[start:end] = bytes([FREE]) * (end - start)

    def set(self, start: int, count: int, state: int) -> None:
        self.map[start : start + count] = bytes([state]) * count
        self.peak = max(self.peak, self.map.count(USED))

    def holds_only(self, start: int, count: int, state: int) -> bool:
        return self.map[start : start + count] == bytes([state]) * count

    def free_runs(self) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(bytes([FREE]) + b"+", self.map)]

    def has_run(self, count: int, align: int, low: int = 0, high: int = SIZE) -> bool:
        for start, end in self.free_runs():
            start = -(-(max(start, low) + FIRST_PFN) // align) * align - FIRST_PFN
            if start + count <= min(end, high):
                return True
        return False

    def largest(self) -> int:
        return max((end - start for start, end in self.free_runs()), default=0)

    def by_order(self) -> list[int]:
        found = [0] * ORDERS
        for start, end in self.free_runs():
            while start < end:
                order = min((start & -start).bit_length() - 1 if start else ORDERS, ORDERS - 1)
                while start + (1 << order) > end:
                    order -= 1
                found[order] += 1
                start += 1 << order
        return found

    def region_at(self, index: int) -> tuple[int, int, str] | None:
        return next((r for r in self.regions if r[0] <= index < r[1]), None)

    def state_at(self, index: int) -> tuple[str, str | None]:
        region = self.region_at(index)
        if region:
            return "reserved", region[2]
        return STATES[self.map[index]], None

    def runs(self) -> list[tuple[int, int, str, str | None]]:
        found: list[tuple[int, int, str, str | None]] = []
        for match in re.finditer(rb"(.)\1*", bytes(self.map), re.DOTALL):
            state = match.group()[0]
            if state == UNMANAGED:
                continue
            chunks = [match.span()]
            if state == RESERVED:
                chunks = [
                    (max(match.start(), start), min(match.end(), end))
                    for start, end, _ in self.regions
                    if start < match.end() and match.start() < end
                ]
            for start, end in chunks:
                found.append((pa_of(start), pa_of(end), *self.state_at(start)))
        return found

    def reserve(self, start: int, end: int, name: str) -> None:
        for index in range(start, end):
            if self.map[index] == FREE:
                self.map[index] = RESERVED
        merged: list[tuple[int, int, str]] = []
        for region in sorted([*self.regions, (start, end, name)]):
            if merged and merged[-1][1] == region[0] and merged[-1][2] == region[2]:
                merged[-1] = (merged[-1][0], region[1], region[2])
            else:
                merged.append(region)
        self.regions = merged

    def gaps(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of a range without a region."""
        free = bytes(self.region_at(i) is None for i in range(start, end))
        return [(start + m.start(), start + m.end()) for m in re.finditer(b"\x01+", free)]

    def free_error(self, start: int, count: int) -> tuple[int, str, int] | None:
        """Code, kind and first offending frame of a free, or None when it must work."""
        for index in range(start, start + count):
            state = self.state_at(index)[0]
            if state == "reserved":
                return EBUSY, "reserved", index
            if state == "unmanaged":
                return EFAULT, "never managed", index
            if state == "free" and index == start:
                return EALREADY, "already free", index
            if state == "free":
                return EINVAL, "wrong count", index
        return None


@st.composite
def bank_lists(draw: st.DrawFn) -> list[tuple[int, int]]:
    """One to four banks in any order; they may overlap or touch."""
    banks = []
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, SIZE - 2))
        banks.append((start, draw(st.integers(start + 1, SIZE - 1))))
    if draw(st.booleans()):
        banks.append((0, SIZE - 1))
    return banks


class FramesMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.live: list[tuple[int, int]] = []

    @initialize(banks=bank_lists())
    def start(self, banks: list[tuple[int, int]]) -> None:
        self.frames = Frames([(pa_of(start), pa_of(end)) for start, end in banks])
        self.model = Model(banks)

    def took(self, pa: int, count: int) -> None:
        start = index_of(pa)
        assert start >= 0 and start + count <= SIZE
        assert self.model.holds_only(start, count, FREE), "handed out what is not free"
        self.model.set(start, count, USED)
        self.live.append((start, count))

    @rule(count=counts, align=aligns, limit=st.none() | st.integers(0, SIZE))
    def alloc(self, count: int, align: int, limit: int | None) -> None:
        high = SIZE if limit is None else limit
        below = NONE if limit is None else pa_of(limit)
        above_dma = self.model.has_run(count, align, DMA_PFN - FIRST_PFN, high)
        try:
            pa = self.frames.alloc(count, align=align, below=below)
        except Refused as refusal:
            assert refusal.code == ENOMEM
            assert not self.model.has_run(count, align, 0, high), "there was a run"
        else:
            assert pa % (align * PAGE) == 0
            assert index_of(pa) + count <= high
            assert not above_dma or pa // PAGE >= DMA_PFN, "took from the DMA zone"
            self.took(pa, count)

    @rule(count=counts)
    def alloc_any(self, count: int) -> None:
        try:
            pa = self.frames.alloc_any(count)
        except Refused as refusal:
            assert refusal.code == ENOMEM
            assert not self.model.has_run(count, 1), "there was a run"
        else:
            self.took(pa, count)

    @rule(times=st.integers(1, 300))
    def alloc_singles(self, times: int) -> None:
        for _ in range(min(times, self.model.map.count(FREE))):
            self.took(self.frames.alloc_any(), 1)

    @rule(start=places, count=counts)
    def alloc_at(self, start: int, count: int) -> None:
        states = {self.model.state_at(i)[0] for i in range(start, min(start + count, SIZE))}
        try:
            pa = self.frames.alloc(count, at=pa_of(start))
        except Refused as refusal:
            assert states != {"free"} or start + count > SIZE
            assert refusal.code in (EBUSY, EFAULT)
            assert refusal.code == EFAULT or states & {"used", "reserved"}
        else:
            assert pa == pa_of(start)
            self.took(pa, count)

    @rule(max_count=counts)
    def alloc_some(self, max_count: int) -> None:
        expected = min(max_count, self.model.largest())
        aligned = expected >= 512 and self.model.has_run(expected, 512)
        pa, count = self.frames.alloc_some(max_count)
        assert count == expected
        if count:
            assert not aligned or pa % (512 * PAGE) == 0
            self.took(pa, count)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free_one(self, data: st.DataObject) -> None:
        start, count = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.frames.free(pa_of(start), count)
        self.model.set(start, count, FREE)

    @precondition(lambda self: len(self.live) > 20)
    @rule(keep=st.integers(2, 9), seed=st.randoms(use_true_random=False))
    def free_most(self, keep: int, seed) -> None:
        seed.shuffle(self.live)
        for start, count in self.live[len(self.live) // keep :]:
            self.frames.free(pa_of(start), count)
            self.model.set(start, count, FREE)
        del self.live[len(self.live) // keep :]

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def free_a_part(self, data: st.DataObject) -> None:
        start, count = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        skip = data.draw(st.integers(0, count - 1))
        length = data.draw(st.integers(1, count - skip))
        self.frames.free(pa_of(start + skip), length)
        self.model.set(start + skip, length, FREE)
        rest = [(start, skip), (start + skip + length, count - skip - length)]
        self.live += [chunk for chunk in rest if chunk[1]]

    @rule(start=places, count=st.one_of(counts, st.integers(1, 8)))
    def free_anything(self, start: int, count: int) -> None:
        count = min(count, SIZE - start)
        error = self.model.free_error(start, count)
        before = self.frames.snapshot()
        try:
            self.frames.free(pa_of(start), count)
        except Refused as refusal:
            assert error is not None, "refused frames in use"
            assert (refusal.code, refusal.kind, refusal.pa) == (*error[:2], pa_of(error[2]))
            region = self.model.region_at(error[2])
            assert refusal.name == (region[2] if region else None)
            assert self.frames.snapshot() == before, "a refused free changed something"
        else:
            assert error is None, f"freed what must be refused: {error}"
            self.model.set(start, count, FREE)
            self.forget(start, start + count)

    def forget(self, start: int, end: int) -> None:
        """Cuts [start, end) out of the live ranges."""
        kept = []
        for a, n in self.live:
            kept += [(a, min(n, max(start - a, 0))), (max(a, end), min(n, max(a + n - end, 0)))]
        self.live = [chunk for chunk in kept if chunk[1]]

    @rule(start=places, count=st.integers(1, 40), name=names, rest=st.booleans())
    def reserve(self, start: int, count: int, name: str, rest: bool) -> None:
        end = min(start + count, SIZE)
        overlaps = [r for r in self.model.regions if r[0] < end and start < r[1]]
        used = self.model.map.find(bytes([USED]), start, end)
        gaps = self.model.gaps(start, end)
        before = self.frames.snapshot()
        try:
            self.frames.reserve(pa_of(start), (end - start) * PAGE, name, rest)
        except Refused as refusal:
            assert self.frames.snapshot() == before, "a refused reservation changed something"
            if overlaps and not rest:
                expected = (EBUSY, "reserved", pa_of(max(start, overlaps[0][0])))
                assert refusal.name == overlaps[0][2]
            elif used >= 0:
                expected = (EBUSY, "in use", pa_of(used))
            else:
                assert len(self.model.regions) + len(gaps) > MAX_REGIONS
                expected = (ENOMEM, refusal.kind, refusal.pa)
            assert (refusal.code, refusal.kind, refusal.pa) == expected
        else:
            assert used < 0 and (rest or not overlaps)
            for gap in gaps:
                self.model.reserve(*gap, name)

    @invariant()
    def everything_agrees(self) -> None:
        stats, model = self.frames.stats(), self.model
        assert self.frames.check() == 0
        free, used, reserved = (model.map.count(s) for s in (FREE, USED, RESERVED))
        assert (stats.free, stats.used, stats.reserved) == (free, used, reserved)
        assert stats.total == free + used + reserved
        assert stats.peak_used == model.peak
        assert stats.largest_run == model.largest()
        assert list(stats.free_by_order) == model.by_order()
        assert self.frames.runs() == model.runs()

    def teardown(self) -> None:
        """All frames come back, and as one range where memory is one."""
        if not hasattr(self, "model"):
            return
        for start, count in self.live:
            self.frames.free(pa_of(start), count)
            self.model.set(start, count, FREE)
        self.everything_agrees()
        for start, end in sorted(self.model.free_runs(), key=lambda run: run[0] - run[1]):
            pa, count = self.frames.alloc_some(NONE)
            assert count == end - start
            self.took(pa, count)
        assert self.frames.stats().free == 0


def test_frames_agree_with_a_byte_map() -> None:
    run_state_machine_as_test(
        FramesMachine,
        settings=settings(max_examples=host_library.examples(60), stateful_step_count=40),
    )
