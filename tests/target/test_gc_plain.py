# SPDX-License-Identifier: MIT
"""Which memory the collector looks through for pointers: all but characters, digits and items that
are numbers, whoever refers to it."""

from __future__ import annotations

from on_board import ask

from pimem.testing.board_session import Machine

#: An object that must live, made where no other reference to it is left, and new objects that
#: would be where it was.
START = """
import array, gc, uctypes

def address(it):
    return id(it) & (1 << 64) - 1

def some(n):
    return [n + i for i in range(30)]

def churn():
    for _ in range(2):
        gc.collect()
        junk = [[1] * 30 for _ in range(400)]
"""

KEPT = """
def grown():
    items = array.array('O')
    others = []
    for n in range(200):
        items.append(some(n))
        if n % 20 == 0:
            others.append(bytearray(1000))
    return items

def by_address(n):
    holder = [some(n), some(n + 1)]
    return uctypes.bytearray_at(address(holder), 64)

def inside(view):
    # A list has its length in the third word and the address of its items in the fourth.
    words = array.array('Q', view)
    items = uctypes.bytearray_at(words[3], 8 * words[2])
    return [uctypes.bytearray_at(at, 64) for at in array.array('Q', items)]

mixed = [bytearray(100), 1, 2, some(1)]
table = {bytes(100): some(2), "x" * 100: some(3)}
objects = array.array('O', [some(n) for n in range(10)])
part = array.array('O', [some(n) for n in range(10)])[5:]
view = memoryview(array.array('O', [some(n) for n in range(10)]))[5:]
large = grown()
views = [by_address(n) for n in range(8)]
churn()
found = {
    "list": mixed[3] == some(1),
    "dict": sorted(table.values()) == [some(2), some(3)],
    "array": list(objects) == [some(n) for n in range(10)],
    "slice": list(part) == [some(n) for n in range(5, 10)],
    "view": [each for each in view] == [some(n) for n in range(5, 10)],
    "grown": list(large) == [some(n) for n in range(200)],
    "by address": [[array.array('Q', each)[2] for each in inside(view)] for view in views],
}
print(found)
"""


def test_what_is_not_plain_is_looked_through_whoever_refers_to_it(board: Machine) -> None:
    found = ask(board, START + KEPT)
    assert found.pop("by address") == [[30, 30]] * 8
    assert found and all(found.values()), found


PLAIN = """
def addresses(kind):
    made = [bytearray(100_000) for _ in range(20)]
    return kind([address(each) for each in made])

def as_bytes(numbers):
    return bytes(array.array('Q', numbers))

def as_text(numbers):
    return as_bytes(numbers) * 2

def as_grown(numbers):
    held = bytearray(1)
    for number in numbers:
        held.extend(bytes(7 if len(held) == 1 else 0) + number.to_bytes(8, 'little'))
    return held

def as_integer(numbers):
    return int.from_bytes(as_bytes(numbers), 'little')

kinds = {
    "array": lambda numbers: array.array('Q', numbers),
    "array of pointers": lambda numbers: array.array('P', numbers),
    "bytes": as_bytes,
    "repeated": as_text,
    "bytearray": lambda numbers: bytearray(as_bytes(numbers)),
    "grown": as_grown,
    "integer": as_integer,
}
found = {}
for name, kind in kinds.items():
    gc.collect()
    before = gc.mem_alloc()
    held = addresses(kind)
    gc.collect()
    found[name] = (gc.mem_alloc() - before) // 100_000
print(found)
"""


def test_plain_memory_keeps_nothing(board: Machine) -> None:
    """One or two of twenty may be kept by a word of the stack."""
    found = ask(board, START + PLAIN)
    assert found.pop("array of pointers") >= 20
    assert len(found) == 6 and max(found.values()) <= 2, found


FAT = """
import os, vfs
class Disk:
    def __init__(self):
        self.data = bytearray(64 * 512)
    def readblocks(self, block, buffer):
        self.last = block
        buffer[:] = self.data[block * 512:block * 512 + len(buffer)]
    def writeblocks(self, block, buffer):
        self.data[block * 512:block * 512 + len(buffer)] = buffer
    def ioctl(self, operation, argument):
        return 64 if operation == 4 else 512 if operation == 5 else 0

def words(numbers):
    return bytes(array.array('Q', numbers))

def addresses():
    return words([address(bytearray(100_000)) for _ in range(20)])

disk = Disk()
vfs.VfsFat.mkfs(disk)
list(vfs.VfsFat(disk).ilistdir(""))
at = disk.last * 512 + 256 # behind the end of the root directory
fat = vfs.VfsFat(disk)
gc.collect()
before = gc.mem_alloc()
disk.data[at:at + 160] = addresses()
list(fat.ilistdir(""))
gc.collect()
kept = (gc.mem_alloc() - before) // 100_000
is_read = disk.last * 512 + 256 == at and disk.data[at:at + 160] != bytes(160)
print((kept, is_read, len(list(fat.ilistdir("")))))
"""


def test_the_window_of_a_fat_keeps_nothing(board: Machine) -> None:
    kept, is_read, files = ask(board, START + FAT)
    assert is_read and files == 0
    assert kept <= 2


CODE = """
import memory
def count():
    gc.collect()
    types = memory.gc_report()["types"]
    return types["<plain>"][1], types["<data>"][1]

def compiled():
    names = {}
    exec("def large():\\n" + " a = 1\\n" * 4000, names)
    return names["large"]

def named():
    return [getattr(memory, "a_name_that_is_new_%d" % i, 0) for i in range(1000)]

found = []
for make in named, compiled:
    count()
    plain, data = count()
    held = make()
    now = count()
    found.append((now[0] - plain, now[1] - data))
print(found)
"""


def test_bytecode_and_interned_names_are_plain(board: Machine) -> None:
    names, code = ask(board, START + CODE)
    assert names[0] >= 1000 * 22 and code[0] >= 12_000
    assert code[1] < 6_000
