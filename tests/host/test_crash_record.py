# SPDX-License-Identifier: MIT
"""What RAM keeps over a reset: a crash, a reset that was asked for, the watchdog, or nothing."""

import ctypes
import shutil
from ctypes import c_bool, c_char_p
from pathlib import Path

import hardware
import host_library
import pytest

SOURCE = host_library.PORT / "fault" / "crash_record.c"
HEAD, LINE = 16, 240
NOTHING = (None, False, False)


def start_of_machine(folder: Path) -> ctypes.CDLL:
    """A library of its own: its variables are as at a start."""
    sources = [str(SOURCE), "fake_hardware.c"]
    built = host_library.library("crash_record", sources, ("MMIO_FAKE", "CPU_FAKE"))
    lib = ctypes.CDLL(shutil.copy(built, folder / f"{len(list(folder.iterdir()))}.so"))
    lib.crash_record_keep.argtypes = [c_char_p]
    lib.crash_record_last.restype = c_char_p
    for name in ("crash_record_reset_asked", "crash_record_watchdog_ran"):
        getattr(lib, name).restype = c_bool
    return lib


class Ram:
    """The record, as it is in memory: what was written through the caches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bytes = b"\xa5" * (HEAD + LINE)
        self.address = 0

    def start(self) -> tuple[bytes | None, bool, bool]:
        """Start, and return what the last run has left: a line, whether a reset was asked for,
        and whether the watchdog ran."""
        self.lib = start_of_machine(self.folder)
        self.machine = hardware.Machine(self.lib)
        self.machine.fake.clean = self.callback = hardware.CLEAN(self.written)
        before = self.bytes
        self.lib.crash_record_take()  # tells where the record is
        ctypes.memmove(self.address, before, len(before))
        self.lib.crash_record_take()
        asked, ran = self.lib.crash_record_reset_asked(), self.lib.crash_record_watchdog_ran()
        return self.lib.crash_record_last(), asked, ran

    def written(self, va: int, size: int) -> None:
        assert va % 64 == 0, "a line of the cache is shared"
        self.address = va
        self.bytes = ctypes.string_at(va, min(size, HEAD + LINE))


def test_a_crash_is_told_once(tmp_path):
    ram = Ram(tmp_path)
    assert ram.start() == NOTHING
    ram.lib.crash_record_keep(b"abort at 0x80000")
    assert ram.start() == (b"abort at 0x80000", False, False)
    assert ram.start() == NOTHING, "it is gone"


def test_a_long_line_is_cut(tmp_path):
    ram = Ram(tmp_path)
    ram.start()
    ram.lib.crash_record_keep(b"x" * 1000)
    assert ram.start() == (b"x" * 239, False, False)


def test_a_reset_that_was_asked_for_is_not_a_crash(tmp_path):
    ram = Ram(tmp_path)
    ram.start()
    ram.lib.crash_record_keep_reset()
    assert ram.start() == (None, True, False)
    assert ram.start() == NOTHING


def test_the_watchdogs_mark_stays_until_the_run_ends_otherwise(tmp_path):
    ram = Ram(tmp_path)
    ram.start()
    ram.lib.crash_record_keep_watchdog()
    assert ram.start() == (None, False, True)
    ram.lib.crash_record_keep_watchdog()
    ram.lib.crash_record_keep_reset()
    assert ram.start() == (None, True, False), "the reset was asked for, though the watchdog ran"
    ram.lib.crash_record_keep_watchdog()
    ram.lib.crash_record_keep(b"crash")
    assert ram.start() == (b"crash", False, False)


@pytest.mark.parametrize("at", [0, 7, 8, 15, HEAD, HEAD + 5, HEAD + LINE - 1])
def test_what_a_loss_of_power_has_changed_is_not_taken(tmp_path, at):
    ram = Ram(tmp_path)
    ram.start()
    ram.lib.crash_record_keep(b"crash")
    ram.bytes = ram.bytes[:at] + bytes([ram.bytes[at] ^ 1]) + ram.bytes[at + 1 :]
    assert ram.start() == NOTHING
