# SPDX-License-Identifier: MIT
"""Images as people publish them: compressed in five ways, padded, cut short, damaged, huge."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from cards import noise, sha256
from limits import HANG_SECONDS

from pimem.card import formats, source, unpack
from pimem.card.source import TooLarge
from pimem.exits import CommandError, Failure, Refusal

MIB = 1 << 20
#: Zeros, noise, and a size that is no multiple of the pieces that are read.
IMAGE = bytes(510) + b"\x55\xaa" + noise("image", 300 * 512) + bytes(3 * MIB) + noise("end", 512)
WHOLE_KINDS = ("xz", "gz", "bz2", "zst", "zip")
STREAMS = WHOLE_KINDS[:-1]


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED, names: tuple[str, ...] = ("a.img",)):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in names:
            archive.writestr(name, data)
    return out.getvalue()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lambda data: lzma.compress(data, preset=1),
    "gz": lambda data: gzip.compress(data, 1),
    "bz2": lambda data: bz2.compress(data, 1),
    "zst": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "zip": zipped,
}
PACKED = {kind: COMPRESS[kind](IMAGE) for kind in WHOLE_KINDS}


def put(folder: Path, data: bytes, name: str = "card.img") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def is_whole(path: Path) -> bool:
    found = source.check(path)
    return (found.size, b"".join(data for _, data in source.pieces(path))) == (len(IMAGE), IMAGE)


def refused(kind: type[CommandError], path: Path) -> str:
    with pytest.raises(kind) as caught:
        source.check(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text
    return text.replace(str(path), "IT")


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_a_compressed_image_is_the_image(kind: str, tmp_path: Path) -> None:
    assert is_whole(put(tmp_path, PACKED[kind], f"card.img.{kind}"))


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_the_contents_tell_not_the_name(kind: str, tmp_path: Path) -> None:
    assert is_whole(put(tmp_path, PACKED[kind], "card.download"))


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_one_behind_the_other_are_one_image(kind: str, tmp_path: Path) -> None:
    cuts = [0, 512, MIB, MIB, 2 * MIB + 7, len(IMAGE)]
    parts = [IMAGE[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
    data = b"".join(COMPRESS[kind](part) for part in parts)
    assert is_whole(put(tmp_path, data))


def test_a_frame_of_zstd_without_data_is_skipped(tmp_path: Path) -> None:
    frame = struct.pack("<II", 0x184D2A53, 5) + b"notes"
    assert is_whole(put(tmp_path, frame + PACKED["zst"] + frame))


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_zeros_behind_it_are_padding(kind: str, tmp_path: Path) -> None:
    for count in (4, 512, 48 << 10):
        assert is_whole(put(tmp_path, PACKED[kind] + bytes(count)))


@pytest.mark.parametrize("kind", STREAMS)
def test_padding_may_be_long(kind: str, tmp_path: Path) -> None:
    assert is_whole(put(tmp_path, PACKED[kind] + bytes(3 * MIB)))


@pytest.mark.parametrize("kind", STREAMS)
def test_padding_may_lie_between_streams(kind: str, tmp_path: Path) -> None:
    first, second = (COMPRESS[kind](part) for part in (IMAGE[:MIB], IMAGE[MIB:]))
    assert is_whole(put(tmp_path, first + bytes(unpack.INPUT + 8) + second))


def test_padding_of_xz_comes_in_fours(tmp_path: Path) -> None:
    text = refused(Failure, put(tmp_path, PACKED["xz"] + bytes(3)))
    assert text == "IT is damaged: 3 bytes of padding, not a multiple of 4"


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_something_else_behind_it_is_damage(kind: str, tmp_path: Path) -> None:
    name = {"gz": "gzip", "bz2": "bzip2", "zst": "zstd"}.get(kind, kind)
    other = COMPRESS["xz" if kind == "gz" else "gz"](b"more")
    for junk in (b"x", b"junk" * 300, bytes(8) + b"x", other):
        text = refused(Failure, put(tmp_path, PACKED[kind] + junk))
        assert text == f"IT is damaged: what follows its {name} data is something else"


def test_much_else_behind_an_archive_hides_it(tmp_path: Path) -> None:
    text = refused(Failure, put(tmp_path, PACKED["zip"] + IMAGE))
    assert text.startswith("IT is truncated, or followed by something else: ")


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_one_cut_short_is_truncated_wherever(kind: str, tmp_path: Path) -> None:
    whole = PACKED[kind]
    for end in (30, 700, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        text = refused(Failure, put(tmp_path, whole[:end]))
        assert text.startswith("IT is truncated"), (end, text)


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_a_changed_bit_is_damage_or_a_break(kind: str, tmp_path: Path) -> None:
    whole = PACKED[kind]
    for at in (len(whole) // 3, len(whole) // 2):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        text = refused(Failure, put(tmp_path, bytes(changed)))
        assert text.startswith(("IT is damaged: ", "IT is truncated")), (at, text)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_other_methods_of_zip_are_read(method: int, tmp_path: Path) -> None:
    assert is_whole(put(tmp_path, zipped(IMAGE, method)))


def test_an_archive_may_have_folders_and_the_files_of_macos(tmp_path: Path) -> None:
    path = tmp_path / "card.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images/", b"")
        archive.writestr("images/card.img", IMAGE)
        archive.writestr("__MACOSX/images/._card.img", b"attributes")
        archive.comment = b"made for a test"
    assert is_whole(path)


def test_an_archive_has_to_have_one_file(tmp_path: Path) -> None:
    none = put(tmp_path, zipped(b"", names=()))
    assert refused(Refusal, none) == "IT is a zip archive without a file"
    two = put(tmp_path, zipped(IMAGE, names=("a.img", "b\x1b[2J\n.img")))
    assert refused(Refusal, two) == (
        "IT has 2 files (a.img, b [2J .img), not one: unpack it and name the image"
    )
    many = put(tmp_path, zipped(b"", names=tuple(f"{i}.img" for i in range(5))))
    assert refused(Refusal, many).startswith("IT has 5 files (0.img, 1.img, 2.img, ...), not one")


def test_an_archive_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    method = put(tmp_path, zipped(IMAGE, zipfile.ZIP_LZMA))
    assert "compressed by zip's method 14, which is not known here" in refused(Refusal, method)
    data = bytearray(PACKED["zip"])
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    assert refused(Refusal, put(tmp_path, bytes(data))).startswith("IT is encrypted: unpack it")


@pytest.mark.parametrize(
    "field, change", [(16, b"\0\0\0\0"), (24, b"\0\2\0\0"), (42, b"\7\0\0\0")]
)
def test_an_archive_whose_list_is_wrong_is_damaged(
    field: int, change: bytes, tmp_path: Path
) -> None:
    """The list's CRC, size or place of the file."""
    data = bytearray(PACKED["zip"])
    at = data.rfind(b"PK\x01\x02") + field
    data[at : at + len(change)] = change
    assert refused(Failure, put(tmp_path, bytes(data))).startswith("IT is damaged: its file ")


