# SPDX-License-Identifier: MIT
"""Writing cards, on loop devices: disks to the kernel, files to us. Root is needed for them."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from cards import kernel_bytes, make_boot_folder, noise, tool
from limits import HANG_SECONDS
from terminals import heed_ctrl_c

from pimem.card import bmap, devices, flash
from pimem.card import source as image_source
from pimem.exits import Failure

Run = Callable[..., subprocess.CompletedProcess[str]]
MIB = 1 << 20


def zip_alone(image: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(image, image.name)


PACKERS: dict[str, Callable[[Path, Path], object]] = {
    "gz": lambda image, packed: packed.write_bytes(gzip.compress(image.read_bytes(), 1)),
    "bz2": lambda image, packed: packed.write_bytes(bz2.compress(image.read_bytes(), 1)),
    "zst": lambda image, packed: packed.write_bytes(zstandard.compress(image.read_bytes())),
    "zip": zip_alone,
}


def loops_work() -> bool:
    if os.geteuid() or not shutil.which("losetup"):
        return False
    return subprocess.run(["losetup", "-f"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not loops_work(), reason="loop devices need root")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image with all that belongs beside it."""
    folder = tmp_path_factory.mktemp("made")
    kernel, image = folder / "kernel8.img", folder / "sdcard.img"
    kernel.write_bytes(kernel_bytes())
    boot = make_boot_folder(folder / "boot")
    options = ["--kernel", str(kernel), "--firmware", str(boot), "-o", str(image)]
    subprocess.run(
        [sys.executable, "-m", "pimem", "image", *options], check=True, timeout=HANG_SECONDS
    )
    return image


@pytest.fixture
def alone(made: Path, tmp_path: Path) -> Path:
    """The image without anything beside it."""
    return Path(shutil.copy(made, tmp_path / "alone.img"))


