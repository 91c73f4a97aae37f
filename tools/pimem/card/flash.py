# SPDX-License-Identifier: MIT
"""Writes an image to a card, and reads it back."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from pimem.card import devices
from pimem.card import source as image_source
from pimem.card.bmap import Range
from pimem.card.devices import Device
from pimem.card.source import Source, TooLarge
from pimem.exits import Failure, Refusal, complain
from pimem.progress import Progress

#: Held back to the end: a card whose writing was cut short has no partition table, and boots
#: nothing instead of half of something.
HEAD = 4096
PIMEM = (sys.executable, "-m", "pimem")
SYNC_EVERY = 32 << 20
READ_PIECE = 1 << 20
BLKFLSBUF, BLKRRPART = 0x1261, 0x125F
NEXT_STEPS = """\
{device} is ready: take the card out, put it into the board, connect the serial adapter, then
  mpremote connect PORT repl       or       pimem repl --port PORT
Later kernels need no flashing: pimem flash --update DIR, DIR being where the card is mounted."""


def open_disk(device: Device, access: int = os.O_RDWR) -> int:
    """Open a disk that is not in use: O_EXCL makes the kernel refuse if it is mounted."""
    try:
        fd = os.open(device.path, access | os.O_EXCL | os.O_CLOEXEC)
    except OSError as exc:
        raise Refusal(f"{device.path}: {why_refused(exc)}") from exc
    try:
        status = os.fstat(fd)
        number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        if not stat.S_ISBLK(status.st_mode) or number != device.number:
            raise Refusal(f"{device.path} is another disk now than a moment ago")
        if os.lseek(fd, 0, os.SEEK_END) != device.size:
            raise Refusal(f"{device.path} has another size than a moment ago: card changed?")
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_access(device: Device) -> None:
    """Refuse early what open_disk() would refuse in the end, without touching the disk: when one
    that was open for writing is closed, desktops look at it, and mount it."""
    if not os.access(device.path, os.R_OK | os.W_OK, effective_ids=True):
        raise Refusal(f"{device.path}: {why_refused(PermissionError(errno.EACCES, ''))}")
    os.close(open_disk(device, os.O_RDONLY))


def why_refused(exc: OSError) -> str:
    """Return why a disk cannot be opened."""
    if exc.errno == errno.EBUSY:
        return "it is in use: mounted, or opened by another program"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return f"no permission; as root: sudo {shlex.join([*PIMEM, *sys.argv[1:]])}"
    return f"cannot open it: {exc.strerror}"


def write_at(fd: int, offset: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, offset)
        offset += count
        view = view[count:]


def write_image(fd: int, source: Source, progress: Progress) -> None:
    """Write all that the map names, its first block last."""
    head = b""
    write_at(fd, 0, bytes(min(HEAD, source.size)))
    os.fsync(fd)
    unsynced = 0
    for offset, data in source.segments():
        held = max(0, HEAD - offset)
        head += data[:held]
        write_at(fd, offset + len(data[:held]), memoryview(data)[held:])
        unsynced += len(data)
        if unsynced >= SYNC_EVERY:  # or the progress shown would be that of the page cache
            os.fdatasync(fd)
            unsynced = 0
        progress.advance(len(data))
    os.fsync(fd)
    write_at(fd, 0, head)
    os.fsync(fd)


def drop_cache(fd: int) -> None:
    """Make what is read from now on come from the card, not from memory."""
    with contextlib.suppress(OSError):
        fcntl.ioctl(fd, BLKFLSBUF)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def read_sum(fd: int, each: Range, progress: Progress) -> str:
    digest, offset = hashlib.sha256(), each.start
    while offset < each.end:
        data = os.pread(fd, min(READ_PIECE, each.end - offset), offset)
        if not data:
            raise Failure(f"it ends at byte {offset} when read back")
        digest.update(data)
        offset += len(data)
        progress.advance(len(data))
    return digest.hexdigest()


def verify(fd: int, source: Source, progress: Progress) -> None:
    drop_cache(fd)
    for each in source.ranges:
        if read_sum(fd, each, progress) != each.sha256:
            raise Failure(
                f"bytes {each.start} to {each.end} read back differ from what was written: "
                "a worn-out or fake card, or a bad reader"
            )


@contextlib.contextmanager
def telling_what_is_left(device: Device) -> Iterator[None]:
    """Say what an early end leaves on the disk, which is changed from here on."""
    repair = f"{device.path} is not usable now; run the same command again to repair it"
    try:
        yield
    except KeyboardInterrupt:
        complain(repair)
        raise
    except Failure as exc:
        raise Failure(f"{device.path}: {exc}. {repair}") from exc
    except OSError as exc:
        raise Failure(f"{device.path}: {exc.strerror}. {repair}") from exc


def write_disk(device: Device, source: Source, *, check: bool) -> None:
    fd = open_disk(device)
    try:
        with telling_what_is_left(device):
            with Progress(f"writing {device.path}", source.mapped) as progress:
                write_image(fd, source, progress)
            if check:
                with Progress(f"verifying {device.path}", source.mapped) as progress:
                    verify(fd, source, progress)
        with contextlib.suppress(OSError):  # a disk without partitions, such as a loop device
            fcntl.ioctl(fd, BLKRRPART)
    finally:
        os.close(fd)


def confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise Refusal("cannot ask without a terminal: --yes writes without asking")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refusal("nothing was written")


def choose(path: str, max_size: float) -> Device:
    device = devices.find(path, devices.list_devices())
    reason = devices.obstacle(device, max_size * devices.GIBIBYTE)
    if reason:
        raise Refusal(f"{device.path} is refused: {reason}")
    return device


def flash(
    image: Path,
    device: Device,
    *,
    ask: bool = True,
    dry_run: bool = False,
    check: bool = True,
) -> None:
    """Write an image to a disk after all checks; with `check` read it back."""
    check_access(device)
    try:
        source = image_source.check(image, device.size)
    except TooLarge as exc:
        reason = devices.too_small(device, exc.needed, "" if exc.known else " or more")
        raise Refusal(f"{device.path} is refused: {reason}") from exc
    what = f"{image} ({devices.human(source.size)}, {devices.human(source.mapped)} in use)"
    complain(f"{what}, sha256 {source.sha256}")
    if dry_run:
        complain(f"would write it to {devices.describe(device)}")
        return
    if ask:
        confirm(f"Write it to {devices.describe(device)}? All that is on it will be lost.")
    write_disk(device, source, check=check)
    complain(NEXT_STEPS.format(device=device.path))