NOT_IMAGES = {
    "a 7z archive": b"7z\xbc\xaf\x27\x1c",
    "a RAR archive": b"Rar!\x1a\x07\x01\x00",
    "a tar archive": bytes(257) + b"ustar\x0000",
    "compressed with lzip": b"LZIP\x01",
    "compressed with lz4": b"\x04\x22\x4d\x18",
    "compressed with lzma (the format before xz)": lzma.compress(b"x", lzma.FORMAT_ALONE),
    "compressed with compress (.Z)": b"\x1f\x9d\x90",
    "a QEMU disk (qcow2)": b"QFI\xfb",
    "a VMware disk": b"KDMV",
    "a Hyper-V disk (vhdx)": b"vhdxfile",
    "an Android sparse image": b"\x3a\xff\x26\xed",
    "an ELF file": b"\x7fELF",
}


@pytest.mark.parametrize("name", NOT_IMAGES)
def test_a_format_that_is_refused_is_named(name: str, tmp_path: Path) -> None:
    path = put(tmp_path, NOT_IMAGES[name].ljust(4096, b"\0"))
    expected = f"IT is {name}: an image to write is plain, or .xz, .gz, .bz2, .zip or .zst"
    assert refused(Refusal, path) == expected
    packed = put(tmp_path, gzip.compress(path.read_bytes()))
    assert refused(Refusal, packed) == f"what is in {expected}"


