# SPDX-License-Identifier: MIT
"""Block devices in Python that call the filesystem that called them; see crashers.py."""

from __future__ import annotations

from textwrap import dedent

from crashers import Crasher

# A device that calls act() in each of its methods, but not while act() runs, and keeps how each
# call ended. busy() uses the filesystem while the device does so.
DEVICE = """
import gc, vfs
class Device:
    act, ends = None, set()
    def __init__(self):
        self.data = bytearray(512 * 256)
    def call(self):
        act, self.act = self.act, None
        if act is None:
            return
        try:
            act()
            self.ends.add(0)
        except OSError as e:
            self.ends.add(e.errno)
        finally:
            self.act = act
    def readblocks(self, n, buf, off=0):
        self.call()
        at = 512 * n + off
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, n, buf, off=0):
        self.call()
        at = 512 * n + off
        self.data[at : at + len(buf)] = buf
    def ioctl(self, op, arg):
        self.call()
        return {4: 256, 5: 512}.get(op, 0)
def content(fs, name):
    with fs.open(name, "rb") as f:
        return f.read()
def busy(fs, device, act):
    f = fs.open("busy", "wb")
    device.act, device.ends = act, set()
    f.write(b"busy" * 900)
    f.flush()
    f.seek(3)
    f.close()
    fs.mkdir("folder")
    fs.rename("folder", "other")
    fs.rmdir("other")
    device.act = None
    return content(fs, "busy") == b"busy" * 900
def make(kind):
    device = Device()
    kind.mkfs(device)
    fs = kind(device)
    with fs.open("a", "wb") as f:
        f.write(b"a" * 2000)
    return fs, device
"""

FILES = """
fs, device = make(vfs.KIND)
file = fs.open("file", "w+b")
file.write(b"file" * 300)
got = []
for name, act in (
    ("close", file.close),
    ("seek", lambda: file.seek(5)),
    ("read", lambda: file.read(700)),
    ("write", lambda: file.write(b"other" * 300)),
    ("flush", file.flush),
):
    if not busy(fs, device, act) or device.ends != {16}:
        got.append((name, device.ends))
file.close()
got.append(content(fs, "file") == b"file" * 300)
"""

# close() of the file that is being written.
SAME_FILE = """
fs, device = make(vfs.KIND)
got = []
for size in (100, 700, 5000):
    f = fs.open("file", "w+b")
    device.act, device.ends = f.close, set()
    f.write(b"x" * size)
    f.flush()
    f.seek(0)
    got.append(f.read() == b"x" * size and device.ends == {16})
    device.act = None
    f.close()
"""

NAMES = """
fs, device = make(vfs.KIND)
listing = fs.ilistdir("/")
got = []
for name, act in (
    ("open", lambda: fs.open("new", "wb")),
    ("remove", lambda: fs.remove("a")),
    ("rename", lambda: fs.rename("a", "b")),
    ("mkdir", lambda: fs.mkdir("d" * 40)),
    ("rmdir", lambda: fs.rmdir("folder")),
    ("listdir", lambda: list(fs.ilistdir("/"))),
    ("stat", lambda: fs.stat("a")),
    ("statvfs", lambda: fs.statvfs("/")),
    ("chdir", lambda: fs.chdir("folder")),
    ("mkfs", lambda: vfs.KIND.mkfs(device)),
    ("another", lambda: vfs.KIND(device)),
):
    if not busy(fs, device, act) or device.ends != {16}:
        got.append((name, device.ends))
got.append(content(fs, "a") == b"a" * 2000 and len(list(listing)) > 0)
"""

UMOUNT = """
fs, device = make(vfs.KIND)
def act():
    vfs.mount(fs, "/crasher")
    vfs.umount("/crasher")
got = busy(fs, device, act) and content(fs, "a") == b"a" * 2000
"""

FINALISER = """
fs, device = make(vfs.KIND)
calls = 0
def act():
    global calls
    calls += 1
    if calls % 5 == 1:
        gc.collect()
    held = [bytes(b"z" * 64) for i in range(50)]
got = []
for i in range(2):
    lost = [fs.open("lost%d" % n, "wb") for n in range(3)]
    listings = [fs.ilistdir("/") for n in range(3)]
    lost = listings = None
    got.append(busy(fs, device, act) and content(fs, "a") == b"a" * 2000)
"""

