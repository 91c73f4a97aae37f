# SPDX-License-Identifier: MIT
"""Keys from the bytes of a terminal, and how many columns characters take."""

import ctypes
import functools
import unicodedata
from ctypes import c_bool, c_char, c_uint8, c_uint32
from enum import IntEnum

import host_library
import pytest
from hypothesis import given
from hypothesis import strategies as st

SOURCE = host_library.PORT / "machine" / "line_keys.c"


class Key(IntEnum):
    """line_key_t."""

    NONE = 0
    CHARACTER = 1
    ENTER = 2
    TAB = 3
    LEFT = 4
    RIGHT = 5
    UP = 6
    DOWN = 7
    HOME = 8
    END = 9
    WORD_LEFT = 10
    WORD_RIGHT = 11
    BACKSPACE = 12
    DELETE = 13
    CUT_WORD_LEFT = 14
    CUT_WORD_RIGHT = 15
    CUT_TO_START = 16
    CUT_TO_END = 17


class Keys(ctypes.Structure):
    """line_keys_t."""

    _fields_ = (
        ("state", c_uint8),
        ("parameter", c_uint8),
        ("parameters", c_uint8 * 2),
        ("have", c_uint8),
        ("size", c_uint8),
        ("bytes", c_char * 4),
    )


@functools.cache
def library() -> ctypes.CDLL:
    lib = host_library.build("line_keys", [str(SOURCE)])
    lib.line_keys_init.argtypes = [ctypes.POINTER(Keys)]
    lib.line_keys_init.restype = None
    lib.line_keys_put.argtypes = [ctypes.POINTER(Keys), c_uint8]
    lib.line_keys_is_idle.argtypes = [ctypes.POINTER(Keys)]
    lib.line_keys_is_idle.restype = c_bool
    lib.line_keys_columns.argtypes = [c_uint32]
    return lib


def press(data: bytes) -> list[str]:
    """The keys that the bytes make: names, and characters as they are."""
    keys = Keys()
    library().line_keys_init(ctypes.byref(keys))
    found = []
    for byte in data:
        key = Key(library().line_keys_put(ctypes.byref(keys), byte))
        if key is Key.CHARACTER:
            raw = ctypes.string_at(ctypes.addressof(keys) + Keys.bytes.offset, keys.size)
            found.append(raw.decode())
        elif key is not Key.NONE:
            found.append(key.name)
    return found


SEQUENCES = {
    "cursor": (b"\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F", "UP DOWN RIGHT LEFT HOME END"),
    "application": (b"\x1bOA\x1bOB\x1bOC\x1bOD\x1bOH\x1bOF", "UP DOWN RIGHT LEFT HOME END"),
    "numbers": (b"\x1b[1~\x1b[7~\x1b[4~\x1b[8~\x1b[3~", "HOME HOME END END DELETE"),
    "ctrl": (b"\x1b[1;5C\x1b[1;5D\x1b[3;5~", "WORD_RIGHT WORD_LEFT CUT_WORD_RIGHT"),
    "alt arrows": (b"\x1b[1;3C\x1b[1;3D", "WORD_RIGHT WORD_LEFT"),
    "alt letters": (b"\x1bb\x1bf\x1bd", "WORD_LEFT WORD_RIGHT CUT_WORD_RIGHT"),
    "shift": (b"\x1b[1;2C\x1b[1;2D", "RIGHT LEFT"),
    "rxvt": (b"\x1bOc\x1bOd", "WORD_RIGHT WORD_LEFT"),
    "short": (b"\x1b[5C\x1b[5D", "WORD_RIGHT WORD_LEFT"),
    "alt backspace": (b"\x1b\x7f\x1b\x08", "CUT_WORD_LEFT CUT_WORD_LEFT"),
    "control": (
        b"\r\t\x17\x15\x0b\x08\x7f",
        "ENTER TAB CUT_WORD_LEFT CUT_TO_START CUT_TO_END BACKSPACE BACKSPACE",
    ),
    "emacs": (b"\x01\x05\x02\x06\x04\x10\x0e", "HOME END LEFT RIGHT DELETE UP DOWN"),
    "unknown": (b"\x1b[15~\x1b[200~\x1b[?25h\x1bz\x1b[1;2;3;4;5mX", "X"),
    "huge numbers": (b"\x1b[99999999999;5555555555CX", "WORD_RIGHT X"),
    "interrupted": (b"\x1b[1\x1b[Aa\x1b\x1b[B", "UP a DOWN"),
    "a control character ends a sequence": (b"\x1b[1\rA\x1bO\rB", "ENTER A ENTER B"),
    "nul and the like": (b"\x00\x03\x1d\x1fA", "A"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_are_keys(name: str) -> None:
    data, keys = SEQUENCES[name]
    assert press(data) == keys.split()


@given(st.text(st.characters(min_codepoint=32, exclude_characters="\x7f", codec="utf-8")))
def test_characters_arrive(text: str) -> None:
    assert "".join(press(text.encode())) == text


@given(st.binary(max_size=40))
def test_any_bytes_give_whole_characters(data: bytes) -> None:
    """What is not UTF-8 is dropped; what is, arrives: as a decoder that ignores errors does."""
    plain = bytes(b for b in data if b >= 32 and b != 127)
    assert "".join(press(plain)) == plain.decode("utf-8", "ignore")
    press(data)


def test_every_character_below_the_limits_of_the_forms_arrives() -> None:
    for code in (0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF):
        assert press(chr(code).encode()) == [chr(code)]


# Overlong forms, surrogates, beyond Unicode, a lone continuation, a character cut short.
JUNK = ["c080", "c1bf", "e08080", "e09fbf", "eda080", "edbfbf", "f0808080", "f08fbfbf"]
JUNK += ["f4908080", "f5808080", "80", "bf80", "e99b", "f09f90", "ff"]


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_not_utf_8_is_dropped(junk: str) -> None:
    assert press(b"a" + bytes.fromhex(junk) + "é".encode()) == ["a", "é"]


def test_a_key_begins_where_the_one_before_ended() -> None:
    keys = Keys()
    library().line_keys_init(ctypes.byref(keys))
    for byte, idle in zip(b"\x1b[1;5Ca\xc3\xa9", "FFFFFTTFT", strict=True):
        library().line_keys_put(ctypes.byref(keys), byte)
        assert library().line_keys_is_idle(ctypes.byref(keys)) == (idle == "T")


def test_columns_are_those_of_unicode() -> None:
    wrong = [
        character
        for character in "aéßΔж–€…ﬀ" + "雪漢字한글ひらカタ！" + "🐍😀🚀🧠" + "\u0301\u200d\ufe0f"
        if library().line_keys_columns(ord(character)) != expected_columns(character)
    ]
    assert wrong == []


def expected_columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def test_ascii_and_latin_take_a_column_each() -> None:
    assert {library().line_keys_columns(code) for code in [*range(32, 127), *range(161, 768)]} == {
        1
    }