def test_what_is_compressed_twice_is_named(tmp_path: Path) -> None:
    text = refused(Refusal, put(tmp_path, gzip.compress(PACKED["xz"])))
    assert text.startswith("what is in IT is compressed with xz once more: ")


def test_what_is_unknown_is_no_card_image(tmp_path: Path) -> None:
    expected = "is no card image: its first sector has no partition table"
    assert refused(Refusal, put(tmp_path, bytes(4096))) == f"IT {expected}"
    packed = put(tmp_path, lzma.compress(bytes(4096)))
    assert refused(Refusal, packed) == f"what is in IT {expected}"


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_an_empty_one_is_told(kind: str, tmp_path: Path) -> None:
    assert refused(Failure, put(tmp_path, COMPRESS[kind](b""))) == "IT is empty"


def test_a_window_larger_than_memory_allows_is_refused(tmp_path: Path) -> None:
    settings = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    path = put(tmp_path, packer.compress(IMAGE) + packer.flush())
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 * MIB}]
    limit = "IT is compressed so that it takes more than 128 MiB of memory to read"
    assert refused(Failure, path) == limit
    assert refused(Failure, put(tmp_path, lzma.compress(IMAGE, filters=filters))) == limit


@pytest.mark.parametrize("kind", WHOLE_KINDS)
def test_the_sums_beside_it_are_of_the_image_or_of_the_file(kind: str, tmp_path: Path) -> None:
    plain = put(tmp_path, IMAGE)
    packed = put(tmp_path, PACKED[kind], f"card.img.{kind}")
    sums = tmp_path / "card.img.sha256"
    for file in (plain, packed):
        sums.write_text(f"{sha256(file)}  {file.name}\n")
        assert is_whole(packed)
    sums.write_text(f"{'0' * 64}  card.img\n")
    assert refused(Failure, packed).startswith("IT is damaged: its sha256 is ")


def bomb(kind: str, folder: Path) -> Path:
    """A card image of 160 MiB in one stream of some hundred kilobytes at most."""
    rest = bytes(160 * MIB)
    return put(folder, COMPRESS[kind](IMAGE[:512] + rest), f"bomb.{kind}")


@pytest.mark.parametrize("kind", ["gz", "bz2", "zst", "zip"])
def test_one_that_expands_beyond_the_disk_is_found_early_in_little_memory(
    kind: str, tmp_path: Path
) -> None:
    path = bomb(kind, tmp_path)
    program = (
        "import resource, sys, pathlib\n"
        "from pimem.card import source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: source.check(pathlib.Path(sys.argv[1]), 80 << 20)\n"
        "except source.TooLarge as exc: print(exc.needed, exc.known)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    told, grown = done.stdout.splitlines()
    assert told == f"{81 * MIB} False", "no more than a piece beyond the disk was read"
    assert int(grown) < 64 << 10, "KiB"


def test_a_plain_one_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = put(tmp_path, IMAGE[:512])
    with path.open("r+b") as image:
        image.truncate(1 << 40)
    with pytest.raises(TooLarge) as caught:
        source.check(path, 80 * MIB)
    assert (caught.value.needed, caught.value.known) == (1 << 40, True)


def test_suffixes_are_those_of_the_message() -> None:
    assert formats.known() == ".xz, .gz, .bz2, .zip or .zst"
    assert set(formats.SUFFIXES) == {*unpack.DECODERS, formats.ZIP}
