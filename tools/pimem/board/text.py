# SPDX-License-Identifier: MIT
"""A board's bytes as text: UTF-8, with plain newlines."""

from __future__ import annotations

import codecs
from typing import TextIO


def to_text(data: bytes) -> str:
    """Decode bytes that are all there."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


class TextDecoder:
    """Decodes bytes as they come in pieces, which may end inside a character or a line end."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""  # a carriage return whose newline may be in the next piece

    def __call__(self, data: bytes) -> str:
        text = self._held + self._decode(data)
        self._held = "\r" if text.endswith("\r") else ""
        return text.removesuffix("\r").replace("\r\n", "\n")

    def finish(self) -> str:
        """Return what was held back, when nothing more will come."""
        text = self._held + self._decode(b"", True)
        self._held = ""
        return text


class Output:
    """Writes the board's bytes to a text stream as they come; a sink for a link."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = TextDecoder()

    def __call__(self, data: bytes) -> None:
        self._stream.write(self._decoder(data))
        self._stream.flush()

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write(self._decoder.finish())
        self._stream.flush()