class Loops:
    """Makes loop devices over files of junk: cards that have been used before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Path] = []

    def __call__(self, size: int = 80 * MIB) -> Path:
        file = self.folder / f"card{len(self.made)}"
        file.write_bytes(noise("junk", MIB) * (size // MIB))
        return self.attach(file)

    def attach(self, file: Path, *options: str) -> Path:
        self.made.append(Path(tool("losetup", "-f", "--show", *options, str(file)).strip()))
        return self.made[-1]

    def detach(self) -> None:
        while self.made:
            subprocess.run(["losetup", "-d", str(self.made.pop())], check=True)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loops]:
    loops = Loops(tmp_path)
    yield loops
    loops.detach()


def content(device: Path, size: int) -> bytes:
    with device.open("rb") as disk:
        return disk.read(size)


def untouched(device: Path) -> bool:
    return content(device, 2 * MIB) == noise("junk", MIB) * 2


def one_line(done: subprocess.CompletedProcess[str], text: str) -> bool:
    """Whether a command ended with one clear line that has this text."""
    lines = done.stderr.splitlines()
    return len(lines) == 1 and lines[0].startswith("pimem: ") and text in lines[0]


def test_a_plain_image_is_written_and_read_back(alone: Path, loop: Loops, pimem: Run) -> None:
    card = loop()
    done = pimem("flash", "--yes", str(alone), str(card))
    assert done.returncode == 0, done.stderr
    assert content(card, 64 * MIB) == alone.read_bytes()
    assert content(card, 65 * MIB)[64 * MIB :] == noise("junk", MIB)
    lines = done.stderr.splitlines()
    assert sum(line.startswith(f"writing {card}: ") for line in lines) == 10
    assert sum(line.startswith(f"verifying {card}: ") for line in lines) == 10
    assert lines[-3].startswith(f"pimem: {card} is ready")
    assert "\x1b" not in done.stderr and "\r" not in done.stderr and done.stdout == ""


def test_a_compressed_image_with_a_map_gets_only_what_is_in_use(
    made: Path, loop: Loops, pimem: Run
) -> None:
    card = loop()
    done = pimem("flash", "--yes", f"{made}.xz", str(card))
    assert done.returncode == 0, done.stderr
    image, written = made.read_bytes(), content(card, 64 * MIB)
    for each in bmap.parse(made.with_name("sdcard.img.bmap")).ranges:
        assert written[each.start : each.end] == image[each.start : each.end]
    assert written[-MIB:] == noise("junk", MIB)


@pytest.mark.parametrize("kind", PACKERS)
def test_an_image_compressed_otherwise_is_written_too(
    made: Path, loop: Loops, pimem: Run, tmp_path: Path, kind: str
) -> None:
    card, packed = loop(), tmp_path / f"sdcard.img.{kind}"
    PACKERS[kind](made, packed)
    done = pimem("flash", "--yes", str(packed), str(card))
    assert done.returncode == 0, done.stderr
    assert content(card, 64 * MIB) == made.read_bytes()


@pytest.mark.parametrize("kind", PACKERS)
def test_a_compressed_image_that_expands_beyond_the_card_is_refused(
    made: Path, loop: Loops, pimem: Run, tmp_path: Path, kind: str
) -> None:
    card, packed = loop(size=48 * MIB), tmp_path / f"sdcard.img.{kind}"
    PACKERS[kind](made, packed)
    done = pimem("flash", "--yes", str(packed), str(card))
    assert done.returncode == 2
    assert one_line(done, f"{card} is refused: it has 50331648 bytes (48 MiB), the image needs ")
    assert "the image needs 51380224 or more" in done.stderr
    assert untouched(card)


def test_a_dry_run_writes_nothing(made: Path, loop: Loops, pimem: Run) -> None:
    card = loop()
    done = pimem("flash", "--dry-run", str(made), str(card))
    assert done.returncode == 0
    assert f"would write it to {card}, 80 MiB" in done.stderr
    assert untouched(card)


def test_without_a_terminal_and_without_yes_nothing_is_written(
    made: Path, loop: Loops, pimem: Run
) -> None:
    card = loop()
    done = pimem("flash", str(made), str(card), stdin="y\n")
    assert done.returncode == 2
    assert "--yes writes without asking" in done.stderr
    assert untouched(card)


@pytest.mark.parametrize("answer, code", [("y", 0), ("n", 2), ("", 2)])
def test_on_a_terminal_it_asks_and_shows_one_moving_line(
    alone: Path, loop: Loops, answer: str, code: int
) -> None:
    card = loop()
    command = [sys.executable, "-m", "pimem", "flash", str(alone), str(card)]
    master, slave = os.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        os.write(master, f"{answer}\n".encode())
        said = b""
        while piece := read_some(master):
            said += piece
        assert process.wait(timeout=HANG_SECONDS) == code
    assert f"Write it to {card}, 80 MiB? All that is on it will be lost. [y/N]" in said.decode()
    assert untouched(card) == (code != 0)
    if code == 0:
        assert said.count(b"\rwriting") >= 1 and b"100 %" in said and b"MB/s" in said


def read_some(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except OSError:  # the last process on the other end of a pty has gone
        return b""


def test_a_mounted_card_is_refused(made: Path, loop: Loops, pimem: Run, tmp_path: Path) -> None:
    file = tmp_path / "mounted"
    with file.open("wb") as out:
        out.truncate(80 * MIB)
    tool("mke2fs", "-q", str(file))
    card, place = loop.attach(file), tmp_path / "place"
    place.mkdir()
    if subprocess.run(["mount", str(card), str(place)], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        before = content(card, 4 * MIB)
        done = pimem("flash", "--yes", str(made), str(card))
        assert done.returncode == 2
        assert one_line(done, f"{card} is refused: it is mounted at {place}: unmount it first")
        # Should lsblk not know, O_EXCL does.
        (found,) = [each for each in devices.list_devices() if each.path == str(card)]
        with pytest.raises(flash.Refusal, match="it is in use: mounted, or opened by another"):
            flash.open_disk(found)
        assert content(card, 4 * MIB) == before
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def mounted_fat(partition: Path, place: Path) -> Iterator[None]:
    """By the kernel's vfat, or where it has none by the program fusefat."""
    place.mkdir()
    kernel = ["mount", "-t", "vfat", "-o", "loop", str(partition), str(place)]
    program = ["fusefat", "-o", "rw+", str(partition), str(place)]
    refused = subprocess.run(kernel, capture_output=True, text=True)
    if refused.returncode and (
        not shutil.which("fusefat") or subprocess.run(program, capture_output=True).returncode
    ):
        reason = refused.stderr.strip().splitlines()[0]
        pytest.skip(f"no FAT can be mounted here: {reason}; fusefat is not there or fails")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_an_update_of_a_really_mounted_card(alone: Path, pimem: Run, tmp_path: Path) -> None:
    """FAT has no permissions and its own idea of names: what a folder cannot show."""
    place, kernel, partition = tmp_path / "BOOT", tmp_path / "new.img", tmp_path / "partition"
    kernel.write_bytes(kernel_bytes(size=123_456, version="v10.0.0"))
    partition.write_bytes(alone.read_bytes()[MIB:])
    with mounted_fat(partition, place):
        (place / "main.py").write_text("print('mine')\n")
        done = pimem("flash", "--update", str(place), "--kernel", str(kernel))
        names = sorted(path.name.lower() for path in place.iterdir())
    assert done.returncode == 0, done.stderr
    assert {"kernel8.img", "main.py", "config.txt", "lib"} <= set(names)
    assert not [name for name in names if name.startswith(".") or name.endswith((".tmp", ".new"))]
    assert tool("mtype", "-i", str(partition), "::main.py") == "print('mine')\n"
    copied = tmp_path / "copied.img"
    tool("mcopy", "-i", str(partition), "::kernel8.img", str(copied))
    assert copied.read_bytes() == kernel.read_bytes()
    tool("fsck.fat", "-n", str(partition))


