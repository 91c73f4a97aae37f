# SPDX-License-Identifier: MIT
"""Published crashers of MicroPython: pure Python that damaged memory or stopped the interpreter.

Each is an issue or pull request of micropython/micropython, most of them found by fuzzers,
described and reproduced here in our own words. `ends` is how it ends on the board: the names of
the exceptions that are right, or CPython's value.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Crasher:
    issue: int
    function: str  # the C function at fault
    what: str
    code: str  # statements; a value is left in `got`
    ends: str | tuple[str, ...]  # names of exceptions, or "= " and the value
    before: str  # how it ended on this board with MicroPython 1.25.0 as it was fetched


TOO_LARGE = ("MemoryError", "OverflowError")
DOES_NOT_FIT = ("MemoryError", "OverflowError", "ValueError")

SIZES = [
    Crasher(
        17925,
        "mp_obj_str_binary_op",
        "a string repeated so often that length times count wraps to nothing",
        "'wxyz' * (1 << 62)",
        TOO_LARGE,
        "fault: write to 0xffff00a000660000, over what lies behind",
    ),
    Crasher(
        19314,
        "list_binary_op",
        "a list repeated so often that its size in bytes wraps",
        "[7] * (1 << 61)",
        TOO_LARGE,
        "fault: write to 0x0000000000000000",
    ),
    Crasher(
        19446,
        "mp_obj_tuple_binary_op",
        "a tuple whose number of items wraps when it is repeated",
        "(5, 6) * ((1 << 62) + (1 << 62) - 1)",
        TOO_LARGE,
        "fault: write to 0x0000000000000000",
    ),
    Crasher(
        12605,
        "namedtuple_make_new",
        "a named tuple that is repeated, and whose type was given fields of a wrong kind",
        """
        import collections
        pair = collections.namedtuple("pair", ("left", "right"))(1, 2)
        try:
            collections.namedtuple("odd", [b"left", 5, None])
        except TypeError:
            got = pair * 3
        """,
        "= (1, 2, 1, 2, 1, 2)",
        "right",
    ),
    Crasher(
        1077,
        "mp_obj_new_namedtuple_type",
        "a named tuple whose name was computed, so it is no interned string",
        """
        import collections
        kind = collections.namedtuple("".join(chr(c) for c in b"kind"), ["".join(("a", "b"))])
        got = kind(4).ab
        """,
        "= 4",
        "right",
    ),
    Crasher(
        19189,
        "calc_size_items",
        "a count in a struct format that makes the size wrap to a few bytes",
        """
        import struct
        struct.pack("2305843009213693953Q", 1)
        """,
        DOES_NOT_FIT,
        "never ended",
    ),
    Crasher(
        18620,
        "array_new",
        "an array made from an object that lies about its length",
        """
        import array
        class Liar:
            def __len__(self):
                return 1 << 61
            def __iter__(self):
                return iter((0.5, 1.5))
        got = list(array.array("d", Liar()))
        """,
        "= [0.5, 1.5]",
        "fault: write to 0x0000000000000000",
    ),
    Crasher(
        15271,
        "array_append",
        "appending to a bytearray again after memory ran out once",
        """
        b = bytearray(b"0123456789abcdef")
        for i in range(3):
            try:
                b.extend(bytearray(1 << 60))
            except MemoryError:
                b.append(i)
        got = bytes(b[-3:])
        """,
        "= b'\\x00\\x01\\x02'",
        "right",
    ),
    Crasher(
        3110,
        "stringio_write",
        "writing to a memory file after a seek far behind its end",
        """
        import io
        f = io.BytesIO(b"abc")
        f.seek(1 << 40)
        f.write(b"x")
        """,
        TOO_LARGE,
        "fault: write to 0xffff00a000660000, over what lies behind",
    ),
    Crasher(
        3093,
        "stringio_ioctl",
        "a position in a memory file that wraps by two relative seeks",
        """
        import io
        f = io.BytesIO(b"0123456789")
        f.seek((1 << 62) - 1, 1)
        f.seek((1 << 62) - 1, 1)
        f.seek((1 << 62) - 1, 1)
        f.seek((1 << 62) - 1, 1)
        f.write(b"wxyz")
        """,
        (*DOES_NOT_FIT, "OSError"),
        "right",
    ),
    Crasher(
        3091,
        "stringio_read",
        "reading a memory file from behind its end",
        """
        import io
        f = io.BytesIO(b"0123456789")
        f.seek(100)
        got = f.read(10)
        """,
        "= b''",
        "right",
    ),
    Crasher(
        12528,
        "mpz_as_bytes",
        "a negative number as bytes, with a byte order that is no string",
        "(-(1 << 90)).to_bytes(14, True)",
        "TypeError",
        "`14`",
    ),
    Crasher(
        13041,
        "int_to_bytes",
        "a large number as no bytes at all",
        "(1 << 150).to_bytes(0, 'big')",
        "OverflowError",
        "right",
    ),
]

BUFFERS = [
    Crasher(
        13283,
        "array_subscr",
        "a bytearray that is assigned to a slice of itself and grows",
        """
        b = bytearray(b"123")
        for i in range(3):
            b[-1:] = b
        got = bytes(b)
        """,
        "= b'12121212121212123'",
        "right",
    ),
    Crasher(
        14029,
        "array_extend",
        "a bytearray that is extended by itself",
        """
        b = bytearray(b"abc")
        for i in range(6):
            b.extend(b)
        got = len(b), bytes(b) == b"abc" * 64
        """,
        "= (192, True)",
        "right",
    ),
    Crasher(
        18168,
        "memoryview_make_new",
        "views of a bytearray that grew and moved, written after a collection",
        """
        import gc
        b = bytearray(b"abcdefghij")
        views = [memoryview(b) for i in range(4)]
        b[:] = b + b"X" * 300
        gc.collect()
        others = [bytearray(64) for i in range(2000)]
        for v in views:
            v[:] = b"Y" * len(v)
        got = sum(map(sum, others)), len(b)
        """,
        "= (0, 310)",
        "fault: read from 0x5959595959595961",
    ),
    Crasher(
        18171,
        "stream_readinto",
        "reading into a view of an array that grew and moved",
        """
        import array, gc, io
        a = array.array("I", range(4))
        v = memoryview(a)
        a.extend(array.array("I", bytes(8192)))
        gc.collect()
        others = [bytearray(16) for i in range(2000)]
        io.BytesIO(b"Z" * 16).readinto(v)
        got = sum(map(sum, others)), a[3]
        """,
        "= (0, 3)",
        "fault: read from 0x5a5a5a5a5a5a5a62",
    ),
    Crasher(
        17848,
        "mp_vfs_blockdev_call_rw",
        "a block device that makes the buffer that it is to fill longer",
        """
        import vfs
        class Device:
            def readblocks(self, n, buf, off=0):
                buf[:] = bytearray(len(buf) + 1)
            def writeblocks(self, n, buf, off=0):
                pass
            def ioctl(self, op, arg):
                return {4: 64, 5: 512, 6: 0}.get(op)
        vfs.mount(vfs.VfsFat(Device()), '/crasher')
        """,
        "OSError",
        "crash report",
    ),
    Crasher(
        19075,
        "iobase_read_write",
        "a stream in Python that makes the buffer that it is to write longer",
        """
        import io, json
        class Stream(io.IOBase):
            def write(self, buf):
                n = len(buf)
                buf += buf
                return n
        json.dump([1, [2]], Stream())
        got = 0
        """,
        "= 0",
        "crash report",
    ),
    Crasher(
        13046,
        "mp_stream_rw",
        "a stream in Python that says it wrote more than it was given",
        """
        import io
        class Stream(io.IOBase):
            def readinto(self, buf):
                return 1 << 40
        import json
        json.load(Stream())
        """,
        ("OSError", "ValueError"),
        "right",
    ),
    Crasher(
        7261,
        "mp_obj_new_memoryview",
        "a view of a slice of a view, all that keeps its bytes alive",
        """
        import array, gc
        v = memoryview(memoryview(array.array("i", [1] * 1000))[6:-6])
        gc.collect()
        others = [bytearray(b"\\xff" * 64) for i in range(2000)]
        got = sum(v)
        """,
        "= 988",
        "right",
    ),
    Crasher(
        2904,
        "array_get_buffer",
        "bytes, which cannot change, changed through a view",
        """
        v = memoryview(bytes(8))
        v[2:4] = b"xy"
        """,
        "TypeError",
        "right",
    ),
    Crasher(
        6250,
        "mp_seq_replace_slice_no_grow",
        "a view moved over itself by one byte",
        """
        b = bytearray(b"0123456789")
        v = memoryview(b)
        v[1:] = v[:-1]
        got = bytes(b)
        """,
        "= b'0012345678'",
        "right",
    ),
    Crasher(
        13428,
        "mp_binary_get_val_array",
        "a file system on a device whose block size is odd",
        """
        import vfs
        class Device:
            data = bytearray(7 * 30)
            def readblocks(self, n, buf, off):
                for i in range(len(buf)):
                    buf[i] = self.data[n * 7 + off + i]
            def writeblocks(self, n, buf, off):
                buf[len(buf)]
            def ioctl(self, op, arg):
                return {4: 30, 5: 7, 6: 0}.get(op)
        vfs.VfsLfs2.mkfs(Device())
        """,
        ("IndexError", "OSError"),
        "right",
    ),
    Crasher(
        12562,
        "mvlsb_fill_rect",
        "a frame buffer without width, filled",
        """
        import framebuf
        f = framebuf.FrameBuffer1(bytearray(8), 0, 8)
        f.fill(1)
        """,
        "ValueError",
        "right",
    ),
    Crasher(
        12992,
        "array_it_iternext",
        "a set minus the view of a frame buffer over nothing",
        """
        import framebuf
        v = memoryview(framebuf.FrameBuffer1(bytearray(), 1 - 1, 6))
        set().difference(v)
        """,
        "ValueError",
        "right",
    ),
    Crasher(
        12990,
        "int_from_bytes",
        "the bytes of a frame buffer larger than its memory as a number",
        """
        import framebuf
        int.from_bytes(framebuf.FrameBuffer1(bytearray(1), 1 << 40, 1 << 40), "big")
        """,
        DOES_NOT_FIT,
        "right",
    ),
    Crasher(
        12991,
        "mod_binascii_b2a_base64",
        "a frame buffer over an empty array as base 64",
        """
        import array, binascii, framebuf
        typecode = "5".replace("5", "B")
        binascii.b2a_base64(framebuf.FrameBuffer(array.array(typecode), True, True, True))
        """,
        "ValueError",
        "right",
    ),
    Crasher(
        7860,
        "framebuf_make_new_helper",
        "a frame buffer with a line length that reaches out of its memory",
        """
        import framebuf
        b = bytearray(16)
        for stride in (-1, 0, 1, 1 << 20, (1 << 62) - 1):
            try:
                framebuf.FrameBuffer(b, 2, 2, framebuf.MONO_HLSB, stride).pixel(1, 1, 1)
            except ValueError:
                got = stride
        """,
        "= 4611686018427387903",
        "right",
    ),
    Crasher(
        16053,
        "framebuf_ellipse",
        "an ellipse without radius, which never ended",
        """
        import framebuf
        f = framebuf.FrameBuffer(bytearray(100), 10, 10, framebuf.GS8)
        f.ellipse(5, 5, 0, 0, 7, True)
        got = f.pixel(5, 5)
        """,
        "= 7",
        "right",
    ),
    Crasher(
        16108,
        "deque_subscr",
        "the last item of a full deque that has wrapped",
        """
        from collections import deque
        d = deque((), 2)
        got = []
        for i in range(7):
            d.append(i)
            got.append(d[-1])
        """,
        "= [0, 1, 2, 3, 4, 5, 6]",
        "right",
    ),
]

PUBLISHED = SIZES + BUFFERS
