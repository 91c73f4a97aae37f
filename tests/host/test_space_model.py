# SPDX-License-Identifier: MIT
"""Random histories of several address spaces against a plain model of pages, rights and owners."""

import host_library
from fake_seam import (
    EBUSY,
    EEXIST,
    EFAULT,
    EPERM,
    PAGE,
    R,
    Recorder,
    W,
    X,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from spaces import BOOT, TEXT, Spaces, Why, owner_record

FRAME = 0x5000_0000
spots = st.integers(0, 14)
counts = st.integers(1, 5)
prots = st.sampled_from([R, R | W, R | W, R | X])


class SpacesHistory(RuleBasedStateMachine):
    """Three spaces of 20 pages, 20 bare frames, owners of 1 to 5 frames."""

    @initialize()
    def start(self) -> None:
        self.spaces = Spaces(120)
        self.open = [self.spaces.open() for _ in range(3)]
        # (space, page) -> (physical address, protection, made by boot, owner)
        self.pages: dict[tuple[int, int], tuple[int, int, bool, int | None]] = {}
        self.owners: dict[int, tuple[int, int]] = {}  # owner -> (pa, frames)
        self.orphans: dict[int, tuple[int, int]] = {}

    def state(self) -> tuple:
        """What a failing call must leave alone."""
        return (
            [space.layout() for space in self.open],
            [space.state.paging.tables for space in self.open],
            self.spaces.frames.in_use,
        )

    def do(self, call, *args) -> int:
        before = self.state()
        with Recorder(self.spaces.library) as seen:
            result = call(*args)
        if result < 0:
            assert self.state() == before
            assert not seen.ops()
        return result

    def conflict(self, index: int, page: int, frames: list[int], prot: int) -> bool:
        """Whether some other page, judged, has the right that `prot` must not meet."""
        changing = {(index, page + i) for i in range(len(frames))}
        enemy = X if prot & W else W if prot & X else 0
        return any(
            pa in frames and p & enemy and not boot
            for where, (pa, p, boot, _) in self.pages.items()
            if where not in changing
        )

    def map_pages(self, index, page, pa, count, prot, boot, owner):
        frames = [pa + i * PAGE for i in range(count)]
        taken = [i for i in range(page, page + count) if (index, i) in self.pages]
        call = self.open[index].map
        flags = BOOT if boot else 0
        result = self.do(call, page * PAGE, pa, count * PAGE, prot, flags, None, owner)
        if taken:
            assert result == EEXIST and self.spaces.error.va == taken[0] * PAGE
        elif prot & W and any(TEXT[0] <= frame < TEXT[1] for frame in frames):
            assert result == EPERM and self.spaces.why == Why.PROTECTED
        elif not boot and self.conflict(index, page, frames, prot):
            assert result == EPERM and self.spaces.why == Why.WRITE_EXECUTE
            self.names_a_real_conflict(prot)
        else:
            assert result == 0
            for i, frame in enumerate(frames):
                self.pages[index, page + i] = (frame, prot, boot, owner)

    def names_a_real_conflict(self, prot):
        """The mapping named in the error exists and has the right in question."""
        error = self.spaces.error
        other = next(i for i, space in enumerate(self.open) if space.p == error.other_space)
        pa, p, boot, _ = self.pages[other, error.other_va // PAGE]
        assert pa == error.pa and p & (X if prot & W else W) and not boot

    @rule(
        index=st.integers(0, 2),
        page=spots,
        frame=spots,
        count=counts,
        prot=prots,
        boot=st.booleans(),
    )
    def map(self, index, page, frame, count, prot, boot):
        self.map_pages(index, page, FRAME + frame * PAGE, count, prot, boot, None)

    @rule(index=st.integers(0, 2), page=spots, prot=prots)
    def map_text(self, index, page, prot):
        self.map_pages(index, page, TEXT[0] - PAGE, 2, prot, False, None)

    @rule(count=counts)
    def owner(self, count):
        if self.spaces.frames.in_use < 90:
            owner = self.spaces.owner(count)
            self.owners[owner] = (owner_record(owner).pa, count)

    @precondition(lambda self: self.owners)
    @rule(data=st.data(), index=st.integers(0, 2), page=spots, prot=prots)
    def map_held(self, data, index, page, prot):
        owner = data.draw(st.sampled_from(sorted(self.owners)))
        pa, count = self.owners[owner]
        first = data.draw(st.integers(0, count - 1))
        length = data.draw(st.integers(1, count - first))
        self.map_pages(index, page, pa + first * PAGE, length, prot, False, owner)

    def is_mapped(self, owner: int) -> bool:
        return any(h == owner for _, _, _, h in self.pages.values())

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def close_owner(self, data):
        owner = data.draw(st.sampled_from(sorted(self.owners)))
        if self.is_mapped(owner):
            assert self.do(self.spaces.close_owner, owner) == EBUSY
            other = next(
                i for i, s in enumerate(self.open) if s.p == self.spaces.error.other_space
            )
            assert self.pages[other, self.spaces.error.other_va // PAGE][3] == owner
        else:
            assert self.spaces.close_owner(owner) == 0
            del self.owners[owner]

    @precondition(lambda self: self.owners)
    @rule(data=st.data())
    def orphan(self, data):
        owner = data.draw(st.sampled_from(sorted(self.owners)))
        self.orphans[owner] = self.owners.pop(owner)
        self.spaces.orphan(owner)
        self.forget_freed()

    def forget_freed(self):
        """Orphans that nothing maps any more are gone, and a new owner may have their record."""
        self.orphans = {
            owner: what for owner, what in self.orphans.items() if self.is_mapped(owner)
        }

    @rule(index=st.integers(0, 2), page=spots, count=counts)
    def unmap(self, index, page, count):
        holes = [i for i in range(page, page + count) if (index, i) not in self.pages]
        result = self.do(self.open[index].unmap, page * PAGE, count * PAGE)
        if holes:
            assert result == EFAULT and self.spaces.error.va == holes[0] * PAGE
            return
        assert result == 0
        for i in range(page, page + count):
            del self.pages[index, i]
        self.forget_freed()

    @rule(index=st.integers(0, 2), page=spots, count=counts, prot=prots)
    def protect(self, index, page, count, prot):
        where = [(index, i) for i in range(page, page + count)]
        result = self.do(self.open[index].protect, page * PAGE, count * PAGE, prot)
        if any(place not in self.pages for place in where):
            assert result == EFAULT
            return
        frames = [self.pages[place][0] for place in where]
        text = prot & W and any(TEXT[0] <= frame < TEXT[1] for frame in frames)
        if text or self.conflict(index, page, frames, prot):
            assert result == EPERM
            return
        assert result == 0
        for place in where:
            pa, _, _, owner = self.pages[place]
            self.pages[place] = (pa, prot, False, owner)

    @rule(index=st.integers(0, 2))
    def close_and_open(self, index):
        if self.open[index].close() != 0:
            assert self.spaces.why == Why.ACTIVE
            return
        self.pages = {place: what for place, what in self.pages.items() if place[0] != index}
        self.forget_freed()
        self.open[index] = self.spaces.open()

    @rule(index=st.integers(0, 2))
    def activate(self, index):
        assert self.open[index].activate() == 0

    @rule(index=st.integers(0, 2), boot_too=st.booleans())
    def clear(self, index, boot_too):
        self.open[index].clear(0 if boot_too else BOOT)
        self.pages = {
            place: what
            for place, what in self.pages.items()
            if place[0] != index or (what[2] and not boot_too)
        }
        self.forget_freed()

    @invariant()
    def everything_agrees(self):
        assert self.spaces.check() == 0
        found = {}
        for index, space in enumerate(self.open):
            for r in space.regions():
                for i in range((r.last - r.start + 1) // PAGE):
                    what = (r.pa + i * PAGE, r.attrs, bool(r.flags & BOOT), r.owner)
                    found[index, r.start // PAGE + i] = what
        assert found == self.pages
        for (index, page), (pa, prot, _, _) in self.pages.items():
            assert self.open[index].translate(page * PAGE) == (pa, prot)

    @invariant()
    def every_frame_has_one_owner(self):
        frames = self.spaces.frames
        held = [what for group in (self.owners, self.orphans) for what in group.values()]
        for pa, count in held:
            assert all(frames.is_used(pa + i * PAGE) for i in range(count))
        owned = sum(count for _, count in held)
        owned += sum(space.state.paging.tables for space in self.open)
        assert frames.in_use == owned + self.spaces.record_frames()

    def teardown(self):
        if not hasattr(self, "spaces"):
            return
        assert self.spaces.library.spaces_close_all(self.spaces.s, None) >= 2
        last = self.spaces.open("last")
        last.activate()
        self.spaces.library.spaces_close_all(self.spaces.s, last.p)
        self.spaces.library.frame_owner_orphan_all(self.spaces.s)
        # The root table and the record of the last space.
        assert self.spaces.frames.in_use == 2
        assert self.spaces.check() == 0


SpacesHistory.TestCase.settings = settings(
    max_examples=host_library.examples(50), stateful_step_count=40
)
TestSpacesHistory = SpacesHistory.TestCase
