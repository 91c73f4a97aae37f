# SPDX-License-Identifier: MIT
"""A file mapped as memory: each page is read from it when it is first accessed."""

from _memory import frames_alloc

PAGE = 4096


class FileMap:
    """The file at `path`, mapped at `va` of `space`; zeros follow to the end of its last page.

    prot: 'r' or 'rw'; what is written stays in memory and does not change the file.
    size: bytes of the file, which stays open until close(). OSError: the file cannot be opened or
    the addresses are taken. ValueError: the file is empty.
    """

    def __init__(self, space, va, path, prot="r"):
        self.file = open(path, "rb")  # noqa: SIM115 (it stays open)
        self.size = self.file.seek(0, 2)
        self.space = space
        self.va = va
        try:
            if self.size == 0:
                raise ValueError("file '%s' is empty" % path)
            space.reserve(va, -(-self.size // PAGE) * PAGE, prot, self._read_page)
        except (OSError, ValueError):
            self.file.close()
            raise

    def _read_page(self, at, access):
        page = at & -PAGE
        frames = frames_alloc()
        view = memoryview(frames)
        self.file.seek(page - self.va)
        done = 0
        while done < PAGE:
            count = self.file.readinto(view[done:])
            if not count:
                break
            done += count
        return frames

    def close(self):
        """Unmap the file and close it."""
        if self.space is not None:
            try:
                self.space.unmap(self.va, -(-self.size // PAGE) * PAGE)
            finally:
                self.file.close()
            self.space = None
