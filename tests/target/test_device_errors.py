# SPDX-License-Identifier: MIT
"""What a block device answers in place of 0 is the errno of the OSError that the file raises."""

from __future__ import annotations

import pytest
from on_board import ask

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

SCRIPT = """
import os, vfs
class Device:
    def __init__(self):
        self.disk = memory.ramdisk(256 * 1024)
        self.answers = {}
    def readblocks(self, *args):
        return self.answers.get("read") or self.disk.readblocks(*args)
    def writeblocks(self, *args):
        return self.answers.get("write") or self.disk.writeblocks(*args)
    def ioctl(self, op, arg):
        return self.answers.get(op) or self.disk.ioctl(op, arg)
device = Device()
vfs.VfsFat.mkfs(device)
def mount():
    vfs.mount(vfs.VfsFat(device), "/device")
def write():
    with open("/device/new", "w") as file:
        file.write("x" * 5000)
def error(call, **answers):
    device.answers = answers
    try:
        return refused(call)[1]
    finally:
        device.answers = {}
def read():
    return open("/device/old").read()
"""
END = """
vfs.umount("/device")
device.disk.close()
"""


def test_an_answer_of_a_fat_device_is_the_errno(board: Machine) -> None:
    got = ask(
        board,
        SCRIPT
        + """
device.answers = {1: -19}
init = refused(mount)[1]
device.answers = {}
mount()
with open("/device/old", "w") as file:
    file.write("x" * 50000)
got = [error(read, read=each) for each in (-19, -5, -116, -300, 7)]
got += [error(write, write=each) for each in (-19, -5)]
with open("/device/new", "w") as file:
    file.write("good")
after = open("/device/new").read()
"""
        + END
        + "print((init, got, after))",
    )
    init, errors, after = got
    assert init == 19
    assert errors == [19, 5, 116, 5, 5, 19, 5]
    assert after == "good"
