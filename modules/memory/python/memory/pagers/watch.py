# SPDX-License-Identifier: MIT
"""A watchpoint of any size: frames whose accesses are counted one by one."""

PAGE = 4096


class Watch:
    """`frames`, mapped at `va` of `space`; every instruction that accesses them is counted.

    counts: {'read': n, 'write': n, 'execute': n}. An instruction counts once for each page, as its
    first access there. call(va, access), if given, is called before it and may raise to stop it.
    The frames still belong to the caller, who keeps them open until close().
    """

    def __init__(self, space, va, frames, prot="rw", call=None):
        self.space = space
        self.va = va
        self.frames = frames
        self.size = frames.size
        self.counts = {"read": 0, "write": 0, "execute": 0}

        def pager(at, access):
            self.counts[access] += 1
            if call is not None:
                call(at, access)
            page = at & -PAGE
            space.map(page, frames.pa + (page - va), PAGE, prot)

        # With step the page is there for one instruction: the next access calls the pager again.
        space.reserve(va, self.size, prot, pager, step=True)

    def close(self):
        """Unmap the addresses; the frames and their contents stay."""
        if self.space is not None:
            self.space.unmap(self.va, self.size)
            self.space = None
