# SPDX-License-Identifier: MIT
"""What runs on the board: each script prints one line of JSON."""

from __future__ import annotations

FREQ = """\
def freq():
    import machine
    try:
        return machine.freq()
    except OSError:
        return None    # no firmware to ask
"""

#: The state of the machine, and what its firmware passed.
FACTS = (
    FREQ
    + """\
import _memory, json, machine, memory
info, regs = _memory.boot_info(), _memory.regs()
print(json.dumps({
    "report": memory.report(), "soc": info["soc"], "x0": info["x0"], "dtb": info["dtb"],
    "midr": regs["midr"], "cntfrq": regs["cntfrq"], "freq": freq(),
    "reset_cause": machine.reset_cause(), "last_crash": memory.last_crash(),
}))
"""
)

#: Whether the books balance, and every self-test passes.
HEALTH = """\
import json, memory
try:
    failed = memory.selftest()
except RuntimeError as e:
    failed = str(e)
print(json.dumps({"check": memory.check(), "selftest": failed}))
"""

#: Addresses that no device answers at (`holes`): read and written with and without an exception.
PROBES = """\
import json, memory
from machine import mem32
result = []
for address in {holes}:
    found = {{"address": address, "probe": memory.probe(address)}}
    found["poke"] = memory.poke(address, 0)
    try:
        found["mem32"] = mem32[address]
    except Exception as e:
        found["mem32"] = "%s: %s" % (type(e).__name__, e)
        found["esr"] = getattr(e, "esr", None)
    result.append(found)
print(json.dumps(result))
"""

#: `rounds` times another function in the same frame, mapped executable and called; in a paged
#: range too, where the page becomes executable by protect().
CODE = """\
import json, machine, memory, struct
VA = 0x4000_0000
def function(n):
    return struct.pack("<II", 0xD2800000 | (n & 0xffff) << 5, 0xD65F03C0)   # mov x0, #n; ret
def called(n):
    with space:
        return memory.call(VA)
frame = memory.frames.alloc()
space = memory.AddressSpace()
wrong = []
for n in range({rounds}):
    memoryview(frame)[:8] = function(n)
    space.map(VA, frame, prot="rx")
    if called(n) != n & 0xffff:
        wrong.append(["map", n])
    space.unmap(VA, 4096)
def give(va, access):
    space.map(va, frame.pa, 4096, "r")
space.reserve(VA, 1 << 20, prot="rx", pager=give)
with space:
    machine.mem32[VA]
for n in range({rounds}):
    space.protect(VA, 4096, "r")
    memoryview(frame)[:8] = function(n + 7)
    space.protect(VA, 4096, "rx")
    if called(n) != n + 7 & 0xffff:
        wrong.append(["protect", n])
space.close()
frame.close()
print(json.dumps({{"rounds": {rounds}, "wrong": wrong[:20], "number_wrong": len(wrong)}}))
"""

#: Programs at EL0, and single steps of a watched page.
STEPS = """\
import json, memory, struct
from memory import user
program = struct.pack("<III", 0xD2800540, 0x91000400, 0xD4000001)   # mov x0, #42; add; svc #0
wrong = sum(user.run(program).x0 != 43 for n in range({rounds}))
print(json.dumps({{"rounds": {rounds}, "number_wrong": wrong}}))
"""

#: Takes `size` bytes while it collects a heap of about `heap` bytes, half of RAM at most, and says
#: what came.
PASTE = """\
import binascii, gc, json, memory, micropython, sys
heap = min({heap}, memory.frames.stats()["free"] * 2048)
hold = [bytearray(1 << 20) for n in range(heap >> 20)]
micropython.kbd_intr(-1)
read, crc, left = sys.stdin.buffer.read, 0, {size}
print("READY")
while left:
    piece = read(min(left, 1024))
    crc = binascii.crc32(piece, crc)
    left -= len(piece)
    if left % 65536 < 1024:
        gc.collect()
micropython.kbd_intr(3)
print(json.dumps({{"crc": crc, "heap": heap, "uart": memory.report()["uart"]}}))
"""

CLOCK = FREQ + "import json\nprint(json.dumps(freq()))\n"
RESET = "import machine\nmachine.reset()\n"
