# SPDX-License-Identifier: MIT
"""Crashers of calls, classes, code objects and streams that were found here; see crashers.py."""

from __future__ import annotations

from crashers import Crasher

STARS = [
    Crasher(
        0,
        "mp_call_prepare_args_n_kw_var",
        "a list after a star that grows while the arguments before it are unpacked",
        """
        def grow(items):
            yield 1
            items.extend(range(20000))
        def count(*args):
            return len(args)
        items = [1]
        got = count(*grow(items), *items)
        """,
        "= 20002",
        "TypeError of another function, and damage",
    ),
    Crasher(
        0,
        "mp_call_prepare_args_n_kw_var",
        "a dictionary after two stars that grows while other arguments are unpacked",
        """
        class Mapping:
            def keys(self):
                names.update(("k%d" % i, i) for i in range(3000))
                return ["z"]
            def __getitem__(self, key):
                return key
        def count(**kw):
            return len(kw), kw["z"], kw["k2999"]
        names = {"a": 1}
        got = count(**Mapping(), **names)
        """,
        "= (3002, 'z', 2999)",
        "crash report",
    ),
    Crasher(
        0,
        "mp_call_prepare_args_n_kw_var",
        "an object after a star that says it is shorter than nothing",
        """
        class Liar:
            def __len__(self):
                return -1000
            def __iter__(self):
                return iter(())
        def count(*args):
            return len(args)
        got = count(*Liar(), *list(range(1000)))
        """,
        "= 1000",
        "damage, by luck without a fault",
    ),
    Crasher(
        0,
        "mp_call_prepare_args_n_kw_var",
        "an object after a star that says it is longer than any memory",
        """
        class Liar:
            def __len__(self):
                return 1 << 61
            def __iter__(self):
                return iter(range(50))
        def count(*args):
            return len(args)
        got = count(*Liar(), 1, 2, 3)
        """,
        "= 53",
        "fault: read from 0x0000000000000059",
    ),
]

CODE = [
    Crasher(
        0,
        "mp_builtin___build_class__",
        "a class whose body is a function that returns an object which is no cell",
        """
        items = [1, 2, 3, 4]
        try:
            __build_class__(lambda: items, "Odd")
        finally:
            got = repr(items + [5, 6, 7, 8, 9])
        """,
        "TypeError",
        "no exception; the list was written over",
    ),
    Crasher(
        0,
        "mp_obj_cell_set",
        "a class whose body returns a number, which is taken for the address of a cell",
        "__build_class__(lambda: 0x40000000, 'Odd')",
        "TypeError",
        "fault: write to 0x0000000080000009",
    ),
    Crasher(
        0,
        "mp_execute_bytecode",
        "a function made from the code of a closure, called with what is no cell",
        """
        def outer():
            shared = 1
            def inner():
                nonlocal shared
                shared = 5
            return inner
        type(outer)(outer().__code__, {})(0x40000000)
        """,
        "TypeError",
        "fault: write to 0x0000000080000009",
    ),
    Crasher(
        0,
        "mp_setup_code_state_helper",
        "a function made from the code of one with default values, which it has not",
        """
        def fetched(a, *, b=2, c):
            return a, b, c
        made = type(fetched)(fetched.__code__, {})
        got = made(1, b=3, c=4)
        made(1, c=3)
        """,
        "TypeError",
        "fault: read from 0x0000000000000010",
    ),
    Crasher(
        0,
        "mp_seq_extract_slice",
        "a slice with a step so large that the next index wraps",
        """
        items = list(range(10))
        got = items[5 :: (1 << 63) - 1], items[0 :: (1 << 63) - 2], items[9 :: -(1 << 62)]
        """,
        "= ([5], [0], [9])",
        "fault: read from 0x0000000000000000",
    ),
]

STREAMS = [
    Crasher(
        0,
        "poll_poll",
        "a stream whose ioctl() polls all streams, more of which are ready then",
        """
        import io, select
        class Stream(io.IOBase):
            def __init__(self, i):
                self.i = i
            def ioctl(self, request, arg):
                if self.i == 199 and not depth[0]:
                    depth[0] = 1
                    poll.poll(0)
                    depth[0] = 2
                    return arg
                return arg if depth[0] == 1 else 0
        depth = [0]
        streams = [Stream(i) for i in range(200)]
        poll = select.poll()
        for s in streams:
            poll.register(s, select.POLLIN)
        ready = poll.poll(0)
        got = depth[0], all(s in streams and event == 1 for s, event in ready)
        """,
        "= (2, True)",
        "fault: execution of 0x0000000000000003",
    ),
    Crasher(
        0,
        "poll_set_add_obj",
        "a poll after an object was refused that is no stream",
        """
        import select
        poll = select.poll()
        try:
            poll.register(5)
        except OSError:
            got = poll.poll(0), list(poll.ipoll(0))
        """,
        "= ([], [])",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "micropython_ringio_write",
        "a ring buffer in memory of no bytes, in the middle of other memory",
        """
        import micropython
        memory = bytearray(100)
        micropython.RingIO(memoryview(memory)[50:50]).write(b"x" * 3000)
        """,
        "ValueError",
        "crash report",
    ),
    Crasher(
        0,
        "deflateio_read",
        "a compressed stream whose source reads the stream itself",
        """
        import deflate, io
        class Source(io.IOBase):
            count = 0
            def readinto(self, buf):
                self.count += 1
                if self.count < 50:
                    try:
                        stream.read(10)
                    except OSError:
                        pass
                buf[:] = b"\\x4b" * len(buf)
                return len(buf)
        stream = deflate.DeflateIO(Source(), deflate.RAW, 9)
        got = stream.read(100) == b"f" * 100
        """,
        "= True",
        "never ended",
    ),
    Crasher(
        0,
        "deflateio_ioctl",
        "a compressed stream that its source closes while it is read",
        """
        import deflate, io
        class Source(io.IOBase):
            def readinto(self, buf):
                stream.close()
                return len(buf)
        stream = deflate.DeflateIO(Source(), deflate.RAW, 9)
        stream.read(100)
        """,
        "OSError",
        "fault: read from 0x0000000000000000",
    ),
    Crasher(
        0,
        "deflateio_init_read",
        "a compressed stream that is read again after its header was wrong",
        """
        import deflate, io
        def read():
            try:
                return stream.read(100)
            except OSError as e:
                return e.errno
        stream = deflate.DeflateIO(io.BytesIO(b"\\x4b" * 500), deflate.GZIP)
        got = [read() for i in range(3)]
        """,
        "= [22, 22, 22]",
        "right, by luck or by a check of ours",
    ),
]

MORE = STARS + CODE + STREAMS
