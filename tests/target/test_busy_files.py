# SPDX-License-Identifier: MIT
"""Files that are dropped while the block device of their filesystem runs: nothing is lost."""

from __future__ import annotations

import pytest
from on_board import ask

from pimem.testing.board_session import Machine

FILES = 5
SCRIPT = """
import gc, vfs
class Device:
    collects = False
    def __init__(self):
        self.data = bytearray(BLOCKS * SIZE)
    # Nothing here makes an object: a finaliser may not.
    def readblocks(self, block, buffer, offset=0):
        if self.collects:
            gc.collect()
        for i in range(len(buffer)):
            buffer[i] = self.data[block * SIZE + offset + i]
    def writeblocks(self, block, buffer, offset=0):
        if self.collects:
            gc.collect()
        for i in range(len(buffer)):
            self.data[block * SIZE + offset + i] = buffer[i]
    def ioctl(self, operation, argument):
        return BLOCKS if operation == 4 else SIZE if operation == 5 else 0
device = Device()
vfs.KIND.mkfs(device)
fs = vfs.KIND(device)
device.collects = True
def fill(n):
    # Dropped without being closed.
    for i in range(n):
        fs.open("x%d" % i, "w").write("text %d" % i)
fill(COUNT + 1)
device.collects = False
fill(0)
gc.collect()
found = []
for i in range(COUNT):  # a word on the stack may look like the last one
    with fs.open("x%d" % i, "r") as file:
        found.append(file.read())
print(found)
"""


@pytest.mark.parametrize(("kind", "blocks", "size"), [("VfsFat", 200, 512), ("VfsLfs2", 64, 1024)])
def test_a_dropped_file_is_written_after_the_device_has_run(
    board: Machine, kind: str, blocks: int, size: int
) -> None:
    sizes = f"BLOCKS, SIZE, COUNT = {blocks}, {size}, {FILES}\n"
    assert ask(board, sizes + SCRIPT.replace("KIND", kind)) == [f"text {i}" for i in range(FILES)]
    board.soft_reset()
    board.link.enter_raw_repl()
