# SPDX-License-Identifier: MIT
"""What programs for MicroPython boards can do with a board.

test_clients.py does all of it, and client_table.py makes the table in docs/clients.md of it.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from pimem import DEPS

HERE = Path(__file__).parent

TEXT = "one line\nand another\n"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()
TIMER = """\
import machine, time
count = 0
def tick(timer):
    global count
    count += 1
    print("tick", count)
timer = machine.Timer(period=20, callback=tick)
while count < 3:
    time.sleep_ms(1)
timer.deinit()
"""
#: The folder of the host in which each client is started.
FILES = {
    "one.txt": TEXT,
    "tree/two.txt": TEXT,
    "helper.py": "print('helper ran')\n",
    "rom/rommod.py": "print('rommod ran from', __file__)\n",
    "run.py": "import sys, memory\nfor n in range(3):\n    print('line', n, sys.platform)\n",
    "fault.py": "import machine\nprint('before it')\nmachine.mem64[0]\n",
    "timer.py": TIMER,
    "pyproject.toml": "[tool.belay.dependencies]\npacked = 'packed.py'\n",
    "user.py": "import packed\n",
    "packed.py": "print('packed ran from', __file__)\n",
}
#: Where a client puts one.txt when it copies it from the board.
BACK = "back.txt"
RUNS = "line 2 rpi-aarch64"
FAULT = "memory.Fault: read from 0x0000000000000000"
PACKED = "packed ran from /lib/packed.py"

#: The file /loop.py of the board loops for ever beside a Timer. `goes_on()` waits for its calls.
LOOP = """\
import machine
ticks = 0
def tick(timer):
    global ticks
    ticks += 1
def goes_on():
    seen = ticks
    while ticks < seen + 3:
        pass
    return "goes " + "on"
timer = machine.Timer(period=20, callback=tick)
while ticks < 3:
    pass
print("looping")
while True:
    pass
