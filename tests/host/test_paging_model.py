# SPDX-License-Identifier: MIT
"""Random histories of live translation tables against a dict of pages and a model of the TLB.

The TLB model keeps every translation it was shown, as hardware may, until an invalidation that
covers it has been completed by a DSB. After each call it must agree with the tables, and no
descriptor may have gone from one valid kind to another without a break.
"""

import fake_seam
import host_library
import pytest
from fake_seam import (
    DEVICE,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOMEM,
    G1,
    M2,
    PAGE,
    PAGES_ONLY,
    UPPER,
    Event,
    Op,
    R,
    Recorder,
    U,
    W,
    X,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

# Where mappings go, in pages: 2 MiB entries on both sides of a 1 GiB border, and the far end.
BORDER = G1 // PAGE
PLACES = [
    BORDER - 1024,
    BORDER - 512,
    BORDER - 3,
    BORDER,
    BORDER + 509,
    BORDER + 512,
    (1 << 36) - 1030,
]
pages = st.builds(lambda place, offset: place + offset, st.sampled_from(PLACES), st.integers(0, 5))
lengths = st.one_of(st.integers(1, 6), st.sampled_from([64, 65, 509, 512, 513, 520, 1024]))
frames_ = st.one_of(
    st.sampled_from([0, 512, 1024, BORDER]), st.integers(0, 3000), st.sampled_from(PLACES[:-1])
)
protections = st.sampled_from([R, R | W, R | X, R | W | U, R | X | U])


class Tlb:
    """Leaves that hardware has seen: [first page, pages) -> descriptor, by page looked up."""

    def __init__(self, paging: fake_seam.Paging) -> None:
        self.paging = paging
        self.entries: dict[int, tuple[int, int, int]] = {}
        self.stale_slots: dict[int, int] = {}
        self.pending: list[Event] = []
        self.ordered = False

    def look_up(self, page: int) -> None:
        """Caches the translation of a page, as any access or speculation does."""
        level, _, _, descriptor = self.paging.walk(self.paging.base + page * PAGE)[-1]
        if descriptor & 1:
            count = 512 ** (3 - level)
            self.entries[page] = (page - page % count, count, descriptor)

    def covered(self, event: Event, first: int, count: int) -> bool:
        """Whether an invalidation reaches the entry of these pages."""
        asid, operand = event.a >> 48, event.a & (1 << 44) - 1
        if event.op == Op.TLBI_VMALLE1IS:
            return True
        if not self.paging.state.upper and asid != self.paging.asid:
            return False
        if event.op == Op.TLBI_ASIDE1IS:
            return not self.paging.state.upper
        right_kind = Op.TLBI_VAAE1IS if self.paging.state.upper else Op.TLBI_VAE1IS
        page = operand - ((UPPER >> 12) & (1 << 44) - 1 if self.paging.state.upper else 0)
        return event.op == right_kind and first <= page < first + count

    def complete(self) -> None:
        """A DSB ISH: the invalidations since the stores were ordered take effect."""
        self.entries = {
            page: entry
            for page, entry in self.entries.items()
            if not any(self.covered(event, entry[0], entry[1]) for event in self.pending)
        }
        if self.pending:
            self.stale_slots.clear()
        self.pending.clear()

    def write(self, event: Event) -> None:
        """A store to a live descriptor: never from one valid kind to another."""
        slot, new, old = event.a, event.b, event.c
        old = self.stale_slots.get(slot, old)
        if old & 1 and new & 1:
            table = self.paging.frames.is_frame(old)
            harmless = fake_seam.COUNT if table else fake_seam.PERMISSIONS
            assert (old ^ new) & ~harmless == 0, f"{old:#x} -> {new:#x} without a break"
        if old & 1 and not new & 1:
            self.stale_slots[slot] = old
        self.ordered = False

    def replay(self, events: list[Event]) -> None:
        """Follows what the mechanism did."""
        for event in events:
            if event.op == Op.WRITE:
                self.write(event)
            elif event.op == Op.DSB_ISHST:
                self.ordered = True
            elif event.op == Op.DSB_ISH:
                self.complete()
            elif event.op == Op.FREE:
                assert not self.stale_slots, (
                    "a table was freed before the invalidation was complete"
                )
            elif event.op.name.startswith("TLBI"):
                assert self.ordered, "an invalidation may overtake the store"
                self.pending.append(event)
        if events and events[-1].op not in (Op.ALLOC, Op.FREE):
            assert events[-1].op == Op.ISB


class PagingHistory(RuleBasedStateMachine):
    """Every call against a dict page -> (frame, attributes)."""

    @initialize(upper=st.booleans())
    def start(self, upper: bool) -> None:
        self.frames = fake_seam.Frames(fake_seam.library(), 64, 1 << 43)
        self.paging = fake_seam.Paging(self.frames, upper=upper)
        self.tlb = Tlb(self.paging)
        self.model: dict[int, tuple[int, int]] = {}

    def va(self, page: int) -> int:
        return self.paging.base + page * PAGE

    def do(self, call, *args) -> int:
        """One call; one that fails changes nothing at all."""
        before, tables = self.frames.snapshot(), self.paging.tables
        with Recorder(self.frames.library) as seen:
            result = call(*args)
        if result < 0:
            assert self.frames.snapshot() == before and self.paging.tables == tables
            assert not seen.ops()
        self.tlb.replay(seen.events)
        return result

    def holes(self, page: int, count: int) -> list[int]:
        return [p for p in range(page, page + count) if p not in self.model]

    @rule(
        page=pages,
        frame=frames_,
        count=lengths,
        prot=protections,
        device=st.booleans(),
        flags=st.sampled_from([0, PAGES_ONLY]),
    )
    def map(self, page, frame, count, prot, device, flags):
        attrs = (prot & ~X | DEVICE) if device else prot
        result = self.do(self.paging.map, self.va(page), frame * PAGE, count * PAGE, attrs, flags)
        taken = [p for p in range(page, page + count) if p in self.model]
        if taken:
            assert result == EEXIST
            assert self.paging.why.va == self.va(taken[0])
            assert self.paging.why.pa == self.model[taken[0]][0] * PAGE
            return
        assert result == 0
        self.model.update({page + i: (frame + i, attrs) for i in range(count)})

    @rule(page=pages, count=lengths)
    def unmap(self, page, count):
        result = self.do(self.paging.unmap, self.va(page), count * PAGE)
        if holes := self.holes(page, count):
            assert result == ENOENT and self.paging.why.va == self.va(holes[0])
            return
        assert result == 0
        for p in range(page, page + count):
            del self.model[p]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def unmap_what_is_there(self, data):
        page = data.draw(st.sampled_from(sorted(self.model)))
        most = next(n for n in range(1, 3000) if page + n not in self.model)
        self.unmap(page, data.draw(st.integers(1, most)))

    @rule(page=pages, count=lengths, prot=protections)
    def protect(self, page, count, prot):
        result = self.do(self.paging.protect, self.va(page), count * PAGE, prot)
        wrong = [
            p
            for p in range(page, page + count)
            if p not in self.model or (prot & X and self.model[p][1] & DEVICE)
        ]
        if wrong:
            assert result == (EINVAL if wrong[0] in self.model else ENOENT)
            assert self.paging.why.va == self.va(wrong[0])
            return
        assert result == 0
        for p in range(page, page + count):
            self.model[p] = (self.model[p][0], self.model[p][1] & DEVICE | prot)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), prot=protections)
    def protect_what_is_there(self, data, prot):
        page = data.draw(st.sampled_from(sorted(self.model)))
        most = next(n for n in range(1, 3000) if page + n not in self.model)
        self.protect(page, data.draw(st.integers(1, most)), prot)

    @rule()
    def compact(self):
        before = self.paging.tables
        gained = self.do(self.paging.compact)
        assert self.paging.tables == before - gained

    @precondition(lambda self: self.model)
    @rule(data=st.data(), allowed=st.integers(0, 2))
    def change_without_enough_frames(self, data, allowed):
        page = data.draw(st.sampled_from(sorted(self.model)))
        self.frames.fail_after(allowed)
        result = self.do(self.paging.unmap, self.va(page), PAGE)
        self.frames.fail_after(None)
        assert result in (0, ENOMEM)
        if result == 0:
            del self.model[page]

    @invariant()
    def tables_are_what_the_model_says(self):
        assert self.paging.check() == 0
        assert self.frames.in_use == self.paging.tables
        found = {}
        for va, size, pa, attrs in self.paging.runs():
            page, frame = (va - self.paging.base) // PAGE, pa // PAGE
            found.update({page + i: (frame + i, attrs) for i in range(size // PAGE)})
        assert found == self.model

    @invariant()
    def a_tlb_never_remembers_what_has_changed(self):
        for page, (first, count, descriptor) in self.tlb.entries.items():
            here = self.model.get(page)
            assert here is not None, f"page {page:#x} is unmapped and still in the TLB"
            frame = (descriptor >> 12 & (1 << 36) - 1) + (page - first if count > 1 else 0)
            now = self.paging.walk(self.va(page))[-1][3]
            assert frame == here[0]
            assert (descriptor ^ now) & fake_seam.PERMISSIONS == 0
        for page in sorted(self.model)[::37] + sorted(self.model)[-2:]:
            self.tlb.look_up(page)

    def teardown(self):
        if hasattr(self, "paging"):
            self.paging.destroy()
            assert self.frames.in_use == 0


PagingHistory.TestCase.settings = settings(
    max_examples=host_library.examples(50), stateful_step_count=40
)
TestPagingHistory = PagingHistory.TestCase


@pytest.mark.parametrize("missing", [Op.TLBI_VAE1IS, Op.DSB_ISH])
def test_the_tlb_model_notices_a_missing_invalidation(missing):
    """The model itself can fail: the same history with one kind of event left out."""
    paging = fake_seam.Paging(fake_seam.Frames(fake_seam.library(), 64))
    paging.map(0, 0, 2 * PAGE)
    tlb = Tlb(paging)
    tlb.look_up(0)
    with Recorder(paging.library) as seen:
        paging.unmap(0, PAGE)
    tlb.replay([event for event in seen.events if event.op != missing])
    assert 0 in tlb.entries


def test_the_tlb_model_notices_a_missing_break():
    paging = fake_seam.Paging(fake_seam.Frames(fake_seam.library(), 64))
    paging.map(M2, M2, M2)
    with Recorder(paging.library) as seen:
        paging.protect(M2, PAGE, R)
    broken, made = [event for event in seen.events if event.op == Op.WRITE][:2]
    unbroken = made._replace(c=broken.c)
    with pytest.raises(AssertionError, match="without a break"):
        Tlb(paging).replay([unbroken])