def test_the_disk_of_the_running_system_is_refused(made: Path, pimem: Run) -> None:
    disks = [each.path for each in devices.list_devices() if each.holds_root]
    if not disks:
        pytest.skip("/ is on no disk that lsblk lists here")
    done = pimem("flash", "--yes", str(made), disks[0])
    assert done.returncode == 2
    assert one_line(done, f"{disks[0]} is refused: it is the disk this system runs from")


def test_a_disk_in_use_is_refused_before_the_question(made: Path, loop: Loops, pimem: Run) -> None:
    card = loop()
    fd = os.open(card, os.O_RDONLY | os.O_EXCL)
    try:
        for option in ("--dry-run", "--yes"):
            done = pimem("flash", option, str(made), str(card))
            assert done.returncode == 2
            assert one_line(done, f"{card}: it is in use: mounted, or opened by another program")
    finally:
        os.close(fd)
    assert untouched(card)


def test_a_disk_without_permission_is_refused_with_the_command_for_root(
    loop: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = loop()
    (device,) = [each for each in devices.list_devices() if each.path == str(card)]
    card.chmod(0o600)
    monkeypatch.setattr(sys, "argv", ["pimem", "flash", "my image.img", str(card)])
    os.seteuid(65534)
    try:
        with pytest.raises(flash.Refusal) as caught:
            flash.check_access(device)
    finally:
        os.seteuid(0)
    command = f"sudo {sys.executable} -m pimem flash 'my image.img' {card}"
    assert str(caught.value) == f"{card}: no permission; as root: {command}"
    flash.check_access(device)


def test_a_card_too_small_is_refused(made: Path, loop: Loops, pimem: Run) -> None:
    card = loop(size=48 * MIB)
    done = pimem("flash", "--yes", str(made), str(card))
    assert done.returncode == 2
    assert one_line(done, f"{card} is refused: it has 50331648 bytes (48 MiB)")
    assert untouched(card)


def test_a_disk_above_the_limit_is_refused(made: Path, loop: Loops, pimem: Run) -> None:
    card = loop()
    done = pimem("flash", "--yes", "--max-size", "0.05", str(made), str(card))
    assert done.returncode == 2
    assert one_line(done, "suspiciously large for a card (--max-size 0.05)")
    assert untouched(card)


def test_a_read_only_card_is_refused(made: Path, loop: Loops, pimem: Run, tmp_path: Path) -> None:
    loop()
    file = tmp_path / "card0"
    card = loop.attach(file, "--read-only")
    done = pimem("flash", "--yes", str(made), str(card))
    assert done.returncode == 2
    assert one_line(done, "it is read-only")
    assert untouched(card)


def test_a_mistyped_path_is_refused_and_no_file_appears(
    made: Path, pimem: Run, tmp_path: Path
) -> None:
    typo, file = tmp_path / "sdx", tmp_path / "notes"
    done = pimem("flash", "--yes", str(made), str(typo))
    assert done.returncode == 2 and one_line(done, f"{typo} does not exist")
    assert not typo.exists()
    file.write_text("important")
    done = pimem("flash", "--yes", str(made), str(file))
    assert done.returncode == 2 and one_line(done, f"{file} is a file, not a disk")
    assert file.read_text() == "important"
    done = pimem("flash", "--yes", str(made), str(tmp_path))
    assert done.returncode == 2 and one_line(done, "a mounted card takes --update")


def test_a_truncated_image_is_noticed_before_anything_is_written(
    made: Path, loop: Loops, pimem: Run, tmp_path: Path
) -> None:
    card, cut = loop(), tmp_path / "cut.img.xz"
    whole = made.with_name("sdcard.img.xz").read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    done = pimem("flash", "--yes", str(cut), str(card))
    assert done.returncode == 1
    assert one_line(done, f"{cut} is truncated")
    assert untouched(card)


def damaged(made: Path, folder: Path, beside: tuple[str, ...], at: int = 40) -> Path:
    """A copy of the image with one flipped bit in its last mapped MiB, and some siblings."""
    copy = Path(shutil.copy(made, folder / made.name))
    for suffix in beside:
        shutil.copy(f"{made}{suffix}", folder)
    end = bmap.parse(made.with_name("sdcard.img.bmap")).ranges[-1].end
    with copy.open("r+b") as image:
        image.seek(end - at)
        byte = image.read(1)[0]
        image.seek(end - at)
        image.write(bytes([byte ^ 1]))
    return copy


@pytest.mark.parametrize("beside", [".sha256", ".bmap"])
def test_a_corrupted_byte_is_noticed_by_what_lies_beside_the_image(
    made: Path, loop: Loops, pimem: Run, tmp_path: Path, beside: str
) -> None:
    card = loop()
    image = damaged(made, tmp_path, (beside,))
    done = pimem("flash", "--yes", str(image), str(card))
    assert done.returncode == 1
    assert one_line(done, f"{image} is damaged")
    assert untouched(card)


def test_a_corrupted_compressed_image_is_noticed(
    made: Path, loop: Loops, pimem: Run, tmp_path: Path
) -> None:
    card, image = loop(), tmp_path / "bad.img.xz"
    data = bytearray(made.with_name("sdcard.img.xz").read_bytes())
    data[len(data) // 2] ^= 1
    image.write_bytes(data)
    done = pimem("flash", "--yes", str(image), str(card))
    assert done.returncode == 1
    assert one_line(done, f"{image} is damaged")
    assert untouched(card)


def test_what_is_no_card_image_is_refused(loop: Loops, pimem: Run, tmp_path: Path) -> None:
    card, kernel = loop(), tmp_path / "kernel8.img"
    kernel.write_bytes(kernel_bytes())
    done = pimem("flash", "--yes", str(kernel), str(card))
    assert done.returncode == 2
    assert one_line(done, "is no card image: its first sector has no partition table")
    assert pimem("flash", "--yes", str(tmp_path / "none"), str(card)).returncode == 2
    assert untouched(card)


def stop_flash(image: Path, loop: Loops, how: signal.Signals) -> tuple[Path, int, str]:
    """The card, exit code and words of a flash that met a signal while it wrote.

    However quick the disk is, it is not done by then: what it says goes into a socket that takes
    a few lines and no more until they are read.
    """
    card = loop()
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel makes it the least
    command = [sys.executable, "-m", "pimem", "flash", "--yes", str(image), str(card)]
    with ours:
        process = subprocess.Popen(command, stderr=theirs, preexec_fn=heed_ctrl_c)
        theirs.close()
        ours.settimeout(HANG_SECONDS)
        while b"writing" not in ours.recv(1 << 16, socket.MSG_PEEK):
            assert process.poll() is None, "it ended before it wrote anything"
            time.sleep(0.01)
        process.send_signal(how)
        said = bytearray()
        while more := ours.recv(1 << 16):
            said += more
    assert b"100 %" not in said
    return card, process.wait(HANG_SECONDS), said.decode()


def test_killed_half_way_the_card_is_not_bootable_and_a_rerun_repairs_it(
    alone: Path, loop: Loops, pimem: Run
) -> None:
    card, code, _ = stop_flash(alone, loop, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert content(card, 512) == bytes(512), "half a card must have no partition table"
    image = alone.read_bytes()
    assert content(card, len(image)) != image
    done = pimem("flash", "--yes", str(alone), str(card))
    assert done.returncode == 0, done.stderr
    assert content(card, len(image)) == image


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_what_state_the_card_is_in(
    alone: Path, loop: Loops, how: signal.Signals
) -> None:
    card, code, said = stop_flash(alone, loop, how)
    assert code == 130
    assert f"{card} is not usable now; run the same command again to repair it" in said
    assert "Traceback" not in said
    assert content(card, 512) == bytes(512)


def test_a_card_that_cannot_be_written_to_its_end_is_told(
    alone: Path, loop: Loops, pimem: Run, tmp_path: Path
) -> None:
    """The loop's file is on a file system that is full long before the image's end."""
    place = tmp_path / "tight"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8M", "none", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        file = place / "card"
        with file.open("wb") as out:
            out.truncate(64 * MIB)
        with alone.open("r+b") as image:
            image.seek(2 * MIB)
            image.write(noise("a lot", 10 * MIB))
        card = loop.attach(file)
        done = pimem("flash", "--yes", str(alone), str(card))
        assert done.returncode == 1
        assert f"{card}: Input/output error. {card} is not usable now" in done.stderr
        loop.detach()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_card_that_forgets_is_found_out(
    alone: Path, loop: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = loop()
    (device,) = [each for each in devices.list_devices() if each.path == str(card)]
    source = image_source.check(alone)
    honest = flash.drop_cache

    def forget(fd: int) -> None:
        os.pwrite(fd, b"\xff", 3 * MIB)
        honest(fd)

    monkeypatch.setattr(flash, "drop_cache", forget)
    with pytest.raises(Failure, match="read back differ from what was written") as caught:
        flash.write_disk(device, source, check=True)
    assert "is not usable now" in str(caught.value)
    flash.write_disk(device, source, check=False)


def test_usage_is_refused_where_it_makes_no_sense(made: Path, pimem: Run, tmp_path: Path) -> None:
    for arguments in ([], [str(made)], ["--update", str(tmp_path), str(made), "/dev/sdx"]):
        done = pimem("flash", *arguments)
        assert done.returncode == 2
        assert one_line(done, "--update DIR")
