# SPDX-License-Identifier: MIT
"""Millions of random calls of several address spaces beside the model of space_model.py.

Three lower halves and the kernel half; mappings, ranges with a pager, guards, owners of frames,
aliases of the same few frames, and kernel text. Every result, reason and translation is compared.
"""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable

import host_library
import pytest
from fake_seam import PAGE, UPPER, R, U, W, X
from space_model import DONE, Answer, Call, Model, Page
from spaces import (
    BOOT,
    DATA,
    FORCE,
    LOCKED,
    OPEN,
    PAGED,
    RESERVED,
    TEXT,
    Request,
    Spaces,
    owner_record,
)

VA = 0x40_0000_0000
WINDOW = UPPER + VA
FRAME = 0x5000_0000
SPACES, PAGES, MOST, FRAMES = 4, 24, 5, 10
PROTS = (R, R, R | W, R | W, R | X, R | X, R | U, R | W | U, R | X | U, R | W | X)
RANGES = (R | W, R | W, R | X, R | W | U, R | X | U, None)
#: In `make test-long` 20 times as many for each seed: 5 million in all.
SEEDS, CALLS = 10, 25_000
LOOK_EACH = 250  # calls between comparisons of everything


class History:
    """The mechanism and the model, with the same calls."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.spaces = Spaces(400)
        self.model = Model(SPACES)
        self.open = [self.spaces.open("kernel", upper=True)]
        self.open += [self.spaces.open() for _ in range(SPACES - 1)]
        assert self.spaces.window(WINDOW, WINDOW + PAGES * PAGE, OPEN, "free") > 0
        kernel = self.open[0]
        assert kernel.map(UPPER + TEXT[0], TEXT[0], 2 * PAGE, R | X, BOOT, "text") == 0
        linear = FRAMES * PAGE
        assert kernel.map(UPPER + FRAME, FRAME, linear, R | W, BOOT, "linear map") == 0

    def base(self, index: int) -> int:
        return WINDOW if index == 0 else VA

    def call(self, prot: int | None = None, paged: bool = False) -> tuple[int, Call]:
        """Some pages of a space, in a range with a pager if wanted, and memory for them."""
        draw = self.random
        count = draw.choice((1, 1, 1, 2, 3, MOST))
        call = Call(draw.randrange(PAGES - count), count)
        index = draw.randrange(SPACES)
        if paged and (pages := [n for n, r in self.model.spaces[index].ranges.items() if r.prot]):
            call.page = draw.choice(pages)
        call.prot = draw.choice(PROTS[:-1]) if prot is None else prot
        pick = draw.random()
        call.pa = FRAME + draw.randrange(FRAMES) * PAGE
        if pick < 0.15:
            call.pa = draw.choice((TEXT, DATA))[0] - PAGE * draw.randrange(3)
        elif pick < 0.35 and self.model.owners:
            call.pa = draw.choice([pa for pa, _ in self.model.owners.values()])
        return index, call

    def owner(self) -> int | None:
        return self.random.choice(list(self.model.owners)) if self.model.owners else None

    # --- calls: each returns (what the mechanism answered, what the model says) ---

    def request(self, index: int, call: Call, flags: int = 0) -> Request:
        va = self.base(index) + call.page * PAGE
        return Request(va, call.pa, call.count * PAGE, call.prot, flags, None, call.owner)

    def map(self) -> tuple[int, Answer]:
        index, call = self.call(paged=self.random.random() < 0.3)
        call.boot = index != 0 and self.random.random() < 0.1
        if not call.boot and self.random.random() < 0.25 and (owner := self.owner()):
            call.owner = owner
            pa, count = self.model.owners[owner]
            call.count = self.random.randint(1, min(count, PAGES - call.page))
            call.pa = pa + self.random.randint(0, count - call.count) * PAGE
        request = self.request(index, call, BOOT if call.boot else 0)
        space = self.open[index]
        result = self.ask("space_map", space.p, request)
        return result, self.model.map(index, call)

    def ask(self, name: str, space: int, request: Request) -> int:
        function = getattr(self.spaces.library, name)
        return function(self.spaces.s, space, ctypes.addressof(request), self.spaces.because())

    def unmap(self) -> tuple[int, Answer]:
        index, call = self.call()
        call.flags = FORCE if self.random.random() < 0.2 else 0
        va = self.base(index) + call.page * PAGE
        result = self.open[index].unmap(va, call.count * PAGE, call.flags)
        return result, self.model.unmap(index, call)

    def protect(self) -> tuple[int, Answer]:
        index, call = self.call(self.random.choice(PROTS), self.random.random() < 0.4)
        call.flags = FORCE if self.random.random() < 0.2 else 0
        request = self.request(index, call, call.flags)
        result = self.ask("space_protect", self.open[index].p, request)
        return result, self.model.protect(index, call)

    def reserve(self) -> tuple[int, Answer]:
        index, call = self.call()
        prot = self.random.choice(RANGES)
        call.prot = prot or 0
        locked = prot is None and self.random.random() < 0.3
        flags = PAGED if prot is not None else LOCKED if locked else 0
        result = self.ask("space_reserve", self.open[index].p, self.request(index, call, flags))
        return result, self.model.reserve(index, call, prot, locked)

    def page_in(self) -> tuple[int, Answer]:
        owner = self.owner()
        index, call = self.call(paged=True)
        if owner is None or index == 0:
            return self.new_owner()
        call.count = self.model.owners[owner][1]
        va = VA + call.page * PAGE
        why = self.spaces.because()
        space = self.open[index].p
        result = self.spaces.library.space_paged_in(self.spaces.s, space, va, owner, why)
        return result, self.model.page_in(index, call.page, owner)

    def evict(self) -> tuple[int, Answer]:
        index, call = self.call(paged=True)
        va = self.base(index) + call.page * PAGE
        why = self.spaces.because()
        result = self.spaces.library.space_paged_evict(
            self.spaces.s, self.open[index].p, va, call.count * PAGE, why
        )
        return result, self.model.evict(index, call)

    def new_owner(self) -> tuple[int, Answer]:
        count = self.random.choice((1, 1, 2, 3))
        if len(self.model.owners) + len(self.model.orphans) < 12:
            owner = self.spaces.owner(count)
            self.model.owners[owner] = owner_record(owner).pa, count
        return DONE[0], DONE

    def close_owner(self) -> tuple[int, Answer]:
        owner = self.owner()
        if owner is None:
            return self.new_owner()
        if self.random.random() < 0.3:
            self.model.orphan(owner)
            self.spaces.orphan(owner)
            return DONE[0], DONE
        return self.spaces.close_owner(owner), self.model.close_owner(owner)

    def life(self) -> tuple[int, Answer]:
        """A space is activated, cleared, compacted, or closed and opened again."""
        index = self.random.randrange(1, SPACES)
        space = self.open[index]
        what = self.random.randrange(8)
        if what == 0:
            self.model.active = index
            return space.activate(), DONE
        if what == 1:
            keep = self.random.random() < 0.5
            space.clear(BOOT | LOCKED if keep else 0)
            self.model.clear(index, keep)
        elif what == 2:
            answer = self.model.close(index)
            result = space.close()
            if result == 0:
                self.open[index] = self.spaces.open()
            return result, answer
        else:
            space.compact()
        return DONE[0], DONE

    CALLS = (map,) * 6 + (unmap,) * 2 + (protect,) * 4 + (reserve,) * 2 + (page_in,) * 3
    CALLS += (evict, new_owner, close_owner)

    def step(self) -> None:
        call: Callable[[History], tuple[int, Answer]] = self.random.choice(self.CALLS)
        if self.random.random() < 0.01:
            call = History.life
        result, (wanted, reasons) = call(self)
        assert result == wanted, f"{call.__name__}: {result}, {self.spaces.why!r}; {reasons}"
        if result != 0:
            assert self.spaces.why in reasons, call.__name__
        self.code_is_synchronised()

    # --- comparisons ---

    def look(self) -> None:
        """Everything the mechanism has is what the model has."""
        assert self.spaces.check() == 0
        for index, space in enumerate(self.open):
            base = self.base(index)
            seen: dict[int, Page] = {}
            ranges = []
            for r in space.regions():
                if index == 0 and r.flags & BOOT:
                    continue
                first, count = (r.start - base) // PAGE, (r.last + 1 - r.start) // PAGE
                if r.flags & (RESERVED | PAGED):
                    ranges.append((first, count, r.flags & (PAGED | LOCKED), r.attrs))
                    continue
                for i in range(count):
                    page = Page(r.pa + i * PAGE, r.attrs, bool(r.flags & BOOT), r.owner)
                    seen[first + i] = page
            self.compare(index, seen, ranges)

    def compare(self, index: int, seen: dict[int, Page], ranges: list[tuple[int, ...]]) -> None:
        space = self.model.spaces[index]
        mapped = {n: page for n, page in space.pages.items() if n not in space.ranges}
        assert seen == mapped
        assert ranges == [
            (n, count, PAGED if r.prot is not None else LOCKED * r.locked, r.prot or 0)
            for n, count, r in self.model.extents(index)
        ]
        for n in range(PAGES + MOST):
            found = self.open[index].translate(self.base(index) + n * PAGE)
            page = space.pages.get(n)
            assert found == (page.pa, page.prot) if page else isinstance(found, int)

    def count_frames(self) -> None:
        """Every frame in use has one owner."""
        frames = self.spaces.frames
        owned = self.model.owned_frames() + self.spaces.record_frames()
        for group in (self.model.owners, self.model.orphans):
            owned += sum(count for _, count in group.values())
        owned += sum(space.state.paging.tables for space in self.open)
        assert frames.in_use == owned

    def code_is_synchronised(self) -> None:
        """What the last call left executable is synchronised, where it is mapped: in any space,
        by map(), protect() or a pager, as often as it is mapped. And nothing else is."""
        executable = self.model.executable
        assert self.spaces.synced() == executable
        assert self.spaces.library.fake_unmapped() == 0
        executable.clear()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_call_does_what_the_model_says(seed: int) -> None:
    history = History(seed)
    for i in range(host_library.examples(CALLS)):
        history.step()
        if i % LOOK_EACH == 0:
            history.look()
            history.count_frames()
    history.look()