"""
START_LOOP = "exec(open('/loop.py').read())"
#: What runs on the board when a client connects: a program, or a Timer that prints.
ENDLESS = "import time\nwhile True:\n    print('runs')\n    time.sleep_ms(20)\n"
TICKING = "import machine\nmachine.Timer(period=20, callback=lambda timer: print('tick'))\n"
TICKING_SELDOM = TICKING.replace("=20", "=2000")
#: Sets the board's clock back before a client sets or reads it.
SET_BACK = "machine.RTC().datetime((2001, 1, 1, 0, 0, 0, 0, 0))"


@dataclass(frozen=True)
class Step:
    """A command of a client, and what has to come of it.

    In `words`, PORT is the board's place and INDEX an index of packages. `typed` is what is typed
    at the prompt, and what comes of each; the key `leave` ends the client then. On the board,
    `before` was executed and `running` is left to run when the client starts; `after` is true at
    the end, when the board `restarts` or not, and in it NOW is the time of the start.
    """

    words: str
    shows: str = ""
    code: int = 0
    typed: tuple[tuple[str, str], ...] = ()
    leave: str = ""
    before: str = ""
    running: str = ""
    after: str = ""
    restarts: bool = False


@dataclass(frozen=True)
class Told:
    """What has to be told of a feature, and the step that shows it."""

    text: str
    step: Step


Cell = Step | tuple[Step, ...] | Told


@dataclass(frozen=True)
class Client:
    """The command that starts a client, and what it can do; it has no command for the rest."""

    start: tuple[str, ...]
    can: dict[str, Cell]


PROGRAMS = "run a program of the host"
LINE = "run a line"
TIMERS = "a program whose Timer prints"
RAISES = "an exception arrives with its traceback"
BUSY = "connect while a program runs that does not end"
TICKS = "connect while a Timer prints"
PROMPT = "prompt (REPL)"
STOP = "Ctrl-C or Stop ends a program, its Timer goes on"
REMOTE = "functions of the host's program, generators"
THREADS = "functions in a thread of the board"
STAMPS = "the host's time of a result"
SOFT = "soft reset"
RESET = "reset"
SET = "set the clock"
READ = "read the clock"
PUT = "copy a file to the board"
GET = "copy a file from the board"
LIST = "list"
PRINT = "print a file"
TREE = "tree"
FOLDER = "copy a folder with its files"
MAKE = "make a folder, remove it"
RENAME = "rename"
SYNC = "copy a folder's changes"
DIGESTS = "checksum"
EDIT = "edit"
SPACE = "free space"
REMOVE = "remove files"
MOUNT = "mount a folder of the host"
MIP = "install packages"
ROMFS = "ROMFS"
RESUME = "connect without a soft reset"
#: The rows of the table. Each client does them in this order.
FEATURES = (
    *(PROGRAMS, LINE, TIMERS, RAISES, BUSY, TICKS, PROMPT, STOP, REMOTE, THREADS, STAMPS),
    *(RESUME, SOFT, SET, READ, PUT, LIST, PRINT, GET, FOLDER, TREE, MAKE, RENAME, SYNC, DIGESTS),
    *(EDIT, SPACE, REMOVE, MOUNT, MIP, ROMFS, RESET),
)


def programs(run: str, code: int = 1) -> dict[str, Cell]:
    """Return what is done with programs of the host by the command `run NAME`."""
    once = Step(run.replace("NAME", "run.py"), RUNS)
    return {
        PROGRAMS: once,
        TIMERS: Step(run.replace("NAME", "timer.py"), "tick 3\n"),
        RAISES: Step(run.replace("NAME", "fault.py"), FAULT, code),
        BUSY: replace(once, running=ENDLESS),
        TICKS: replace(once, running=TICKING),
    }


def at_prompt(words: str, leave: str) -> dict[str, Cell]:
    """Return what is done at the prompt of the command `words`, which the key `leave` ends."""
    stopped = (
        *((START_LOOP + "\r", "\nlooping"), ("\x03", "KeyboardInterrupt"), ("", ">>> ")),
        ("goes_on()\r", "'goes on'"),
    )
    return {
        PROMPT: Step(words, typed=(("6 * 7\r", "\n42"),), leave=leave),
        STOP: Step(words, typed=stopped, leave=leave),
    }


def soft_reset(words: str, shows: str = "") -> dict[str, Cell]:
    return {SOFT: Step(words, shows, before="kept = 1", after="'kept' not in globals()")}


def reset(words: str) -> dict[str, Cell]:
    return {RESET: Step(words, after="machine.reset_cause() == machine.HARD_RESET", restarts=True)}


def sets(words: str, shows: str = "") -> dict[str, Cell]:
    after = "-60 < time.time() - NOW < 600"
    return {SET: Step(words, shows, before=SET_BACK, after=after)}


#: Of a client that does not connect while a Timer prints 50 times a second.
IF_SELDOM = Told("if it prints seldom", Step("run run.py", RUNS, running=TICKING_SELDOM))


def installed(name: str) -> str:
    """Return a program of the environment that the tests run in."""
    return str(Path(sys.executable).with_name(name))


MPREMOTE = Client(
    (sys.executable, "-m", "mpremote", "connect", "PORT"),
    {
        **programs("run NAME"),
        LINE: Step("exec 'print(6 * 7)'", "42"),
        **at_prompt("repl", "\x1d"),
        RESUME: Step("exec 'kept = 6' resume eval 'kept * 7'", "42"),
        **soft_reset("soft-reset ls :", "loop.py"),
        **sets("rtc --set"),
        READ: Step("rtc", "(2001, 1, 1, ", before=SET_BACK),
        PUT: Step("cp one.txt :"),
        LIST: Step("ls :", "one.txt"),
        PRINT: Step("cat :one.txt", "and another"),
        GET: Step(f"cp :one.txt {BACK}"),
        FOLDER: (Step("cp -r tree :"), Step("cat :tree/two.txt", "and another")),
        TREE: Step("tree :", "two.txt"),
        MAKE: Step("mkdir :m + rmdir :m"),
        DIGESTS: Step("sha256sum :one.txt", DIGEST),
        EDIT: Step("edit :one.txt"),
        SPACE: Step("df", "/"),
        REMOVE: Step("touch :t + rm :t :one.txt + rm -r :tree"),
        MOUNT: Step("mount . exec 'import helper'", "helper ran"),
        MIP: (Step("mip install --index INDEX packed", "Done"), Step("run user.py", PACKED)),
        ROMFS: (
            Step("romfs deploy rom", "ROMFS image deployed"),
            Step("romfs query", "ROMFS image size"),
            Step("exec 'import rommod'", "rommod ran from /rom/rommod.mpy"),
        ),
        **reset("reset"),
    },
)
THONNY = Client(
    (sys.executable, str(HERE / "thonny_driver.py"), "PORT"),
    {
        **programs("run NAME", code=0),
        TICKS: IF_SELDOM,
        LINE: Step("shell 'print(6 * 7)'", "42"),
        PROMPT: Step("shell '6 * 7'", "42"),
        STOP: Step(f'stop "{START_LOOP}" "print(goes_on())"', "goes on"),
        **soft_reset("restart"),
        **sets("list /", "loop.py"),
        PUT: Step("write one.txt /one.txt"),
        LIST: Step("list /", "one.txt"),
        PRINT: Step("read /one.txt", "and another"),
        GET: Step(f"download /one.txt {BACK}"),
        FOLDER: Step("mkdir /made + upload tree /made + list /made", "two.txt"),
        MAKE: Step("mkdir /empty + delete /empty"),
        RENAME: Step("rename /one.txt /two.txt + list /", "two.txt"),
        SPACE: Step("space /", "free"),
        REMOVE: Step("delete /made /two.txt"),
    },
)
AMPY = Client(
    (installed("ampy"), "-p", "PORT"),
    {
        **programs("run NAME"),
        **soft_reset("reset"),
        PUT: Step("put one.txt"),
        LIST: Step("ls", "one.txt"),
        PRINT: Step("get one.txt", "and another"),
        GET: Step(f"get one.txt {BACK}"),
        FOLDER: (Step("put tree"), Step("ls /tree", "two.txt")),
        MAKE: Step("mkdir made", after="not os.rmdir('/made')"),
        REMOVE: (Step("rm one.txt"), Step("rmdir tree")),
    },
)
RSHELL = Client(
    (installed("rshell"), "--port", "PORT", "--quiet"),
    {
        LINE: Step("repl '~ print(6 * 7)~'", "\n42"),
        **at_prompt("repl", "\x18"),
        **sets("ls /pyboard", "loop.py"),
        PUT: Step("cp one.txt /pyboard/"),
        LIST: Step("ls /pyboard", "one.txt"),
        PRINT: Step("cat /pyboard/one.txt", "and another"),
        GET: Step(f"cp /pyboard/one.txt {BACK}"),
        FOLDER: Step("mkdir /pyboard/m; cp -r tree /pyboard/m; ls /pyboard/m/tree", "two.txt"),
        SYNC: Step("rsync tree /pyboard/m/tree"),
        EDIT: Step("edit /pyboard/one.txt"),
        REMOVE: Step("rm -r /pyboard/m; rm /pyboard/one.txt; ls /pyboard"),
    },
)
PYBOARD = Client(
    (sys.executable, str(DEPS / "micropython" / "tools" / "pyboard.py"), "--device", "PORT"),
    {
        **programs("NAME"),
        LINE: Step("-c 'print(6 * 7)'", "42"),
        RESUME: Step("--no-soft-reset -c 'print(kept * 7)'", "42", before="kept = 6"),
        **soft_reset("--soft-reset -c pass"),
        PUT: Step("-f cp one.txt :one.txt"),
        LIST: Step("-f ls", "one.txt"),
        PRINT: Step("-f cat one.txt", "and another"),
        GET: Step(f"-f cp :one.txt {BACK}"),
        MAKE: (Step("-f mkdir made"), Step("-f rmdir made")),
        REMOVE: Step("-f rm one.txt"),
    },
)
MPYTOOL = Client(
    (installed("mpytool"), "-f", "-p", "PORT"),
    {
        **programs("run NAME"),
        TICKS: IF_SELDOM,
        LINE: Step("exec 'print(6 * 7)'", "42"),
        **at_prompt("repl", "\x1d"),
        RESUME: Step("exec 'print(kept * 7)'", "42", before="kept = 6"),
        **soft_reset("reset"),
        **sets("rtc --set"),
        READ: Step("rtc", "2001-01-01 ", before=SET_BACK),
        PUT: Step("cp one.txt :"),
        LIST: Step("ls", "one.txt"),
        PRINT: Step("cat :one.txt", "and another"),
        GET: Step(f"cp :one.txt {BACK}"),
        FOLDER: (Step("cp tree :"), Step("cat :tree/two.txt", "and another")),
        TREE: Step("tree", "two.txt"),
        MAKE: Step("mkdir :made -- rm :made"),
        RENAME: Step("mv :one.txt :two.txt -- ls", "two.txt"),
        EDIT: Step("edit :two.txt"),
        SPACE: Step("info", "MicroPython"),
        REMOVE: Step("rm :two.txt :tree"),
        MOUNT: Told(
            "yes, until `reset`", Step("mount . -- exec 'import helper' -- reset", "helper ran")
        ),
        **reset("reset --machine"),
    },
)
BELAY = Client(
    (sys.executable, str(HERE / "belay_driver.py"), "PORT"),
    {
        **programs("program NAME"),
        PROGRAMS: Step("run run.py", RUNS),
        RAISES: Step("run fault.py", FAULT),
        LINE: Step("exec 'print(6 * 7)'", "42"),
        **at_prompt("terminal", "\x1d"),
        REMOTE: Step("tasks", "[3, (0, 1, 4), 'GPIO17 is 1', 'memory.Fault', 'goes on']"),
        THREADS: Told(
            "no: the image has no `_thread`, and the call raises ImportError",
            Step("thread", "ImportError: no module named '_thread'", code=1),
        ),
        STAMPS: Step("stamp", "in order"),
        **soft_reset("soft-reset"),
        PUT: Step("send one.txt /", after=f"os.stat('/one.txt')[6] == {len(TEXT)}"),
        FOLDER: Step("send tree /m/n", after="os.listdir('/m/n') == ['two.txt']"),
        SYNC: Told(
            "yes; to `/` with `--keep sd --keep rom`",
            Step(
                "sync tree --keep sd --keep rom",
                after="not {'loop.py', 'm', 'one.txt'} & set(os.listdir())",
            ),
        ),
        MIP: (Step("install"), Step("program user.py", "packed ran from /lib/packed")),
    },
)
#: By their names on PyPI; pyboard.py is a file of MicroPython.
CLIENTS = {
    "mpremote": MPREMOTE,
    "thonny": THONNY,
    "adafruit-ampy": AMPY,
    "rshell": RSHELL,
    "pyboard.py": PYBOARD,
    "mpytool": MPYTOOL,
    "belay": BELAY,
}
