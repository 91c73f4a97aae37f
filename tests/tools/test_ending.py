# SPDX-License-Identifier: MIT
"""Where the output of a script in the raw REPL ends, whatever the script prints."""

from __future__ import annotations

import pytest

from pimem.board.link import RAW_PROMPT, REBOOT, TRACEBACK, ending

TRACE = TRACEBACK + b'  File "<stdin>", line 1, in <module>\r\nValueError: '


@pytest.mark.parametrize(
    ("data", "output", "errors"),
    [
        (b"\x04\x04>", b"", b""),
        (b"a\x04\x04>", b"a", b""),
        (b"a\x04b\x04>\x04\x04>", b"a\x04b\x04>", b""),
        (b"\x04\x04>\x04\x04>", b"\x04\x04>", b""),
        (b"a\x04" + TRACE + b"1\r\n\x04>", b"a", TRACE + b"1\r\n"),
        (b"a\x04b\x04" + TRACE + b"c\x04d\r\n\x04>", b"a\x04b", TRACE + b"c\x04d\r\n"),
        (b"\x04" + TRACE + b"\x04\x04>", b"\x04" + TRACE, b""),
        (b"a\x04MemoryError: \r\n\x04>", b"a", b"MemoryError: \r\n"),
        (b"a\x04b\x04\x04" + REBOOT + RAW_PROMPT, b"a\x04b", b""),
        (b"a\x04>\x04\x04" + REBOOT, b"a\x04>", b""),
    ],
)
def test_output_and_traceback_are_told_apart(data: bytes, output: bytes, errors: bytes) -> None:
    assert ending(data) == (output, errors)
