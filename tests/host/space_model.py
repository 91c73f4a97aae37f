# SPDX-License-Identifier: MIT
"""A plain model of address spaces: pages, ranges with a pager, owners of frames, and W^X.

It says what each call must do, and holds nothing but dictionaries of pages. Judging is by counting
who may write or execute a frame; the mechanism does it by regions and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from fake_seam import EBUSY, EEXIST, EFAULT, EINVAL, EPERM, PAGE, R, U, W, X
from spaces import DATA, FORCE, TEXT, Why

Answer = tuple[int, frozenset[Why]]  # the result, and what it may be because of
DONE: Answer = (0, frozenset([Why.NO_ERROR]))


def refuse(result: int, *why: Why) -> Answer:
    """A refusal for one of these reasons."""
    return result, frozenset(why)


@dataclass
class Page:
    """What is mapped at a page of a space."""

    pa: int
    prot: int
    boot: bool = False  # not judged for W^X
    owner: int | None = None
    owned: bool = False  # of a range with a pager: the frame is freed with the page


@dataclass
class Range:
    """Reserved pages: of a pager when `prot` says what a page may have at most."""

    prot: int | None
    locked: bool = False


@dataclass
class SpaceModel:
    upper: bool = False
    pages: dict[int, Page] = field(default_factory=dict)
    ranges: dict[int, Range] = field(default_factory=dict)


@dataclass
class Call:
    """A range of pages and what a call would give them."""

    page: int
    count: int
    prot: int = R
    pa: int = 0
    owner: int | None = None
    flags: int = 0
    boot: bool = False

    @property
    def where(self) -> range:
        return range(self.page, self.page + self.count)

    def frames(self) -> list[int]:
        return [self.pa + i * PAGE for i in range(self.count)]


def right_of(page: Page) -> int:
    """The right for which a page is judged, W or X, or 0."""
    return 0 if page.boot else page.prot & (W | X)


class Model:
    """Several spaces. Calls return what the mechanism must answer; then they have been done."""

    def __init__(self, spaces: int) -> None:
        self.spaces = [SpaceModel(upper=True)] + [SpaceModel() for _ in range(spaces - 1)]
        self.rights: dict[tuple[int, int], int] = {}  # (frame, W or X) -> pages that have it
        self.owners: dict[int, tuple[int, int]] = {}  # owner -> (pa, frames)
        self.orphans: dict[int, tuple[int, int]] = {}
        self.owned_pages: dict[int, int] = {}  # owner -> pages that map its frames
        self.active: int | None = None
        self.executable: set[int] = set()  # frames of code that calls have made, boot's not

    # --- pages ---

    def put(self, index: int, number: int, page: Page) -> None:
        self.drop(index, number)
        self.spaces[index].pages[number] = page
        if right := right_of(page):
            key = page.pa, right
            self.rights[key] = self.rights.get(key, 0) + 1
        if right_of(page) & X:
            self.executable.add(page.pa)
        if page.owner is not None:
            self.owned_pages[page.owner] = self.owned_pages.get(page.owner, 0) + 1

    def drop(self, index: int, number: int) -> None:
        page = self.spaces[index].pages.pop(number, None)
        if page is None:
            return
        if right := right_of(page):
            self.rights[page.pa, right] -= 1
        if page.owner is not None:
            self.owned_pages[page.owner] -= 1

    def owned_frames(self) -> int:
        """Frames that pages of ranges with a pager own."""
        return sum(page.owned for space in self.spaces for page in space.pages.values())

    # --- rules ---

    def judge(self, index: int, call: Call, frames: Iterable[int], judged: bool = True) -> Answer:
        """Whether frames may have the protection when the pages of the call no longer count."""
        space = self.spaces[index]
        if space.upper and call.prot & U:
            return refuse(EPERM, Why.USER)
        why = set()
        if call.prot & W and any(TEXT[0] <= frame < TEXT[1] for frame in frames):
            why.add(Why.PROTECTED)
        if call.prot & X and any(DATA[0] <= frame < DATA[1] for frame in frames):
            why.add(Why.NEVER_CODE)
        if judged and self.meets(index, call, frames):
            why.add(Why.WRITE_EXECUTE)
        return (EPERM, frozenset(why)) if why else DONE

    def meets(self, index: int, call: Call, frames: Iterable[int]) -> bool:
        enemy = X if call.prot & W else W if call.prot & X else 0
        if not enemy:
            return False
        pages = self.spaces[index].pages
        own = [pages[n].pa for n in call.where if n in pages and right_of(pages[n]) == enemy]
        return any(self.rights.get((f, enemy), 0) > own.count(f) for f in frames)

    def pager_range(self, index: int, page: int) -> Range | None:
        found = self.spaces[index].ranges.get(page)
        return found if found is not None and found.prot is not None else None

    def inside(self, index: int, call: Call) -> bool:
        """Whether the call is inside one range."""
        ranges = self.spaces[index].ranges
        return all(ranges.get(n) is ranges.get(call.page) for n in call.where)

    def covered(self, index: int, call: Call) -> Answer:
        """Whether all is mapped, and nothing before the first hole is locked."""
        space = self.spaces[index]
        for n in call.where:
            found = space.ranges.get(n)
            if found is not None and found.locked and not call.flags & FORCE:
                return refuse(EPERM, Why.LOCKED)
            if n not in space.pages or found is not None:
                return refuse(EFAULT, Why.UNMAPPED)
        return DONE

    # --- calls ---

    def map(self, index: int, call: Call) -> Answer:
        if call.owner is None and not call.boot and self.pager_range(index, call.page):
            return self.map_pages(index, call)
        space = self.spaces[index]
        for n in call.where:
            found = space.ranges.get(n)
            if found is not None and found.locked:
                return refuse(EPERM, Why.LOCKED)
            if found is not None:
                return refuse(EEXIST, Why.TAKEN)
            if n in space.pages:
                return refuse(EEXIST, Why.MAPPED)
        answer = self.judge(index, call, call.frames(), not call.boot)
        if answer == DONE:
            for n, frame in zip(call.where, call.frames(), strict=True):
                self.put(index, n, Page(frame, call.prot, call.boot, call.owner))
        return answer

    def map_pages(self, index: int, call: Call, owned: bool = False) -> Answer:
        """Pages of a range with a pager."""
        found = self.pager_range(index, call.page)
        if found is None or not self.inside(index, call):
            return refuse(EFAULT, Why.NOT_PAGED)
        assert found.prot is not None
        if owned:
            call.prot = found.prot
        if call.prot & ~found.prot:
            return refuse(EPERM, Why.TOO_MUCH)
        answer = self.judge(index, call, call.frames())
        pages = self.spaces[index].pages
        if answer == DONE and call.count > 1 and any(n in pages for n in call.where):
            return refuse(EEXIST, Why.MAPPED)
        if answer == DONE:
            for n, frame in zip(call.where, call.frames(), strict=True):
                self.put(index, n, Page(frame, call.prot, owned=owned))
        return answer

    def page_in(self, index: int, page: int, owner: int) -> Answer:
        pa, count = self.owners[owner]
        call = Call(page, count, pa=pa)
        if self.pager_range(index, page) and self.inside(index, call) and self.is_mapped(owner):
            return refuse(EBUSY, Why.HELD)
        answer = self.map_pages(index, call, owned=True)
        if answer == DONE:
            del self.owners[owner]
        return answer

    def unmap(self, index: int, call: Call) -> Answer:
        space = self.spaces[index]
        found = space.ranges.get(call.page)
        if found is None:
            answer = self.covered(index, call)
        elif not self.inside(index, call):
            answer = refuse(EFAULT, Why.UNMAPPED)
        elif found.locked and not call.flags & FORCE:
            answer = refuse(EPERM, Why.LOCKED)
        else:
            answer = DONE
            self.cut(space, found, call)
        if answer == DONE:
            for n in call.where:
                self.drop(index, n)
            self.forget_freed()
        return answer

    @staticmethod
    def cut(space: SpaceModel, found: Range, call: Call) -> None:
        """What is behind the pages of the call is a range of its own now."""
        tail = Range(found.prot, found.locked)
        n = call.page + call.count
        while space.ranges.get(n) is found:
            space.ranges[n] = tail
            n += 1
        for n in call.where:
            del space.ranges[n]

    def protect(self, index: int, call: Call) -> Answer:
        pages = self.spaces[index].pages
        there = [n for n in call.where if n in pages]
        found = self.pager_range(index, call.page)
        keep = bool(call.flags & FORCE)
        if found is None:
            answer = self.covered(index, call)
        elif not self.inside(index, call):
            answer = refuse(EFAULT, Why.NOT_PAGED)
        else:
            answer = DONE
        if answer == DONE and call.prot & W and call.prot & X:
            answer = refuse(EINVAL, Why.BAD_ATTRS)
        elif answer == DONE and found is not None and call.prot & ~(found.prot or 0):
            answer = refuse(EPERM, Why.TOO_MUCH)
        elif answer == DONE:
            answer = self.judge_parts(index, call, [pages[n] for n in there], keep)
        if answer == DONE:
            for n in there:
                old = pages[n]
                boot = old.boot and keep
                self.put(index, n, Page(old.pa, call.prot, boot, old.owner, old.owned))
        return answer

    def judge_parts(self, index: int, call: Call, pages: list[Page], keep: bool) -> Answer:
        """What boot mapped and stays boot's is not judged for W^X."""
        free = [page.pa for page in pages if page.boot and keep]
        judged = [page.pa for page in pages if not (page.boot and keep)]
        answers = [self.judge(index, call, free, False) if free else DONE]
        answers.append(self.judge(index, call, judged) if judged else DONE)
        why = frozenset[Why]().union(*(why for result, why in answers if result))
        return (EPERM, why) if why else DONE

    def reserve(self, index: int, call: Call, prot: int | None, locked: bool) -> Answer:
        space = self.spaces[index]
        if space.upper and prot is not None:
            return refuse(EPERM, Why.KERNEL)
        for n in call.where:
            found = space.ranges.get(n)
            if found is not None and found.locked:
                return refuse(EPERM, Why.LOCKED)
            if found is not None:
                return refuse(EEXIST, Why.TAKEN)
            if n in space.pages:
                return refuse(EEXIST, Why.MAPPED)
        new = Range(prot, locked)
        space.ranges.update((n, new) for n in call.where)
        return DONE

    def evict(self, index: int, call: Call) -> Answer:
        if self.pager_range(index, call.page) is None or not self.inside(index, call):
            return refuse(EFAULT, Why.NOT_PAGED)
        for n in call.where:
            self.drop(index, n)
        return DONE

    def clear(self, index: int, keep_boot: bool) -> None:
        space = self.spaces[index]
        kept = {n for n, page in space.pages.items() if keep_boot and page.boot}
        for n in [n for n in space.pages if n not in kept]:
            self.drop(index, n)
        space.ranges = {n: r for n, r in space.ranges.items() if keep_boot and r.locked}
        self.forget_freed()

    def close(self, index: int) -> Answer:
        if index == self.active:
            return refuse(EBUSY, Why.ACTIVE)
        self.clear(index, False)
        return DONE

    # --- owners ---

    def is_mapped(self, owner: int) -> bool:
        return self.owned_pages.get(owner, 0) != 0

    def close_owner(self, owner: int) -> Answer:
        if self.is_mapped(owner):
            return refuse(EBUSY, Why.HELD)
        del self.owners[owner]
        return DONE

    def orphan(self, owner: int) -> None:
        self.orphans[owner] = self.owners.pop(owner)
        self.forget_freed()

    def forget_freed(self) -> None:
        """Orphans that nothing maps are gone: a new owner may have their record."""
        for owner in [owner for owner in self.orphans if not self.is_mapped(owner)]:
            del self.orphans[owner]

    def extents(self, index: int) -> Iterator[tuple[int, int, Range]]:
        """(first page, pages, range) of each range."""
        first = count = 0
        last: Range | None = None
        for n, found in sorted(self.spaces[index].ranges.items()):
            if found is last and n == first + count:
                count += 1
                continue
            if last is not None:
                yield first, count, last
            first, count, last = n, 1, found
        if last is not None:
            yield first, count, last
