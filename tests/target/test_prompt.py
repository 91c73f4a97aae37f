# SPDX-License-Identifier: MIT
"""Keys at the prompt and in input(): words, characters beyond ASCII, history, completion."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from pimem.board.link import PROMPT, Link
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.also_raw

LEFT, RIGHT, UP, DOWN, HOME, END = (f"\x1b[{letter}" for letter in "DCABHF")
CTRL_LEFT, CTRL_RIGHT = "\x1b[1;5D", "\x1b[1;5C"
ALT_B, ALT_F, ALT_D, ALT_BACKSPACE = "\x1bb", "\x1bf", "\x1bd", "\x1b\x7f"
DELETE, CTRL_DELETE, BACKSPACE, CTRL_W, CTRL_U, CTRL_K = (
    "\x1b[3~",
    "\x1b[3;5~",
    *"\x7f\x17\x15\x0b",
)
MORE = b"... "


@pytest.fixture
def link(board: Machine) -> Iterator[Link]:
    """The friendly prompt."""
    board.link.leave_raw_repl()
    try:
        yield board.link
    finally:
        board.link.write(b"\x03")
        board.link.enter_raw_repl()


def press(link: Link, keys: str, until: bytes = PROMPT) -> str:
    """What the board sends after the keys and Enter, as text, without the next prompt."""
    link.write(keys.encode() + b"\r")
    shown = link.read_until(until, total=20).decode().replace("\r\n", "\n")
    return shown.removesuffix(until.decode())


def answer(link: Link, keys: str) -> str:
    """What a line printed."""
    return press(link, keys).partition("\n")[2].rstrip("\n")


class Screen:
    """A line of a terminal: what is in its columns, and where the cursor is."""

    def __init__(self, wide: str = "") -> None:
        self.cells: list[str] = []
        self.at = 0
        self.wide = wide

    def put(self, sent: str) -> Screen:
        while sent:
            if sent.startswith("\x1b["):
                end = next(i for i, c in enumerate(sent[2:], 2) if c.isalpha())
                self.control(sent[end], sent[2:end])
                sent = sent[end + 1 :]
                continue
            if sent[0] == "\b":
                self.at -= 1
            else:
                self.show(sent[0])
            sent = sent[1:]
        return self

    def control(self, final: str, number: str) -> None:
        if final == "K":
            del self.cells[self.at :]
        else:
            assert final == "D"
            self.at -= int(number)

    def show(self, character: str) -> None:
        columns = [character, ""] if character in self.wide else [character]
        self.cells[self.at : self.at + len(columns)] = columns
        self.at += len(columns)

    def __str__(self) -> str:
        return "".join(self.cells)


# (keys, the line they make). X is typed where the cursor ended up.
EDITS = {
    "ctrl-left": ("one two three" + CTRL_LEFT * 2 + "X", "one Xtwo three"),
    "alt-b": ("one two three" + ALT_B * 2 + "X", "one Xtwo three"),
    "ctrl-right": ("one two three" + HOME + CTRL_RIGHT * 2 + "X", "one twoX three"),
    "alt-f": ("one two three" + HOME + ALT_F + "X", "oneX two three"),
    "alt-arrows": ("one two" + "\x1b[1;3D" * 2 + "\x1b[1;3C" + "X", "oneX two"),
    "rxvt": ("one two" + "\x1bOd" * 2 + "\x1bOc" + "X", "oneX two"),
    "short ctrl": ("one two" + "\x1b[5D" * 2 + "\x1b[5C" + "X", "oneX two"),
    "shift is no word": ("one two" + "\x1b[1;2D" * 2 + "X", "one tXwo"),
    "ctrl-w": ("one two three" + CTRL_W + "X", "one two X"),
    "ctrl-w inside": ("one two three" + LEFT * 2 + CTRL_W + "X", "one two Xee"),
    "ctrl-w at punctuation": ("f(a, b)" + CTRL_W + "X", "f(a, X"),
    "ctrl-w at the start": ("one" + HOME + CTRL_W + "X", "Xone"),
    "alt-backspace": ("one two" + ALT_BACKSPACE + "X", "one X"),
    "alt-d": ("one two three" + HOME + ALT_D + "X", "X two three"),
    "alt-d at the end": ("one" + ALT_D + "X", "oneX"),
    "ctrl-delete": ("one two" + HOME + CTRL_DELETE + "X", "X two"),
    "ctrl-u": ("one two" + LEFT * 3 + CTRL_U + "X", "Xtwo"),
    "ctrl-k": ("one two" + LEFT * 3 + CTRL_K + "X", "one X"),
    "words beyond ascii": ("grün blau" + CTRL_LEFT * 2 + "X", "Xgrün blau"),
    "ctrl-w beyond ascii": ("der größte" + CTRL_W + "X", "der X"),
    "left by character": ("äöü" + LEFT * 2 + "X", "äXöü"),
    "right by character": ("äöü" + HOME + RIGHT * 2 + "X", "äöXü"),
    "backspace a character": ("a雪🐍" + BACKSPACE + "X", "a雪X"),
    "delete a character": ("雪🐍é" + HOME + DELETE * 2 + "X", "Xé"),
    "insert before wide ones": ("雪🐍" + LEFT + "é" + HOME + "X", "X雪é🐍"),
    "home and end": ("mid" + HOME + "<" + END + ">X", "<mid>X"),
    "vt home and end": ("mid" + "\x1b[1~" + "<" + "\x1b[4~" + ">X", "<mid>X"),
    "application keys": ("mid" + "\x1bOD" * 2 + "X" + "\x1bOC", "mXid"),
    "no bytes of what is no key": ("a\x1b[200~b\x1b[201~c\x1b[15~\x1bzX", "abcX"),
}


def typed_into_input(link: Link, keys: str) -> tuple[str, str]:
    """What input() returned for the keys, and what was sent to the screen meanwhile."""
    link.write(b"import json; ('\\x1e', json.dumps(input('? ')))\r")
    link.read_until(b"\r\n? ", total=20)
    link.write(keys.encode("utf-8", "surrogateescape") + b"\r")
    sent, _, result = link.read_until(PROMPT, total=20).decode().partition("\r\n")
    value = json.loads(eval(result.removesuffix(PROMPT.decode()))[1])  # noqa: S307
    return value, sent


@pytest.mark.parametrize("name", EDITS)
def test_keys_edit_the_line_and_the_screen_shows_it(link: Link, name: str) -> None:
    keys, line = EDITS[name]
    value, sent = typed_into_input(link, keys)
    screen = Screen(wide="雪🐍").put(sent)
    assert value == line
    assert str(screen) == line
    assert "X" in str(screen)[: screen.at], "the cursor is behind what was typed last"


@pytest.mark.parametrize(
    "text",
    [
        "é",
        "naïve – 雪 – 🐍",
        "Ω" * 300,
        "e\u0301 combining",
        "\U0010ffff\u07ff\u0800\uffff\U00010000",
    ],
    ids=["e", "mixed", "long", "combining", "limits"],
)
def test_text_beyond_ascii_arrives(link: Link, text: str) -> None:
    assert typed_into_input(link, text)[0] == text
    assert answer(link, f"print({text!r}, len('é'))") == f"{text} 1"


# Overlong forms, surrogates, beyond Unicode, a lone continuation, a character cut short.
@pytest.mark.parametrize(
    "junk", ["c0af", "c1bf", "e08080", "eda080", "f0808080", "f4908080", "f5", "80", "e99b", "ff"]
)
def test_what_is_not_utf_8_is_dropped(link: Link, junk: str) -> None:
    keys = "a" + bytes.fromhex(junk).decode("utf-8", "surrogateescape") + "bé"
    assert typed_into_input(link, keys)[0] == "abé"


def test_names_and_strings_of_a_program_may_be_beyond_ascii(link: Link) -> None:
    assert answer(link, "größe = 'ß'") == ""
    assert answer(link, "print(größe * 2)") == "ßß"
    press(link, "def f():", MORE)
    press(link, "return 'Δ'\r\r\r")
    assert answer(link, "print(f())") == "Δ"


def test_paste_mode_takes_characters_beyond_ascii(link: Link) -> None:
    link.write(b"\x05")
    link.read_until(b"=== ", total=20)
    link.write("s = 'é雪'\rprint(s + s)\r".encode() + b"\x04")
    assert "é雪é雪\r\n" in link.read_until(PROMPT, total=20).decode()


def test_the_history_has_earlier_lines(link: Link) -> None:
    for line in ("1 + 1", "print('é' * 2)", "3 + 3"):
        press(link, line)
    assert answer(link, UP) == "6", "a line that is entered again is not kept twice"
    assert answer(link, UP * 3) == "2"
    assert answer(link, UP * 3) == "éé"
    assert answer(link, UP * 2 + DOWN + LEFT * 6 + BACKSPACE + "ö") == "öö"
    assert answer(link, UP + DOWN + "7") == "7"
    assert answer(link, UP * 50 + CTRL_U + "8") == "8"
    assert answer(link, UP * 2 + "0") == "70"


def test_indentation_goes_on_and_backspace_takes_a_step_of_it(link: Link) -> None:
    press(link, "for i in range(2):", MORE)
    press(link, "if i:", MORE)
    link.write(b"i + 5\r")
    assert link.read_until(MORE, total=20).decode() == "        i + 5\r\n... "
    assert link.read_until(b"        ", total=20) == b"        "
    link.write(BACKSPACE.encode() * 2)
    assert "6" in press(link, "\r")
    press(link, "if 1:", MORE)
    assert "9" in press(link, " 9\r", PROMPT), "a pasted block brings its own indentation"


def test_ctrl_c_and_ctrl_d_in_a_line(link: Link) -> None:
    link.write(b"nonsense\x03")
    link.read_until(PROMPT, total=20)
    assert answer(link, "12" + LEFT + "\x04") == "1", "Ctrl-D deletes the character at the cursor"
    link.write("x = 'é\x1b[".encode() + b"\x03")
    link.read_until(PROMPT, total=20)
    assert answer(link, "print('é')") == "é"


# (typed before Tab, the line after it). None: several names fit and are listed.
COMPLETIONS = {
    "import mem": "import memory",
    "import memory.pag": "import memory.pagers",
    "import memory.us": "import memory.user",
    "from mem": "from memory",
    "import gc, mem": "import gc, memory",
    "import machi": "import machine",
    "import asynci": "import asyncio",
    "imp": "import ",
    "import _mem": "import _memory",
    "import nothing": "import nothing",
    "from memory.p": "from memory.pagers",
    "'é'; import mem_": "'é'; import mem_",
}


@pytest.mark.parametrize("typed", COMPLETIONS)
def test_tab_completes_modules(link: Link, typed: str) -> None:
    link.write(typed.encode() + b"\t#")
    shown = link.read_until(b"#", total=20).decode()
    assert str(Screen().put(shown)) == COMPLETIONS[typed] + "#"


def test_tab_lists_what_fits(link: Link) -> None:
    link.write(b"import memory.\t")
    shown = link.read_until(b"import memory.", total=20) + link.read_until(b">>> ", total=20)
    names = set(shown.decode().partition("import memory.")[2].split()) - {">>>"}
    assert names == {"boot", "frames", "pagers", "user"}, "private modules are not offered"
    assert link.read_until(b"import memory.", total=20) == b"import memory."
    assert "u" in press(link, "u\t")
    assert "memory" not in answer(link, "import memory")
    link.write(b"memory.\t")
    shown = link.read_until(b">>> memory.", total=20).decode().partition("memory.")[2]
    names = set(shown.split()) - {">>>", "memory."}
    assert {"kernel", "identity", "heap", "selftest", "regs", "ramdisk", "pagers"} < names
    assert [name for name in names if name.startswith("_")] == []
    press(link, CTRL_U)
    link.write(b"memory._rep\t#")
    assert str(Screen().put(link.read_until(b"#", total=20).decode())) == "memory._report#"
