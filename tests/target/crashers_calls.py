# SPDX-License-Identifier: MIT
"""More published crashers; see crashers.py."""

from __future__ import annotations

from crashers import Crasher

CALLS = [
    Crasher(
        18170,
        "mp_quicksort",
        "a list that its own comparison makes longer",
        """
        import gc
        class Item:
            def __lt__(self, other):
                items.extend([0] * 64)
                items.clear()
                gc.collect()
                return False
        items = [Item() for i in range(20)]
        items.sort()
        """,
        "ValueError",
        "no exception",
    ),
    Crasher(
        17728,
        "native_base_init_wrapper",
        "super() in a method that gave its own self another value",
        """
        import framebuf
        class Buffer(framebuf.FrameBuffer):
            def __init__(self, n):
                self = n
                super().__init__(bytearray(n), n, 1, framebuf.GS8)
        Buffer(3)
        """,
        "TypeError",
        "fault: read from 0x0000000000000007",
    ),
    Crasher(
        12830,
        "super_attr",
        "super() of a class and an object that have nothing to do with each other",
        """
        class Base(list):
            pass
        target = bytearray(8)
        super(Base, (0, 0, target)).append(1)
        """,
        "TypeError",
        "right",
    ),
    Crasher(
        10961,
        "mp_obj_class_lookup",
        "a method of the native base before the base exists",
        """
        class Numbers(set):
            def __init__(self, first):
                self.add(first)
        Numbers(5)
        """,
        "AttributeError",
        "right",
    ),
    Crasher(
        7109,
        "list_extend_from_iter",
        "a list that is made from itself while it is made",
        """
        class Items(list):
            def __init__(self):
                super().__init__(self)
        Items()
        """,
        ("TypeError", "AttributeError"),
        "fault: execution of 0x0000000000000000",
    ),
    Crasher(
        17117,
        "mp_obj_exception_add_traceback",
        "an exception raised whose own __init__ did not finish",
        """
        class Odd(Exception):
            def __init__(self):
                raise self
        Odd()
        """,
        ("Odd", "TypeError"),
        "fault: write to 0xffff008000103404",
    ),
    Crasher(
        3692,
        "mp_obj_instance_make_new",
        "a class of lists with a __new__ that calls that of its base",
        """
        class Items(list):
            def __new__(cls, value):
                return super(Items, cls).__new__(cls, value)
        Items([1, 2])
        """,
        ("AttributeError", "TypeError"),
        "fault: read from 0x910003fda9b97c0e",
    ),
    Crasher(
        3812,
        "mp_obj_new_type",
        "type() whose bases are a class instead of a tuple",
        """
        class Base:
            pass
        type("Derived", Base, {})
        """,
        "TypeError",
        "right",
    ),
    Crasher(
        12776,
        "task_queue_push",
        "something that is no task put into a queue of tasks",
        """
        import _asyncio
        target = bytearray(64)
        _asyncio.TaskQueue().push(target)
        """,
        "TypeError",
        "no exception",
    ),
    Crasher(
        12871,
        "mp_pairheap_delete",
        "something that is no task removed from a queue of tasks",
        """
        import _asyncio
        queue = _asyncio.TaskQueue()
        queue.push(_asyncio.Task(None))
        queue.remove([1, 2, 3])
        """,
        "TypeError",
        "fault: read from 0x0000000000000018",
    ),
    Crasher(
        7289,
        "mp_pairheap_push",
        "a task put into a queue a second time",
        """
        import _asyncio
        queue = _asyncio.TaskQueue()
        tasks = [_asyncio.Task(None) for i in range(3)]
        for task in tasks + tasks:
            queue.push(task)
        """,
        ("RuntimeError", "ValueError"),
        "no exception",
    ),
    Crasher(
        3571,
        "dict_get_helper",
        "a dictionary in read-only memory that is to get a new key",
        """
        import errno
        errno.errorcode.setdefault(7777, 1)
        """,
        "TypeError",
        "right",
    ),
    Crasher(
        19621,
        "mp_import_all",
        "import * from an object whose __dict__ is no dictionary",
        """
        import sys
        class Module:
            pass
        fake = Module()
        fake.__dict__ = 42
        sys.modules["fake"] = fake
        try:
            exec("from fake import *", {})
        finally:
            del sys.modules["fake"]
        """,
        ("TypeError", "AttributeError"),
        "fault: read from 0x0000000000000019",
    ),
    Crasher(
        6128,
        "mp_map_lookup",
        "a stream that is registered, unregistered and registered again with poll",
        """
        import io, select
        class Stream(io.IOBase):
            def ioctl(self, op, arg):
                return 0
        poll = select.poll()
        for i in range(40):
            streams = [Stream() for j in range(5)]
            for s in streams:
                poll.register(s)
            poll.poll(0)
            for s in streams:
                poll.unregister(s)
        got = poll.poll(0)
        """,
        "= []",
        "right",
    ),
    Crasher(
        10402,
        "mp_print_str",
        "print to an object whose class is derived from StringIO",
        """
        import io
        class Stream(io.StringIO):
            pass
        s = Stream()
        print("hello", file=s)
        got = s.getvalue()
        """,
        ("= 'hello\\n'", "OSError", "TypeError"),
        "fault: read from 0x0000000000000019",
    ),
    Crasher(
        13006,
        "mp_vfs_umount",
        "unmounting a short name that no file system has",
        """
        import vfs
        vfs.umount("Wjee" * 3)
        """,
        "OSError",
        "right",
    ),
    Crasher(
        12522,
        "mp_reader_new_file",
        "running a file whose name is an object of a wrong type",
        """
        try:
            execfile("/no/such/file")
        except OSError:
            execfile(bytearray(4))
        """,
        ("TypeError", "OSError"),
        "right",
    ),
    Crasher(
        12660,
        "uctypes_struct_make_new",
        "a structure at an address that is a module",
        """
        import uctypes
        hash(uctypes.struct(uctypes, {}))
        """,
        "TypeError",
        "right",
    ),
    Crasher(
        12702,
        "uctypes_struct_sizeof",
        "the size of something that is no description of a structure",
        """
        import uctypes
        uctypes.sizeof(uctypes.sizeof)
        """,
        "TypeError",
        "right",
    ),
]

