# SPDX-License-Identifier: MIT
"""Files that are dropped while the block device of their filesystem runs: nothing is lost."""

from __future__ import annotations

import pytest
from on_board import ask, run

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
fill(COUNT)
device.collects = False
"""
# A script of its own: on the stack of the other one a word may lead to a file.
READ = """
gc.collect()
found = []
for i in range(COUNT):
    with fs.open("x%d" % i, "r") as file:
        found.append(file.read())
print(found)
"""


@pytest.mark.parametrize(("kind", "blocks", "size"), [("VfsFat", 200, 512), ("VfsLfs2", 64, 1024)])
def test_a_dropped_file_is_written_after_the_device_has_run(
    board: Machine, kind: str, blocks: int, size: int
) -> None:
    sizes = f"BLOCKS, SIZE, COUNT = {blocks}, {size}, {FILES}\n"
    run(board, sizes + SCRIPT.replace("KIND", kind))
    assert ask(board, READ) == [f"text {i}" for i in range(FILES)]
    board.soft_reset()
    board.link.enter_raw_repl()


KEEPS = """
import gc, vfs
class Device:
    armed = False
    def __init__(self, number):
        self.number = number
        self.data = bytearray(64 * 512)
        self.text = "device %d" % number
        self.others = []
    def readblocks(self, block, buffer):
        for i in range(len(buffer)):
            buffer[i] = self.data[block * 512 + i]
    def writeblocks(self, block, buffer):
        for i in range(len(buffer)):
            self.data[block * 512 + i] = buffer[i]
        if self.armed:
            kept[self.number] = self
    def ioctl(self, operation, argument):
        return 64 if operation == 4 else 512 if operation == 5 else 0
kept = [None] * COUNT
def make(number, files):
    device = Device(number)
    vfs.VfsFat.mkfs(device)
    fs = vfs.VfsFat(device)
    opened = [fs.open("x%d" % i, "w") for i in range(files)]
    for file in opened:
        file.write("what was written")
    device.others.extend(opened)  # each leads to all others
    device.armed = True
def deep(depth):
    if depth:
        return deep(depth - 1)
    for number in range(COUNT):
        make(number, FILES)
deep(20)
gc.collect()
junk = [[7] * 6 for _ in range(5000)]
junk.extend([bytearray(64 * 512) for _ in range(COUNT)])
found = [each for each in kept if each is not None]
print((len(found), memory.check(), all([
    type(each) is Device and each.text == "device %d" % each.number
    and sum([b"what was written" in each.data[i:i + 512] for i in range(0, 32768, 512)]) == FILES
    for each in found])))
"""


@pytest.mark.parametrize(("devices", "files"), [(40, 1), (3, 5)])
def test_a_device_that_is_written_to_while_it_dies_may_stay(
    board: Machine, devices: int, files: int
) -> None:
    """Its last file is closed by the collector, and it keeps itself: nothing of it is freed. There
    may be more files than a round of the collector finalises."""
    script = f"COUNT, FILES = {devices}, {files}\n" + KEEPS
    count, faults, whole = ask(board, script + "memory\n")
    # Words on the stack may keep some of them as they are.
    assert max(1, devices - 2) <= count <= devices and faults == [] and whole
    board.soft_reset()
    board.link.enter_raw_repl()
