# SPDX-License-Identifier: MIT
"""Crashers that were found here, most of them siblings of the published ones; see crashers.py."""

from __future__ import annotations

from crashers import DOES_NOT_FIT, TOO_LARGE, Crasher

OURS = [
    Crasher(
        0,
        "struct_pack_into",
        "an offset that wraps, because Python's memory lies in the upper half",
        """
        import gc, struct
        b = bytearray(8)
        struct.pack_into("<Q", b, (1 << 63) - 1, 1)
        """,
        "ValueError",
        "fault: write to 0x7fff00a000611a3f",
    ),
    Crasher(
        0,
        "struct_unpack_from",
        "reading at an offset that wraps",
        """
        import struct
        struct.unpack_from("<Q", bytes(8), (1 << 62) + 12345)
        """,
        "ValueError",
        "fault: read from 0x3fff00a00064e840",
    ),
    Crasher(
        0,
        "get_fmt_num",
        "a count in a struct format that is no small integer",
        """
        import struct
        struct.pack("99999999999999999999s", b"abc")
        """,
        DOES_NOT_FIT,
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "bytes_multiply",
        "bytes repeated until they wrap",
        "b'abcdefgh' * (1 << 61)",
        TOO_LARGE,
        "crash report",
    ),
    Crasher(
        0,
        "list_subscr",
        "an index whose __int__() empties the list",
        """
        class Index:
            def __int__(self):
                items.clear()
                return 99
        items = list(range(100))
        items[Index()] = 5
        """,
        "TypeError",
        "no exception",
    ),
    Crasher(
        0,
        "mp_obj_slice_indices",
        "a slice whose bound empties the list",
        """
        class Index:
            def __int__(self):
                items.clear()
                return 90
        items = list(range(100))
        items[Index():] = [1, 2, 3]
        """,
        "TypeError",
        "fault: read from 0xffff00a000660000",
    ),
    Crasher(
        0,
        "mp_get_index",
        "an index of a class derived from int, which is one",
        """
        class Index(int):
            def __int__(self):
                items.clear()
                return 90
        items = list(range(100))
        got = items[Index(7)], items[Index(98):]
        """,
        "= (7, [98, 99])",
        "`(90, [])`",
    ),
    Crasher(
        0,
        "heapq_heap_siftdown",
        "a heap that its comparison empties",
        """
        import gc, heapq
        class Item:
            def __lt__(self, other):
                heap.clear()
                gc.collect()
                return True
        heap = [Item() for i in range(200)]
        heapq.heappush(heap, Item())
        """,
        "RuntimeError",
        "no exception",
    ),
    Crasher(
        0,
        "mp_map_lookup",
        "a key whose __hash__() empties the dictionary, and names an address",
        """
        class Key:
            def __hash__(self):
                d.clear()
                return 0x40000
        d = {i: i for i in range(50)}
        d[Key()] = 1
        """,
        "RuntimeError",
        "fault: read from 0x0000000000400000",
    ),
    Crasher(
        0,
        "mp_set_lookup",
        "an item whose __eq__() empties the set",
        """
        import gc
        class Item:
            def __hash__(self):
                return 5
            def __eq__(self, other):
                s.clear()
                gc.collect()
                return False
        s = {Item()}
        s.update(range(40))
        s.add(Item())
        """,
        "RuntimeError",
        "fault: read from 0x0000000000000008",
    ),
    Crasher(
        0,
        "dict_print",
        "a key whose __repr__() empties the dictionary that is printed",
        """
        import gc
        class Key:
            def __repr__(self):
                d.clear()
                gc.collect()
                others.extend(bytearray(b"\\x41" * 1024) for i in range(100))
                return "k"
        others = []
        d = {Key(): "value%d" % i for i in range(20)}
        got = repr(d)[:2], len(d)
        """,
        "= ('{k', 0)",
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "mp_seq_index_obj",
        "an item whose __eq__() empties the list that is searched",
        """
        import gc
        class Item:
            def __eq__(self, other):
                items.clear()
                gc.collect()
                others.extend(bytearray(b"\\x41" * 1024) for i in range(20))
                return False
        others = []
        items = [Item() for i in range(100)]
        items.index(5)
        """,
        "ValueError",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "mp_seq_cmp_objs",
        "an item whose __eq__() empties one of two lists that are compared",
        """
        import gc
        class Item:
            def __eq__(self, other):
                left.clear()
                right.clear()
                gc.collect()
                others.extend(bytearray(b"\\x41" * 1024) for i in range(20))
                return True
        others = []
        left, right = [Item() for i in range(100)], [Item() for i in range(100)]
        got = left == right
        """,
        "= True",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "array_append",
        "a value whose __float__() appends to the same array",
        """
        import array
        class Value:
            def __float__(self):
                for i in range(100):
                    a.append(1.0)
                return 2.0
        a = array.array("d", [0.0] * 7)
        a.append(Value())
        got = len(a), a[-1], sum(a)
        """,
        "= (108, 2.0, 102.0)",
        "`(108, 0.0, 100.0)`",
    ),
    Crasher(
        0,
        "array_extend_impl",
        "an array made from a list that an item's __int__() makes longer",
        """
        import array
        class Number:
            def __int__(self):
                items.extend(range(1000))
                return 7
        items = [Number(), 1]
        got = sum(array.array("q", items))
        """,
        "= 8",
        "fault: read from 0x000000000000000e",
    ),
    Crasher(
        0,
        "array_extend_impl",
        "an array made from a list that an item's __float__() empties",
        """
        import array
        class Number:
            def __float__(self):
                items.clear()
                return 7.0
        items = [Number()] + [1.0] * 1000
        got = sum(array.array("d", items))
        """,
        "IndexError",
        "`7.0`, by luck: what followed was not written",
    ),
    Crasher(
        0,
        "mp_seq_cmp_objs",
        "an item whose __eq__() removes the other items of a list that is compared",
        """
        class Item:
            def __eq__(self, other):
                while len(left) > 1:
                    left.pop()
                return True
        left, right = [Item()] + [1] * 50, [Item()] + [1] * 50
        got = left == right, left < right, left.count(1)
        """,
        "= (False, True, 1)",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "array_construct",
        "an array made from an object that says it is shorter than it is",
        """
        import array
        class Liar:
            def __len__(self):
                return 1
            def __iter__(self):
                return iter(range(1000))
        got = sum(array.array("q", Liar()))
        """,
        "= 499500",
        "fault: read from 0x0000000000000048",
    ),
    Crasher(
        0,
        "iobase_read_write",
        "a stream in Python that keeps the buffer which it was to write",
        """
        import io
        kept = []
        class Stream(io.IOBase):
            def write(self, buf):
                kept.append(buf)
                return len(buf)
        print(12345, "abc", file=Stream())
        for buf in kept:
            buf[:] = b"\\x5a" * len(buf)
        got = len(kept) > 0
        """,
        "= True",
        "fault: execution of 0x636f6c2073692072",
    ),
    Crasher(
        0,
        "mp_vfs_blockdev_call_rw",
        "a block device in Python that keeps the buffer which it was to fill",
        """
        import vfs
        kept = []
        class Device:
            def readblocks(self, n, buf, off=0):
                kept.append(buf)
            def writeblocks(self, n, buf, off=0):
                pass
            def ioctl(self, op, arg):
                return {4: 64, 5: 512, 6: 0}.get(op)
        try:
            vfs.mount(vfs.VfsLfs2(Device()), "/crasher")
        except OSError:
            pass
        for buf in kept:
            buf[:] = b"\\x5a" * len(buf)
        got = len(kept) > 0
        """,
        "= True",
        "right by luck; with 1.26.1 a crash report",
    ),
    Crasher(
        0,
        "lfs2_init",
        "a block device that reports odd sizes to littlefs",
        """
        import vfs
        class Device:
            def readblocks(self, n, buf, off=0):
                pass
            def writeblocks(self, n, buf, off=0):
                pass
            def ioctl(self, op, arg):
                return {4: 9, 5: self.size, 6: 0}.get(op)
        device, got = Device(), []
        for device.size, lookahead in ((0, 32), (1, 32), (100, 32), (4096, 7), (4096, 0)):
            try:
                vfs.VfsLfs2.mkfs(device, lookahead=lookahead)
            except OSError as e:
                got.append(e.errno in (22, 28))
        """,
        "= [True, True, True, True, True]",
        "never ended",
    ),
    Crasher(
        0,
        "type_attr",
        "a method taken out of the __dict__ of its type, and called with something else",
        """
        append = list.__dict__["append"]
        append(bytearray(64), 5)
        """,
        "TypeError",
        "fault: write to 0xffff00a000660000, over what lies behind",
    ),
    Crasher(
        0,
        "super_make_new",
        "super() whose first argument is a tuple of classes",
        """
        class Base(list):
            pass
        super((Base, tuple), (0, 0, bytearray(8))).append(1)
        """,
        "TypeError",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "native_base_init_wrapper",
        "__init__() of a native base for an object without one",
        """
        class Items(list):
            def __init__(self):
                keep.append(super().__init__)
        keep = []
        items = Items()
        keep[0]((1, 2, 3))
        got = list(items)
        """,
        "= [1, 2, 3]",
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "task_make_new",
        "a context of asyncio that is no dictionary",
        """
        import _asyncio
        task = _asyncio.Task(None, bytearray(64))
        """,
        "TypeError",
        "no exception",
    ),
    Crasher(
        0,
        "task_iternext",
        "a task whose state is no queue",
        """
        import _asyncio
        task = _asyncio.Task(None, {"cur_task": bytearray(64)})
        task.state = bytearray(64)
        next(task)
        """,
        ("TypeError", "RuntimeError"),
        "fault: read from 0x0000000000000039",
    ),
    Crasher(
        0,
        "vstr_init_len",
        "less than no random bytes",
        "import os\nos.urandom(-1)",
        DOES_NOT_FIT,
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "deque_make_new",
        "a deque whose size wraps",
        "from collections import deque\ndeque((), (1 << 62) - 1)",
        TOO_LARGE,
        "no exception",
    ),
    Crasher(
        0,
        "bytearray_make_new",
        "a bytearray of a negative size",
        "got = [bytearray(n) for n in (-1, -63, -64)]",
        DOES_NOT_FIT,
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "mp_obj_str_center",
        "a string centred in a width that wraps",
        "'a'.center((1 << 63) - 1)",
        TOO_LARGE,
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "stringio_make_new",
        "a memory file of a negative size",
        "import io\nio.BytesIO(-1), io.StringIO(-2)",
        DOES_NOT_FIT,
        "right, by luck or by a check of ours",
    ),
    Crasher(
        0,
        "stringio_ioctl_closed",
        "a seek in a closed memory file",
        """
        import io
        f = io.BytesIO(b"abc")
        f.close()
        f.seek(1, 1)
        """,
        "ValueError",
        "no exception",
    ),
    Crasher(
        0,
        "framebuf_blit",
        "a frame buffer whose memory grew and moved",
        """
        import framebuf, gc
        b = bytearray(64)
        f = framebuf.FrameBuffer(b, 8, 8, framebuf.GS8)
        b.extend(bytes(4096))
        gc.collect()
        others = [bytearray(64) for i in range(2000)]
        f.fill(255)
        got = sum(map(sum, others)), f.pixel(1, 1)
        """,
        "= (0, 255)",
        "`(16320, 255)`",
    ),
    Crasher(
        0,
        "ringio_make_new",
        "a ring buffer whose memory grew and moved",
        """
        import gc, micropython
        b = bytearray(64)
        r = micropython.RingIO(b)
        b.extend(bytes(4096))
        gc.collect()
        others = [bytearray(64) for i in range(2000)]
        r.write(b"\\xff" * 63)
        got = sum(map(sum, others)), r.read(2)
        """,
        "= (0, b'\\xff\\xff')",
        "`(16065, b'\xff\xff')`",
    ),
    Crasher(
        0,
        "mp_convert_member_lookup",
        "a method of a native type, taken from a derived class and called with something else",
        """
        class Items(list):
            pass
        items = Items()
        Items.append(items, 5)
        list.append(items, 6)
        got = list(items)
        Items.append(bytearray(64), 5)
        """,
        "TypeError",
        "fault: write to 0x0000000000000000",
    ),
    Crasher(
        0,
        "mp_obj_instance_getiter",
        "an instance of a class derived from Task, which is iterated over",
        """
        import _asyncio
        class Task(_asyncio.Task):
            pass
        first, *rest = Task(None)
        """,
        ("TypeError", "KeyError", "RuntimeError"),
        "fault: execution of 0xffff00800010dc98",
    ),
    Crasher(
        0,
        "gc_sweep",
        "a block device that keeps the buffers of a file which the collector closes",
        """
        import gc, vfs
        class Device:
            data = bytearray(512 * 64)
            kept = [None] * 8
            def readblocks(self, n, buf, off=0):
                buf[:] = self.data[n * 512 + off : n * 512 + off + len(buf)]
            def writeblocks(self, n, buf, off=0):
                self.data[n * 512 + off : n * 512 + off + len(buf)] = buf
                self.kept[n & 7] = buf
            def ioctl(self, op, arg):
                return {4: 64, 5: 512, 6: 0}.get(op)
        device = Device()
        vfs.VfsFat.mkfs(device)
        fs = vfs.VfsFat(device)
        for i in range(4):
            fs.open("x%d" % i, "w").write("abc")
        gc.collect()
        for buf in device.kept:
            if buf is not None:
                buf[:] = b"\x5a" * len(buf)
        got = True
        """,
        "= True",
        "fault: execution of 0x0000000000000000",
    ),
    Crasher(
        0,
        "array_extend_impl",
        "an array extended by a value whose __float__() appends to it",
        """
        import array
        class Value:
            def __float__(self):
                for i in range(100):
                    a.append(1.0)
                return 2.0
        a = array.array("d", [0.0] * 7)
        a.extend(iter([Value()]))
        got = len(a), a[-1], sum(a)
        """,
        ("TypeError", "= (108, 2.0, 102.0)"),
        "right; with 1.26.1 `(108, 0.0, 100.0)`",
    ),
]