NUMBERS_AND_TEXT = [
    Crasher(
        10544,
        "mp_obj_int_binary_op",
        "a matrix product of large numbers",
        "(66 ** 66) @ 6",
        "TypeError",
        "right",
    ),
    Crasher(
        8042,
        "mpn_or_neg",
        "a large negative number joined bit by bit with another",
        "got = (-(1 << 64) | 5, -(1 << 96) | -(1 << 64), -1 << 64 | -(1 << 32))",
        "= (-18446744073709551611, -18446744073709551616, -4294967296)",
        "right",
    ),
    Crasher(
        3802,
        "mpz_hash",
        "the hash of a number of many digits",
        "got = len({int('6' * 70): 1, int('7' * 70): 2})",
        "= 2",
        "right",
    ),
    Crasher(
        1450,
        "mp_format_float",
        "floating point numbers with more digits asked for than there are",
        "got = '{:.4e}'.format(9.99999e-5), '{:.3e}'.format(9.9999), len('%250.200g' % 1.5)",
        "= ('1.0000e-04', '1.000e+01', 250)",
        "right",
    ),
    Crasher(
        3696,
        "str_finder",
        "a search that is to end before it begins",
        "got = 'abcabc'.find('c', 5, 1), 'abc'.count('c', 3, 1), b'abc'.rfind(b'a', 2, 0)",
        "= (-1, 0, -1)",
        "right",
    ),
    Crasher(
        13220,
        "_compilecode",
        "a regular expression with a class that does not end",
        """
        import re
        for text in ("[", "[^", "[a-", "[\\\\", "a[b"):
            try:
                re.compile(text)
                got = text
            except ValueError:
                got = 0
        """,
        "= 0",
        "right",
    ),
    Crasher(
        17720,
        "re1_5_sizecode",
        "a regular expression of many nested groups",
        """
        import re
        re.compile("(" * 60000)
        """,
        ("RuntimeError", "ValueError"),
        "right",
    ),
    Crasher(
        2451,
        "recursiveloop",
        "a regular expression that recurses once for each character",
        """
        import re
        re.match("(.?)*a", "x" * 60000)
        """,
        "RuntimeError",
        "right",
    ),
    Crasher(
        7140,
        "re1_5_compilecode",
        "a regular expression whose branches lie too far from each other",
        """
        import re
        found = re.match("|".join("%03d" % i for i in range(200)), "199")
        got = found and found.group(0)
        """,
        ("ValueError", "= '199'"),
        "right",
    ),
    Crasher(
        17815,
        "binary_op_maybe",
        "a constant expression that fails while it is compiled",
        "compile('ans = (-1) ** 2.3; 1 % 0', '', 'exec')\ngot = 0",
        "= 0",
        "right",
    ),
    Crasher(
        17817,
        "mp_emit_bc_end_pass",
        "an expression that ends in a continued line",
        "compile('a\\\\\\n', '', 'eval')",
        "SyntaxError",
        "no exception",
    ),
    Crasher(
        1097,
        "mod_json_load",
        "JSON text without content",
        """
        import json
        json.loads("")["test"]
        """,
        "ValueError",
        "right",
    ),
    Crasher(
        2468,
        "deflateio_read",
        "compressed data read with a window smaller than it needs",
        """
        import deflate, io
        data = b"\\x4b\\x84\\x83\\x04\\xb0\\x20\\x05\\x00\\xff\\xff\\x03"
        deflate.DeflateIO(io.BytesIO(data * 20), deflate.RAW, 5).read()
        """,
        ("OSError", "ValueError"),
        "right",
    ),
    Crasher(
        3697,
        "gen_instance_iternext",
        "a generator that runs itself through another, endlessly",
        """
        def steps():
            for x in steps():
                yield x
        next(steps())
        """,
        "RuntimeError",
        "right",
    ),
    Crasher(
        2017,
        "gen_instance_throw",
        "an exception thrown into a generator that is running",
        """
        def run():
            try:
                g.throw(KeyError)
            except ValueError:
                yield 5
        g = run()
        got = next(g)
        """,
        "= 5",
        "right",
    ),
    Crasher(
        1294,
        "map_iternext",
        "a map of a map of a map, thousands deep",
        """
        m = [1]
        for i in range(200000):
            m = map(abs, m)
        list(m)
        """,
        "RuntimeError",
        "right",
    ),
]