RAISES = """
class Stop(Exception):
    pass
got = []
for stop in range(40):
    fs, device = make(vfs.KIND)
    file = fs.open("file", "wb")
    left = stop
    def act():
        global left
        left -= 1
        if left < 0:
            raise Stop
    try:
        busy(fs, device, act)
    except Stop:
        pass
    device.act = None
    with fs.open("next", "wb") as f:
        f.write(b"next" * 300)
    fs.mkdir("again")
    try:
        file.write(b"file" * 300)
        file.close()
    except OSError:
        pass
    got.append(content(fs, "next") == b"next" * 300 and content(fs, "a") == b"a" * 2000)
got = [got.count(True), got.count(False)]
"""

FORGOTTEN = """
def opened():
    fs, device = make(vfs.KIND)
    return fs.open("a", "rb"), fs.ilistdir("/")
def overwrite(depth):
    return depth and [overwrite(depth - 1)]
got = []
for i in range(5):
    file, listing = opened()
    overwrite(20)
    gc.collect()
    held = [bytearray(b"\\xaa" * 700) for n in range(400)]
    got.append(file.read() == b"a" * 2000 and len(list(listing)) == 1)
"""

NOT_OPENED = """
fs, device = make(vfs.KIND)
for i in range(20):
    try:
        fs.open(5, "wb")
    except TypeError:
        pass
gc.collect()
got = content(fs, "a") == b"a" * 2000
"""


def crasher(function: str, what: str, code: str, kind: str, ends: str, before: str) -> Crasher:
    source = dedent(DEVICE) + dedent(code).replace("KIND", kind)
    return Crasher(0, function, what, source, ends, before)


CALLS = "a block device in Python that calls "

RE_ENTERED = [
    crasher(
        "f_close",
        CALLS + "methods of another open file of its FAT",
        FILES,
        "VfsFat",
        "= [True]",
        "three other errors, and what the file held was lost",
    ),
    crasher(
        "f_write",
        CALLS + "close() of the file of its FAT that is written",
        SAME_FILE,
        "VfsFat",
        "= [True, True, True]",
        "`OSError`; in other programs a crash report: read from 0x0000000000000008",
    ),
    crasher(
        "f_unlink",
        CALLS + "functions with names of its FAT",
        NAMES,
        "VfsFat",
        "= [True]",
        "`OSError`, and a damaged filesystem",
    ),
    crasher("mp_vfs_umount", CALLS + "umount() of its FAT", UMOUNT, "VfsFat", "= True", "right"),
    crasher(
        "f_closedir",
        CALLS + "the collector, which closes files of its FAT",
        FINALISER,
        "VfsFat",
        "= [True, True]",
        "right, by luck or by a check of ours",
    ),
    crasher(
        "f_mkdir",
        "a block device in Python below a FAT that raises at each call once",
        RAISES,
        "VfsFat",
        "= [40, 0]",
        "right",
    ),
    crasher(
        "f_read",
        "a file and a listing of a FAT to which nothing else refers",
        FORGOTTEN,
        "VfsFat",
        "= [True, True, True, True, True]",
        "`OSError`; in other programs a crash report: read from 0x534f44534d90fefc",
    ),
    crasher(
        "lfs2_file_close",
        CALLS + "methods of another open file of its littlefs",
        FILES,
        "VfsLfs2",
        "= [True]",
        "`ValueError`",
    ),
    crasher(
        "lfs2_file_write",
        CALLS + "close() of the file of its littlefs that is written",
        SAME_FILE,
        "VfsLfs2",
        "= [True, True, True]",
        "`ValueError`",
    ),
    crasher(
        "lfs2_remove",
        CALLS + "functions with names of its littlefs",
        NAMES,
        "VfsLfs2",
        "= [True]",
        "crash report: read from 0x0000000000000001",
    ),
    crasher(
        "mp_vfs_umount", CALLS + "umount() of its littlefs", UMOUNT, "VfsLfs2", "= True", "right"
    ),
    crasher(
        "lfs2_mlist_remove",
        CALLS + "the collector, which closes files of its littlefs",
        FINALISER,
        "VfsLfs2",
        "= [True, True]",
        "crash report: read from 0x7973756279737562",
    ),
    crasher(
        "lfs2_mkdir_",
        "a block device in Python below a littlefs that raises at each call",
        RAISES,
        "VfsLfs2",
        "= [40, 0]",
        "right, by luck: its list referred to the stack",
    ),
    crasher(
        "lfs2_file_close_",
        "a file of littlefs whose name is no string",
        NOT_OPENED,
        "VfsLfs2",
        "= True",
        "right, by luck: it read from address 0",
    ),
    crasher(
        "lfs2_file_read",
        "a file and a listing of a littlefs to which nothing else refers",
        FORGOTTEN,
        "VfsLfs2",
        "= [True, True, True, True, True]",
        "right",
    ),
]
